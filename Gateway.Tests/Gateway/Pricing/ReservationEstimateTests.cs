using System.Text;
using Gateway.Pricing;
using Gateway.Primitives;
using Xunit;

namespace Gateway.Tests.Gateway.Pricing;

public sealed class ReservationEstimateTests
{
    private const long Dollar = 1_000_000_000_000;

    private static readonly PriceList Prices = PriceList.Empty.With(new Dictionary<string, ListedPrice>
    {
        ["dear-prompt"] = new(new ModelPrice(new(10), new(1), new(0))),
        ["dear-answer"] = new(new ModelPrice(new(1), new(10), new(5))),
        ["asked"] = new(new ModelPrice(new(100), default, default) { CacheWrite = new(125), LongCacheWrite = new(200) }),
        ["unasked"] = new(new ModelPrice(new(100), default, default) { UnaskedCacheWrite = new(125) }),
        ["cheap-writes"] = new(new ModelPrice(new(100), default, default) { CacheWrite = new(10), LongCacheWrite = new(20) }),
        ["tiered"] = new(
            new ModelPrice(new(1), new(10), default),
            [
                new PriceOverride(1000, new ModelPrice(new(2), default, default)),
                new PriceOverride(2000, new ModelPrice(new(5), new(3), default)),
            ]),
        ["seeing"] = new(new ModelPrice(new(1), default, default) { MediaToken = new(3), MediaItem = new(7) }),
        ["painting"] = new(new ModelPrice(default, new(1), default) { OutputItem = new(1000) }),
        ["quick"] = new(new ModelPrice(new(5), new(25), default)),
        ["quick-fast"] = new(new ModelPrice(new(30), new(10), default)),
        ["slow"] = new(new ModelPrice(new(5), new(25), default)),
        ["slow-fast"] = new(new ModelPrice(new(1), new(1), default)),
        ["searching"] = new(new ModelPrice(new(1), default, default) { Search = new(Dollar) }),
    });

    [Fact]
    public void Estimate_IsRequestPromptAndEveryCompletionInFull() =>
        Assert.Equal(new PicoDollars(5 + (1 * 100) + (3 * 50 * 10)), Find(["dear-answer"], Size(100, 3, 50)));

    [Theory]
    [InlineData(100, 1, 100)]
    [InlineData(100, 2, 50)]
    [InlineData(101, 2, 51)]
    [InlineData(100, 3, 34)]
    public void TextTokens_AreBytesOfTextRoundedUp(long bytes, int bytesPerToken, long tokens) =>
        Assert.Equal(new PicoDollars(10 * tokens), Find(["dear-prompt"], Size(bytes, 1, 0) with { BytesPerToken = bytesPerToken }));

    [Fact]
    public void OfSeveralModels_TheDearestCounts() =>
        Assert.Equal(new PicoDollars((10 * 1000) + 1), Find(["dear-answer", "dear-prompt"], Size(1000, 1, 1)));

    [Fact]
    public void OneUnknownPrice_MakesTheAmountUnknown() => Assert.Null(Find(["dear-answer", "unheard-of"], Size(1, 1, 1)));

    [Theory]
    [InlineData("dear-answer", "dear-prompt")]
    [InlineData("dear-prompt", "dear-answer")]
    public void DearestPrice_IsTheHighestOfEachPart(string first, string second)
    {
        Assert.NotNull(ReservationEstimate.Find([first, second], namesPreset: false, Prices, Size(1, 1, 1), out var dearest));

        Assert.Equal(new ModelPrice(new(10), new(10), new(5)), dearest);
    }

    [Fact]
    public void NoModelOrAPreset_IsUnknown()
    {
        Assert.Null(Find([], Size(1, 1, 1)));
        Assert.Null(ReservationEstimate.Find(["dear-answer"], namesPreset: true, Prices, Size(1, 1, 1), out _));
    }

    [Fact]
    public void AbsurdFigures_GiveTheLargestAmountWithoutOverflow()
    {
        var absurd = PriceList.Empty.With(new Dictionary<string, ListedPrice>
        {
            ["gold"] = new(new ModelPrice(PicoDollars.MaxStored, PicoDollars.MaxStored, PicoDollars.MaxStored)),
        });
        var size = Size(long.MaxValue - 1, long.MaxValue, long.MaxValue) with { Tier = ServiceTier.Fast };

        Assert.Equal(PicoDollars.MaxStored, Find(["dear-answer"], size));
        Assert.Equal(PicoDollars.MaxStored, ReservationEstimate.Find(["gold"], namesPreset: false, absurd, size, out _));
    }

    [Theory]
    [InlineData("asked", 0, 100)]
    [InlineData("asked", 1, 125)]
    [InlineData("asked", 2, 200)]
    [InlineData("unasked", 0, 125)]
    [InlineData("unasked", 1, 125)]
    [InlineData("unasked", 2, 125)]
    [InlineData("cheap-writes", 2, 100)]
    public void CacheWrites_CountWhereTheyMayHappen(string model, int writes, long price) =>
        Assert.Equal(new PicoDollars(price), Find([model], Size(1, 1, 0) with { CacheWrites = (CacheWrites)writes }));

