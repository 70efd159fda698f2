using System.Text;
using System.Text.Json;
using Gateway.Pricing;
using Xunit;

namespace Gateway.Tests.Gateway.Pricing;

public sealed class PriceListTests
{
    private const string Models = """
        {"data":[
          {"id":"openai/gpt-4o","canonical_slug":"openai/gpt-4o-2024-08-06","pricing":{"prompt":"0.0000025","completion":"0.00001","request":"0.001"}},
          {"id":"meta/llama:free","pricing":{"prompt":"0","completion":"0"}},
          {"id":"openrouter/auto","pricing":{"prompt":"-1","completion":"-1"}},
          {"id":"odd/none"},
          {"id":"odd/text","pricing":{"prompt":"cheap","completion":"0"}},
          {"id":"odd/half","pricing":{"prompt":"0.1"}},
          {"id":"odd/number","pricing":{"prompt":0.5,"completion":1e-6}},
          7, null, "x"
        ],"more":1}
        """;

    private static PriceList List() => PriceList.Read(Encoding.UTF8.GetBytes(Models));

    [Theory]
    [InlineData("openai/gpt-4o")]
    [InlineData("OpenAI/GPT-4o")]
    [InlineData(" openai/gpt-4o ")]
    [InlineData("openai/gpt-4o-2024-08-06")]
    [InlineData("openai/gpt-4o:nitro")]
    [InlineData("openai/gpt-4o:online:FLOOR")]
    public void EverySpellingOfAModel_HasItsPrice(string name)
    {
        Assert.True(List().TryFind(name, out var price));
        Assert.Equal(new ModelPrice(new(2_500_000), new(10_000_000), new(1_000_000_000)), price);
    }

    [Fact]
    public void FreeIsAPrice()
    {
        Assert.True(List().TryFind("meta/llama:free", out var price));
        Assert.Equal(default, price);
    }

    [Theory]
    [InlineData("meta/llama")]
    [InlineData("openai/gpt-4o:free")]
    [InlineData("openai/gpt-4o:thinking")]
    [InlineData("openrouter/auto")]
    [InlineData("odd/none")]
    [InlineData("odd/text")]
    [InlineData("odd/half")]
    [InlineData("unknown")]
    [InlineData("")]
    [InlineData(":nitro")]
    public void WhatHasNoPrice_IsNotFree(string name) => Assert.False(List().TryFind(name, out _));

    [Fact]
    public void PricesAsNumbers_AreReadExactly()
    {
        Assert.True(List().TryFind("odd/number", out var price));
        Assert.Equal(new ModelPrice(new(500_000_000_000), new(1_000_000), default), price);
    }

    [Fact]
    public void StatedPrices_GoFirst()
    {
        var list = List().With(new Dictionary<string, ModelPrice> { ["openai/gpt-4o"] = new(new(1), new(2), new(3)), ["mine"] = default });

        Assert.True(list.TryFind("OPENAI/gpt-4o", out var price));
        Assert.Equal(new ModelPrice(new(1), new(2), new(3)), price);
        Assert.True(list.TryFind("mine", out _));
    }

    [Fact]
    public void ListOnDisk_IsTheListAsked()
    {
        var others = Encoding.UTF8.GetBytes("""{"data":[{"id":"embed","description":"long","pricing":{"prompt":"0.1","completion":"0"}}]}""");
        var kept = PriceList.Join(Encoding.UTF8.GetBytes(Models.Replace("7, null, \"x\"", "{}", StringComparison.Ordinal)), others);

        var list = PriceList.Read(kept);

        Assert.True(list.TryFind("embed", out _));
        Assert.True(list.TryFind("openai/gpt-4o-2024-08-06", out _));
        Assert.False(list.TryFind("openrouter/auto", out _));
        Assert.DoesNotContain("description", Encoding.UTF8.GetString(kept), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{"data":{}}""")]
    [InlineData("<html>")]
    public void WhatIsNoList_IsRefused(string text) =>
        Assert.ThrowsAny<JsonException>(() => PriceList.Read(Encoding.UTF8.GetBytes(text)));
}
