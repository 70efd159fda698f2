using System.Text;
using System.Text.Json;
using Gateway.Pricing;
using Gateway.Tests.Support;
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

    private static PriceList List() => Read(Models);

    private static PriceList Read(string text) => PriceList.Read(Encoding.UTF8.GetBytes(text));

    [Theory]
    [InlineData("openai/gpt-4o")]
    [InlineData("OpenAI/GPT-4o")]
    [InlineData(" openai/gpt-4o ")]
    [InlineData("openai/gpt-4o-2024-08-06")]
    [InlineData("openai/gpt-4o:nitro")]
    [InlineData("openai/gpt-4o:online:FLOOR")]
    public void EverySpellingOfAModel_HasItsPrice(string name)
    {
        Assert.True(List().TryFind(name, out var price, out _));
        Assert.Equal(new ListedPrice(new ModelPrice(new(2_500_000), new(10_000_000), new(1_000_000_000))), price);
    }

    /// <summary>A name may have any number of dynamic variants, which must not become tags of metrics.</summary>
    [Theory]
    [InlineData("openai/gpt-4o", "openai/gpt-4o")]
    [InlineData(" openai/gpt-4o ", "openai/gpt-4o")]
    [InlineData("openai/gpt-4o:floor:exacto:FLOOR:online:nitro", "openai/gpt-4o")]
    [InlineData("meta/llama:free", "meta/llama:free")]
    [InlineData("meta/llama:free:nitro", "meta/llama:free")]
    [InlineData(":nitro", "")]
    public void NameInTheList_HasNoDynamicVariants(string name, string expected) => Assert.Equal(expected, PriceList.WithoutVariants(name));

    [Fact]
    public void FreeIsAPrice()
    {
        Assert.True(List().TryFind("meta/llama:free", out var price, out _));
        Assert.Equal(new ListedPrice(default(ModelPrice)), price);
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
    public void WhatHasNoPrice_IsNotFree(string name) => Assert.False(List().TryFind(name, out _, out _));

    [Fact]
    public void PricesAsNumbers_AreReadExactly()
    {
        Assert.True(List().TryFind("odd/number", out var price, out _));
        Assert.Equal(new ModelPrice(new(500_000_000_000), new(1_000_000), default), price.Price);
    }

    [Fact]
    public void StatedPrices_GoFirst()
    {
        var stated = new ListedPrice(new ModelPrice(new(1), new(2), new(3)));
        var list = List().With(new Dictionary<string, ListedPrice> { ["openai/gpt-4o"] = stated, ["mine"] = stated });

        Assert.True(list.TryFind("OPENAI/gpt-4o", out var price, out _));
        Assert.Equal(stated, price);
        Assert.True(list.TryFind("mine", out _, out _));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void StatedPrices_AreAddedHoweverFew(int count)
    {
        var list = List();

        var all = list.With(Enumerable.Range(0, count).ToDictionary(i => $"mine/{i}", Price));

        Assert.Equal(list.Count + count, all.Count);
        Assert.Equal(list.Entries, all.Entries.Where(entry => !entry.Key.StartsWith("mine/", StringComparison.Ordinal)));
        for (var i = 0; i < count; i++)
        {
            Assert.True(all.TryFind($"mine/{i}", out var price, out _));
            Assert.Equal(Price(i), price);
        }

        static ListedPrice Price(int i) => new(new ModelPrice(new(i), new(2), new(3)));
    }

    [Theory]
    [InlineData("""{"prompt":"1"}""")]
    [InlineData("""{"completion":"1"}""")]
    [InlineData("""{"request":"1"}""")]
    [InlineData("""{"prompt":null,"completion":"1"}""")]
    [InlineData("""{"prompt":"1","completion":[]}""")]
    [InlineData("""{"prompt":"-0.000000000001","completion":"1"}""")]
    [InlineData("""{"prompt":"1","completion":"-0.000000000001"}""")]
    [InlineData("""{"prompt":"1","completion":"1","request":"-0.000000000001"}""")]
    public void HalfAPrice_IsNoPrice(string pricing) =>
        Assert.Equal(0, Read($$"""{"data":[{"id":"half","pricing":{{pricing}}}]}""").Count);

    [Fact]
    public void ListOnDisk_IsTheListAsked()
    {
        var list = List();

        var kept = PriceList.Read(list.ToJson());

        Assert.Equal(list.Entries, kept.Entries);
        Assert.True(kept.TryFind("openai/gpt-4o-2024-08-06", out _, out _));
        Assert.False(kept.TryFind("openrouter/auto", out _, out _));
    }

    [Fact]
    public void ListOverAnother_HasBoth_AndItsOwnPrices()
    {
        var other = Read("""
            {"data":[{"id":"embed","pricing":{"prompt":"0.1","completion":"0"}},{"id":"meta/llama:free","pricing":{"prompt":"1","completion":"1"}}]}
            """);

        var both = List().Over(other);

        Assert.True(both.TryFind("embed", out _, out _));
        Assert.True(both.TryFind("openai/gpt-4o", out _, out _));
        Assert.True(both.TryFind("meta/llama:free", out var price, out _));
        Assert.Equal(new ListedPrice(default(ModelPrice)), price);
    }

    // OpenRouter's list has several entries of one canonical slug, in any order.
    [Theory]
    [InlineData("x", "x:free", "x:batch")]
    [InlineData("x:free", "x", "x:batch")]
    [InlineData("x:batch", "x:free", "x")]
    public void FreeAndBatchEntries_LendTheirPriceToNoOtherName(params string[] order)
    {
        var prices = new Dictionary<string, int> { ["x"] = 2, ["x:free"] = 0, ["x:batch"] = 1 };
        var list = Read("{\"data\":[" + string.Join(',', order.Select(id => Entry(id, "x-2026", prices[id]))) + "]}");

        Assert.Equal(2, PromptOf(list, "x"));
        Assert.Equal(2, PromptOf(list, "x-2026"));
        Assert.Equal(2, PromptOf(list, "x-2026:nitro"));
        Assert.Equal(0, PromptOf(list, "x:free"));
        Assert.Equal(0, PromptOf(list, "x:free:online"));
        Assert.Equal(1, PromptOf(list, "X:batch"));
        Assert.Null(PromptOf(list, "x-2026:free"));
        Assert.Equal(list.ToJson(), PriceList.Read(list.ToJson()).ToJson());
    }

    [Fact]
    public void SlugOfFreeAndBatchEntriesAlone_HasNoPrice() =>
        Assert.Null(PromptOf(Read($$"""{"data":[{{Entry("x:free", "x", 0)}},{{Entry("x:batch", "x", 1)}}]}"""), "x"));

    [Fact]
    public void Id_GoesBeforeASlug_AndOfSeveralPricesTheHighestCounts()
    {
        var list = Read($$"""
            {"data":[{{Entry("y", "x", 9)}},{{Entry("x", "z", 1)}},{{Entry("X", "z", 3)}},{{Entry("x", "z", 2)}},{{Entry("w", "v", 4)}},{{Entry("u", "v", 5)}}]}
            """);

        Assert.Equal(3, PromptOf(list, "x"));
        Assert.Equal(3, PromptOf(list, "z"));
        Assert.Equal(5, PromptOf(list, "v"));
    }

    [Fact]
    public void NewerSlug_ReplacesAnOlderId()
    {
        // Files of earlier versions have slugs as ids.
        var old = Read($$"""{"data":[{{Entry("x-2026", null, 0)}},{{Entry("gone", null, 7)}}]}""");

        var list = Read($$"""{"data":[{{Entry("x", "x-2026", 2)}}]}""").Over(old);

        Assert.Equal(2, PromptOf(list, "x-2026"));
        Assert.Equal(7, PromptOf(list, "gone"));
    }

    [Fact]
    public void JoinedLists_HaveTheHigherPriceOfEachName()
    {
        var list = Read($$"""{"data":[{{Entry("x", "s", 2)}},{{Entry("y", null, 1)}}]}""")
            .Join(Read($$"""{"data":[{{Entry("X", "s", 1)}},{{Entry("y", null, 4)}}]}"""));

        Assert.Equal(2, PromptOf(list, "x"));
        Assert.Equal(2, PromptOf(list, "s"));
        Assert.Equal(4, PromptOf(list, "y"));
    }

    [Fact]
    public void JoinedLists_HaveTheSlugsOfBoth()
    {
        var list = Read($$"""{"data":[{{Entry("x", "s", 2)}}]}""").Join(Read($$"""{"data":[{{Entry("y", "t", 3)}}]}"""));

        Assert.Equal(2, PromptOf(list, "s"));
        Assert.Equal(3, PromptOf(list, "t"));
        Assert.Equal(4, list.Count);
    }

    [Theory]
    [InlineData("x:FREE")]
    [InlineData("x:Batch")]
    public void CheapVariant_InAnySpelling_LendsNoPriceToItsSlug(string id) =>
        Assert.Null(PromptOf(Read($$"""{"data":[{{Entry(id, "s", 0)}}]}"""), "s"));

    [Theory]
    [InlineData(" x:floor:NITRO ")]
    [InlineData("x:Exacto")]
    [InlineData("x")]
    public void FastTier_IsFoundByEverySpellingOfItsModel(string name)
    {
        var list = Read($$"""{"data":[{{Entry("x", null, 1)}},{{Entry("x-fast", null, 6)}}]}""");

        Assert.True(list.TryFindFast(name, out var price));
        Assert.Equal(PromptOf(list, "x-fast"), (long)(price.Price.Prompt.Value / 1_000_000_000_000));
    }

    [Theory]
    [InlineData("x:floor:NITRO", true)]
    [InlineData("x:floor:exacto", false)]
    public void Nitro_IsToldInAnySpelling(string name, bool isNitro)
    {
        Assert.True(Read($$"""{"data":[{{Entry("x", null, 1)}}]}""").TryFind(name, out _, out var variants));
        Assert.Equal(isNitro ? ModelVariants.Nitro : ModelVariants.None, variants);
    }

    [Fact]
    public void EveryPart_IsReadAndKeptOnDisk()
    {
        var list = Read("""
            {"data":[{"id":"m","pricing":{"prompt":"0.000003","completion":"0.00001","internal_reasoning":"0.00002","audio_output":"0.00004",
              "image_output":"0.00003","request":"0.5","input_cache_read":"9","input_cache_write":"0.00000375","input_cache_write_1h":"0.000006",
              "audio":"0.000007","image_token":"0.000001","image":"0.004","web_search":"0.01","discount":0.5,"overrides":[
                {"min_prompt_tokens":200000,"prompt":"0.000006"},
                {"utc_start":"2200","utc_end":"0600","completion":"0.00005","image":"-1"},
                {"min_prompt_tokens":"odd","input_cache_write":"0.00001","image_output":"0.04"},
                {"prompt":"damaged"}, null, 7 ] } }]}
            """);

        var expected = new ListedPrice(
            new ModelPrice(new(3_000_000), new(10_000_000), new(500_000_000_000))
            {
                OutputToken = new(40_000_000),
                CacheWrite = new(3_750_000),
                LongCacheWrite = new(6_000_000),
                MediaToken = new(7_000_000),
                MediaItem = new(4_000_000_000),
                Search = new(10_000_000_000),
            },
            [
                new PriceOverride(200_000, new ModelPrice(new(6_000_000), default, default)),
                new PriceOverride(-1, new ModelPrice(default, new(50_000_000), default)),
                new PriceOverride(-1, default(ModelPrice) with { CacheWrite = new(10_000_000), OutputItem = new(40_000_000_000) }),
            ]);
        Assert.Equal(expected, list.Entries["m"]);
        Assert.Equal(expected, PriceList.Read(list.ToJson()).Entries["m"]);
        Assert.Equal(50_000_000, list.Entries["m"].At(0).CompletionToken.Value);
    }

    [Fact]
    public void EntryOfSeveralModels_IsKeptOnDiskWithItsUnaskedWrites()
    {
        var list = Read("""
            {"data":[
              {"id":"m","pricing":{"prompt":"0.000001","completion":"0","input_cache_write":"0.000003","overrides":[
                {"min_prompt_tokens":9,"input_cache_write":"0.000005"}]}},
              {"id":"m","pricing":{"prompt":"0.000001","completion":"0","input_cache_write":"0.000002","input_cache_write_1h":"0.000004","overrides":[
                {"min_prompt_tokens":9,"input_cache_write":"0.000006"}]}}]}
            """);

        var price = list.Entries["m"].At(10);

        Assert.Equal((5_000_000, 6_000_000, 4_000_000), ((long)price.UnaskedCacheWrite.Value, (long)price.CacheWrite.Value, (long)price.LongCacheWrite.Value));
        Assert.Equal(list.Entries["m"], PriceList.Read(list.ToJson()).Entries["m"]);
    }

    /// <summary>The model may write unasked, as one without the member may.</summary>
    [Theory]
    [InlineData("\"0\"")]
    [InlineData("\"n/a\"")]
    [InlineData("-1")]
    public void PriceOfAnHourThatIsNone_LeavesWritesUnasked(string hour)
    {
        const string Prices = "\"prompt\":\"0.000001\",\"completion\":\"0\",\"input_cache_write\":\"0.000003\"";
        var list = Read(
            "{\"data\":[{\"id\":\"m\",\"pricing\":{" + Prices + ",\"input_cache_write_1h\":" + hour + "}},{\"id\":\"n\",\"pricing\":{" + Prices + "}}]}");

        Assert.Equal(3_000_000, (long)list.Entries["m"].At(1).UnaskedCacheWrite.Value);
        Assert.Equal(list.Entries["n"], list.Entries["m"]);
        Assert.Equal(list.Entries["m"], PriceList.Read(list.ToJson()).Entries["m"]);
    }

    [Theory]
    [InlineData("[{\"min_prompt_tokens\":0,\"prompt\":\"-1\",\"completion\":\"0.001\"}]")]
    [InlineData("[{\"min_prompt_tokens\":0,\"prompt\":\"1e-99999\",\"completion\":\"0.001\"}]")]
    [InlineData("[{\"completion\":\"0.001\",\"request\":\"damaged\"}]")]
    [InlineData("{\"completion\":\"0.001\"}")]
    public void DamagedPriceOfAnOverride_LeavesTheOthers(string overrides)
    {
        var list = Read("""{"data":[{"id":"m","pricing":{"prompt":"0.000001","completion":"0.00001","overrides":""" + overrides + "}}]}");

        var price = list.Entries["m"].At(1);

        Assert.Equal((1_000_000, 1_000_000_000), ((long)price.Prompt.Value, (long)price.CompletionToken.Value));
    }

    private static string Entry(string id, string? slug, int prompt) =>
        $$"""{"id":"{{id}}"{{(slug is null ? "" : $",\"canonical_slug\":\"{slug}\"")}},"pricing":{"prompt":"{{prompt}}","completion":"0"} }""";

    private static long? PromptOf(PriceList list, string name) =>
        list.TryFind(name, out var price, out _) ? (long)(price.Price.Prompt.Value / 1_000_000_000_000) : null;

    // JSON's grammar allows all of these, and JsonElement throws at most of them.
    [Theory]
    [InlineData("null")]
    [InlineData("7")]
    [InlineData("[]")]
    [InlineData("""{"id":"\ud800bad","pricing":{"prompt":"1","completion":"1"}}""")]
    [InlineData("""{"id":"bad","pricing":{"prompt":"1\udc00","completion":"1"}}""")]
    [InlineData("""{"id":"bad","pricing":{"prompt":"1","completion":"1","request":"\ud800"}}""")]
    [InlineData("""{"id":"bad","pricing":{"prompt":1e99999,"completion":"1"}}""")]
    [InlineData("""{"id":"bad","pricing":{"prompt":"1","completion":null}}""")]
    [InlineData("""{"id":"bad","pricing":"\ud800"}""")]
    [InlineData("""{"id":"bad","id":null,"pricing":{"prompt":"1","completion":"1"}}""")]
    [InlineData("""{"id":{},"canonical_slug":[],"pricing":{"prompt":"1","completion":"1"}}""")]
    public void DamagedEntry_IsPassedOver_AndTheOthersStay(string entry)
    {
        var list = Read("""{"\ud800":1,"data":[{"\udfff":1,"id":"good","pricing":{"\ud800":2,"prompt":"1","completion":"1"}},""" + entry + "]}");

        Assert.Equal(["good"], list.Entries.Keys);
        Assert.Equal(list.Entries, PriceList.Read(list.ToJson()).Entries);
    }

    [Fact]
    public void DamagedLists_AreReadOrRefused_AndWhatIsKeptReadsBackEqual()
    {
        string[] pieces =
        [
            "{", "}", "[", "]", "\"", ",", ":", "null", "\\ud800", "\\", "\u0001", "é", "-1", "1e99999", "0.000001", "\"id\"", "\"data\"",
            "\"pricing\"", "\"prompt\"", "\"completion\"", new string('[', 70), "\ufeff", " ",
        ];
        var sample = Encoding.UTF8.GetBytes(Models);
        var read = 0;
        for (var i = 0; i < 5000; i++)
        {
            var random = new TestRandom((ulong)i);
            var bytes = new List<byte>(sample);
            for (var edit = random.Next(3); edit >= 0; edit--)
            {
                var at = random.Next(bytes.Count);
                switch (random.Next(4))
                {
                    case 0:
                        bytes.RemoveRange(at, Math.Min(random.Next(40), bytes.Count - at - 1));
                        break;
                    case 1:
                        bytes.InsertRange(at, Encoding.UTF8.GetBytes(pieces[random.Next(pieces.Length)]));
                        break;
                    case 2:
                        bytes.Insert(at, (byte)random.Next(256));
                        break;
                    default:
                        bytes[at] = (byte)random.Next(256);
                        break;
                }
            }

            PriceList list;
            try
            {
                list = PriceList.Read(bytes.ToArray());
            }
            catch (JsonException)
            {
                // Refused as declared.
                continue;
            }

            Assert.Equal(list.Entries, PriceList.Read(list.ToJson()).Entries);
            read++;
        }

        Assert.InRange(read, 1, 4999);
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