    /// <summary>Promise: two prices together never reserve less than one of them, whatever the prompt.</summary>
    [Fact]
    public void EstimateOfJoinedPrices_IsNeverBelowTheEstimateOfOne()
    {
        var prices = PriceList.Read(Encoding.UTF8.GetBytes($$"""{"data":[{{string.Join(',', Pricings().Select(static (pricing, i) =>
            $$$"""{"id":"m{{{i}}}","pricing":{{{pricing}}}}"""))}}]}""")).Entries.Values.ToArray();
        RequestSize[] sizes =
        [
            .. from writes in Enum.GetValues<CacheWrites>()
               from text in (int[])[0, 10, 30]
               from media in (int[])[0, 2]
               select Size(text, 2, 3) with { CacheWrites = writes, MediaParts = media },
        ];
        foreach (var left in prices)
        {
            foreach (var right in prices)
            {
                var joined = ListedPrice.Max(left, right);
                foreach (var size in sizes)
                {
                    var (one, both) = (left.At(size.PromptTokens), ModelPrice.Max(left.At(size.PromptTokens), right.At(size.PromptTokens)));
                    var least = ReservationEstimate.Estimate(one, size);
                    Assert.True(ReservationEstimate.Estimate(both, size) >= least, $"{one} and {both} at {size}");
                    Assert.True(ReservationEstimate.Estimate(joined.At(size.PromptTokens), size) >= least, $"{left} and {joined} at {size}");
                }
            }
        }

        static IEnumerable<string> Pricings() =>
            from prompt in (string[])["1", "5"]
            from write in (string[])["", ""","input_cache_write":"2" """, ""","input_cache_write":"6" """]
            from hour in (string[])["", ""","input_cache_write_1h":"4" """]
            from other in (string[])
            [
                "",
                ""","request":"3","internal_reasoning":"9","audio":"7","image":"8" """,
                ""","overrides":[{"min_prompt_tokens":20,"input_cache_write":"10"}]""",
                ""","overrides":[{"min_prompt_tokens":20,"prompt":"7","input_cache_write_1h":"11"}]""",
            ]
            select $$"""{"prompt":"{{prompt}}","completion":"2"{{write}}{{hour}}{{other}}}""";
    }

    [Theory]
    [InlineData(1000, 1)]
    [InlineData(1001, 2)]
    [InlineData(2000, 2)]
    [InlineData(2001, 5)]
    public void Overrides_CountAboveTheirOwnPromptSize(long tokens, long price) =>
        Assert.Equal(new PicoDollars((tokens * price) + 10), Find(["tiered"], Size(tokens, 1, 1)));

    [Fact]
    public void MediaParts_HaveTokensAndAPriceOfTheirOwn() =>
        Assert.Equal(new PicoDollars(10 + (2 * ((2000 * 3) + 7))), Find(["seeing"], Size(10, 1, 0) with { MediaParts = 2 }));

    [Fact]
    public void MediaTokens_CountTowardsOverrides() =>
        Assert.Equal(new PicoDollars((2001 * 5) + 10), Find(["tiered"], Size(1, 1, 1) with { MediaParts = 1 }));

    [Fact]
    public void ImagesInTheAnswer_HaveAPriceEach() => Assert.Equal(new PicoDollars(2 * (1000 + 50)), Find(["painting"], Size(0, 2, 50)));

    [Theory]
    [InlineData("dear-prompt", 2, 20)]
    [InlineData("dear-prompt:nitro", 0, 20)]
    [InlineData("dear-prompt:nitro", 1, 10)]
    [InlineData("dear-prompt:floor", 0, 10)]
    [InlineData("dear-prompt", 0, 10)]
    [InlineData("quick", 2, 30)]
    [InlineData("quick:nitro", 2, 30)]
    [InlineData("quick:NITRO", 0, 30)]
    [InlineData("quick", 0, 5)]
    [InlineData("slow", 2, 10)]
    public void FastTier_HasItsListedPriceOrTwiceTheModels(string model, int tier, long price) =>
        Assert.Equal(new PicoDollars(price), Find([model], Size(1, 1, 0) with { Tier = (ServiceTier)tier }));

    // The search itself is a server tool.
    [Theory]
    [InlineData("dear-prompt:online", 10)]
    [InlineData("dear-prompt:free:online", null)]
    [InlineData("searching:online", 1)]
    public void Online_HasThePriceOfItsModel(string model, int? amount) =>
        Assert.Equal(amount is { } pico ? new PicoDollars(pico) : null, Find([model], Size(1, 1, 0)));

    [Fact]
    public void Tokens_AreAQuarterOfTheTextAndTheStatedCaps()
    {
        Assert.Equal(101 + (2 * 50), ReservationEstimate.EstimateTokens(Size(400, 2, 50)));
        Assert.Equal(101, ReservationEstimate.EstimateTokens(Size(400, 2, 50) with { StatedOutputTokens = 0 }));
        Assert.Equal(long.MaxValue, ReservationEstimate.EstimateTokens(Size(400, long.MaxValue, long.MaxValue)));
    }

    private static RequestSize Size(long text, long choices, long cap) => new()
    {
        TextBytes = text,
        BytesPerToken = 1,
        Choices = choices,
        StatedOutputTokens = cap,
        OutputTokens = cap,
    };

    private static PicoDollars? Find(string[] models, RequestSize size) =>
        ReservationEstimate.Find(models, namesPreset: false, Prices, size, out _);
}
