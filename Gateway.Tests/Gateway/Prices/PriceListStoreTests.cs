using System.Text;
using Gateway.Configuration;
using Gateway.Prices;
using Gateway.Pricing;
using Gateway.Primitives;
using Gateway.Tests.Gateway.Configuration;
using Xunit;

namespace Gateway.Tests.Gateway.Prices;

/// <summary>Promise: of the list's prices, the settings replace those that they state, and no others.</summary>
public sealed class PriceListStoreTests
{
    private const string Listed = """
        {"data":[
          {"id":"a/m","canonical_slug":"a/m-2026","pricing":{"prompt":"0.000001","completion":"0.000002","request":"0.5","input_cache_write":"0.000003",
            "input_cache_write_1h":"0.000004","image_token":"0.000005","image":"0.006","image_output":"0.007","web_search":"0.008",
            "internal_reasoning":"0.000009","overrides":[{"min_prompt_tokens":1000,"prompt":"0.00001"}]} } ]}
        """;

    [Theory]
    [InlineData("a/m", "a/m")]
    [InlineData(" A/M ", "a/m")]
    [InlineData("a/m-2026", "a/m-2026")]
    [InlineData("a/m:nitro", "a/m:nitro")]
    public async Task StatedPrice_ReplacesItsOwnMembers(string stated, string asked)
    {
        var price = await FindAsync($$"""{ "Model": "{{stated}}", "Prompt": "0.0000002", "Completion": "0.0000003" }""", asked);

        Assert.Equal(Usd("0.0000002"), price.At(1000).Prompt);
        Assert.Equal(Usd("0.00001"), price.At(1001).Prompt);
        Assert.Equal(Usd("0.5"), price.At(0).Request);
        Assert.Equal(
            (Usd("0.000003"), Usd("0.000004"), Usd("0.000005"), Usd("0.006"), Usd("0.007"), Usd("0.008")),
            (price.At(0).CacheWrite, price.At(0).LongCacheWrite, price.At(0).MediaToken, price.At(0).MediaItem, price.At(0).OutputItem, price.At(0).Search));

        // Reasoning has a price of its own, which the settings do not state.
        var size = new RequestSize { TextBytes = 0, BytesPerToken = 1, Choices = 1, StatedOutputTokens = 1, OutputTokens = 1 };
        Assert.Equal(Usd("0.507009"), ReservationEstimate.Estimate(price.At(0), size));
    }

    [Fact]
    public async Task StatedRequestPrice_ReplacesTheListed() => Assert.Equal(
        Usd("0"),
        (await FindAsync("""{ "Model": "a/m", "Prompt": "0", "Completion": "0", "Request": "0" }""", "a/m")).At(0).Request);

    [Fact]
    public async Task ModelThatTheListLacks_HasTheStatedPricesOnly() => Assert.Equal(
        new ListedPrice(new ModelPrice(Usd("1"), Usd("2"), default)),
        await FindAsync("""{ "Model": "mine", "Prompt": "1", "Completion": "2" }""", "mine"));

    private static PicoDollars Usd(string text)
    {
        Assert.True(PicoDollars.TryParse(Encoding.UTF8.GetBytes(text), out var amount));
        return amount;
    }

    private static async Task<ListedPrice> FindAsync(string stated, string asked)
    {
        using var folder = new SettingsFolder();
        folder.Write("appsettings.json", SettingsFolder.Json($$""" "Limits": { "Prices": [ {{stated}} ] } """));
        var store = new PriceListStore(TimeProvider.System);
        store.Put(PriceList.Read(Encoding.UTF8.GetBytes(Listed)), hasModels: true);
        SettingsSnapshot snapshot = await folder.LoadGoodAsync();

        Assert.True(store.For(snapshot).TryFind(asked, out var price, out _));
        return price;
    }
}
