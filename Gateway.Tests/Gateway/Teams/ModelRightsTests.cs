using System.Text;
using Gateway.Teams;
using Gateway.Tests.Support;
using OpenRouterGateway.Transforms.ProviderMapping;
using OpenRouterGateway.Transforms.ProviderMapping.Patterns;
using OpenRouterGateway.Transforms.RequestBody;
using Xunit;

namespace Gateway.Tests.Gateway.Teams;

public sealed class ModelRightsTests
{
    [Fact]
    public void Unlimited_AllowsEverything()
    {
        Assert.True(ModelRights.All.IsUnlimited);
        Assert.Null(ModelRights.All.Refuse([], []));
        Assert.Null(ModelRights.All.Refuse(["@preset/x", ""], [null]));
    }

    // Patterns are separated by blanks; "-" is no list at all.
    [Theory]
    [InlineData("openai/*", "-", "openai/gpt-4o", true)]
    [InlineData("openai/*", "-", "OpenAI/GPT-4o", true)]
    [InlineData("OPENAI/*", "-", "openai/gpt-4o", true)]
    [InlineData("openai/*", "-", "anthropic/claude", false)]
    [InlineData("openai/gpt-4o", "-", "openai/gpt-4o", true)]
    [InlineData("openai/gpt-4o", "-", "openai/gpt-4o:nitro", true)]
    [InlineData("openai/gpt-4o", "-", "~openai/gpt-4o", true)]
    [InlineData("openai/gpt-4o", "-", " openai/gpt-4o ", true)]
    [InlineData("openai/gpt-4o", "-", "openai/gpt-4o-mini", false)]
    [InlineData("openai/gpt-4o:nitro", "-", "openai/gpt-4o", false)]
    [InlineData("a/* b/*", "-", "b/x", true)]
    [InlineData("*", "-", "", true)]
    [InlineData("*", "-", "*", true)]
    [InlineData("-", "openai/*", "*", false)]
    [InlineData("*", "openai/*", "*", false)]
    [InlineData("openai/*", "-", "*", false)]
    [InlineData("**", "-", "", true)]
    [InlineData("openai/*", "-", "", false)]
    [InlineData("*o*", "-", "", false)]
    [InlineData("-", "*:free", "openai/gpt-4o:free", false)]
    [InlineData("-", "*:free", "openai/gpt-4o:FREE", false)]
    [InlineData("-", "*:free", "openai/gpt-4o", true)]
    [InlineData("-", "openai/gpt-4o", "openai/gpt-4o:nitro", false)]
    [InlineData("-", "openai/gpt-4o", "~openai/gpt-4o", false)]
    [InlineData("-", "openai/gpt-4o", " ~ openai/gpt-4o : nitro ", false)]
    [InlineData("-", "openai/gpt-4o", "\topenai/gpt-4o\n", false)]
    [InlineData("-", "openai/gpt-4o", " openai/gpt-4o", false)]
    [InlineData("-", "openai/gpt-4o", "openai/gpt-4o ", false)]
    [InlineData("-", "o", "o ", false)]
    [InlineData("openai/gpt-4o", "-", " openai/gpt-4o", true)]
    [InlineData("openai/gpt-4o", "-", "openai/gpt-4o\n", true)]
    [InlineData("-", "openai/gpt-4o", "openai/gpt-4o@preset/x", false)]
    [InlineData("-", "openai/gpt-4o", "openai/gpt-4o:nitro@preset/x:free", false)]
    [InlineData("-", "openai/gpt-4o", "OPENAI/gpt-4o@PRESET/x", false)]
    [InlineData("-", "openai/gpt-4o", "openai/gpt-4", true)]
    [InlineData("-", "@preset/*", "@preset/x", false)]
    [InlineData("-", "@preset/x", "@Preset/X", false)]
    [InlineData("-", "@preset/x", "openai/gpt-4o@preset/x", false)]
    [InlineData("-", "@preset/x", "openai/gpt-4o@preset/y@preset/x", false)]
    [InlineData("-", "@preset/x", "openai/gpt-4o@preset/x@preset/y", false)]
    [InlineData("-", "@preset/x", "@preset/y", true)]
    [InlineData("-", "*", "", false)]
    [InlineData("openai/*", "openai/gpt-4o*", "openai/gpt-4o-mini", false)]
    [InlineData("openai/*", "openai/gpt-4o*", "openai/o3", true)]
    [InlineData("*", "-", "@preset/x", false)]
    [InlineData("openai/*", "-", "openai/gpt-4o@preset/x", false)]
    [InlineData("openai/* @preset/*", "-", "openai/gpt-4o@preset/x", true)]
    [InlineData("openai/* @preset/x", "-", "openai/gpt-4o@preset/X", true)]
    [InlineData("openai/* @preset/x", "-", "openai/gpt-4o@PRESET/x", true)]
    [InlineData("openai/* @preset/x", "-", "openai/gpt-4o@preset/y", false)]
    [InlineData("openai/* @preset/x", "-", "openai/gpt-4o@PRESET/y", false)]
    [InlineData("openai/* @preset/*", "-", "anthropic/claude@preset/x", false)]
    [InlineData("openai/* @preset/*", "-", "~anthropic/claude:nitro@preset/x", false)]
    [InlineData("@preset/*", "-", "@preset/x", true)]
    [InlineData("@preset/x", "-", "@preset/x:nitro", true)]
    [InlineData("@preset/x", "-", " @preset/x ", true)]
    [InlineData("@preset/x", "-", "~@preset/x", true)]
    [InlineData("@preset/*", "-", "@preset/x@preset/y", false)]
    [InlineData("@preset/*", "-", "openai/gpt-4o@preset/x", false)]
    [InlineData("openai/*@preset/x", "-", "openai/gpt-4o@preset/x", false)]
    [InlineData("*@preset/x", "-", "@preset/x", true)]
    [InlineData("@preset/*", "@preset/x", "@preset/x", false)]
    [InlineData("-", "x", "m@preset/a@preset/b@preset/c@preset/d@preset/e@preset/f@preset/g@preset/h", true)]
    [InlineData("-", "x", "m@preset/a@preset/b@preset/c@preset/d@preset/e@preset/f@preset/g@preset/h@preset/i", false)]
    public void Name_IsJudgedInEverySpelling(string allowed, string denied, string name, bool isAllowed)
    {
        var rights = Create(allowed, denied);

        Assert.Equal(isAllowed ? null : name, rights.Refuse([name], []));
    }

    [Theory]
    [InlineData("openai/*", "-", "x", false)]
    [InlineData("*", "-", "x", false)]
    [InlineData("@preset/*", "-", "x", true)]
    [InlineData("@preset/x", "-", "X", true)]
    [InlineData("@preset/x", "-", "@preset/x", true)]
    [InlineData("@preset/x", "-", "y", false)]
    [InlineData("@preset/*", "-", null, true)]
    [InlineData("@preset/x", "-", null, false)]
    [InlineData("-", "@preset/x", "x", false)]
    [InlineData("-", "@preset/x", " x ", false)]
    [InlineData("-", "@preset/x", "@preset/x", false)]
    [InlineData("-", "@preset/x", "openai/gpt-4o@preset/x", false)]
    [InlineData("-", "@preset/x", "y", true)]
    [InlineData("-", "@preset/x", null, false)]
    [InlineData("-", "openai/*", null, true)]
    [InlineData("-", "openai/*", "x", true)]
    public void PresetMember_NeedsAPatternThatNamesPresets(string allowed, string denied, string? preset, bool isAllowed)
    {
        Assert.Equal(isAllowed, Create(allowed, denied).Refuse([], [preset]) is null);
    }

    [Fact]
    public void PresetMemberBesideAModel_NeedsBothAllowed()
    {
        var rights = Create("openai/* @preset/x", "-");

        Assert.Null(rights.Refuse(["openai/gpt-4o"], ["x"]));
        Assert.Equal("anthropic/claude", rights.Refuse(["anthropic/claude"], ["x"]));
        Assert.Equal("@preset/y", rights.Refuse(["openai/gpt-4o"], ["x", "y"]));
    }

    [Fact]
    public void Lists_AreKeptAsWritten()
    {
        var rights = Create("openai/* @preset/X", "*:Free");

        Assert.Equal(["openai/*", "@preset/X"], rights.Allowed!.Select(pattern => pattern.Text));
        Assert.Equal(["*:Free"], rights.Denied.Select(pattern => pattern.Text));
        Assert.Null(ModelRights.All.Allowed);
        Assert.Empty(ModelRights.All.Denied);
    }

    [Fact]
    public void NoModelAtAll_IsTheEmptyName()
    {
        Assert.Null(Create("*", "-").Refuse([], []));
        Assert.Equal("", Create("openai/*", "-").Refuse([], []));
        Assert.Equal("", Create("-", "*").Refuse([], []));
    }

    [Fact]
    public void NoModelAtAll_MayBeADeniedOne()
    {
        Assert.Equal("", Create("-", "openai/*").Refuse([], []));
        Assert.Equal("", Create("*", "openai/*").Refuse([], []));
        Assert.Equal("", Create("*", "-").Narrow(Create("-", "openai/*")).Refuse([], []));
        Assert.Equal("", Create("-", "openai/*").Narrow(Create("*", "-")).Refuse([], []));
        Assert.Equal("", Create("-", "openai/*").Refuse([""], []));
        Assert.Equal(" ~", Create("-", "openai/*").Refuse([" ~"], []));

        // A router and a preset have names of their own.
        Assert.Null(Create("-", "openai/*").Refuse(["openrouter/auto"], []));
        Assert.Null(Create("-", "openai/*").Refuse([], ["x"]));
    }

    [Fact]
    public void EveryName_IsJudgedAndTheFirstBadOneTold()
    {
        var rights = Create("openai/*", "-");

        Assert.Equal("b/x", rights.Refuse(["openai/gpt-4o", "b/x", "c/x"], []));
        Assert.Null(rights.Refuse(["openai/gpt-4o", "openai/o3:nitro"], []));
    }

    // Each body names a denied model in a way that one parser or another would take for the model.
    [Theory]
    [InlineData("""{"model":"bad/m","model":"good/m"}""")]
    [InlineData("""{"model":"good/m","model":"bad/m"}""")]
    [InlineData("""{"mod\u0065l":"bad/m","model":"good/m"}""")]
    [InlineData("""{"model":"\u0062ad/m"}""")]
    [InlineData("""{"model":"good/m","models":["good/m","bad/m"]}""")]
    [InlineData("""{"model":"good/m","models":["bad/m"],"models":["good/m"]}""")]
    [InlineData("""{"model":"good/m","fallbacks":[{"model":"bad/m"}]}""")]
    [InlineData("""{"model":"good/m","preset":"bad"}""")]
    [InlineData("""{"model":"good/m","preset":"b\u0061d","preset":"good"}""")]
    [InlineData("""{"model":"good/m","preset":["bad"]}""")]
    public void Body_IsJudgedByEveryMention(string json)
    {
        var facts = Scan(json);

        Assert.NotNull(Create("-", "bad/* @preset/bad").Refuse([.. facts.Models.Select(name => name.Text)], facts.Presets));
    }

    [Theory]
    [InlineData("""{"model":"good/m","messages":[{"model":"bad/m","preset":"bad"}]}""")]
    [InlineData("""{"model":"good/m","preset":null}""")]
    [InlineData("""{"model":"good/m","preset":"good"}""")]
    public void Body_IsNotJudgedByWhatNamesNoModel(string json)
    {
        var facts = Scan(json);

        Assert.Null(Create("-", "bad/* @preset/bad").Refuse([.. facts.Models.Select(name => name.Text)], facts.Presets));
    }

    [Fact]
    public void HalfOfASurrogatePairInAPreset_IsANameLikeAnyOther()
    {
        var facts = Scan("""{"preset":"\ud800"}""");

        Assert.Equal(["\ud800"], facts.Presets);
        Assert.Equal("@preset/\ud800", Create("@preset/good", "-").Refuse([], facts.Presets));
        Assert.Null(Create("@preset/*", "-").Refuse([], facts.Presets));
    }

    [Fact]
    public void OrdinaryName_CostsNoMemory()
    {
        var rights = Create("openai/* anthropic/*", "*free*");
        string[] names = ["anthropic/claude-sonnet-4.5"];

        Assert.Equal(0, Allocations.Least(() =>
        {
            for (var i = 0; i < 100; i++)
            {
                Assert.Null(rights.Refuse(names, []));
            }
        }));
    }

    [Fact]
    public async Task HostileName_IsJudgedInReasonableTime()
    {
        var name = string.Concat(Enumerable.Repeat("a:~@preset/", 100_000));

        // Judged anew at each of its parts, it would take many minutes.
        await HangGuard.RunAsync(() =>
        {
            Assert.NotNull(Create("openai/*", "*:free* z*").Refuse([name], [name]));
            Assert.NotNull(Create("-", "*:free* z*").Refuse([name], [name]));
            Assert.NotNull(Create("-", "z*").Refuse([], [new string('a', 1_000_000)]));
        });
    }

    private static BodyFacts Scan(string json)
    {
        var bytes = Encoding.UTF8.GetBytes(json);

        // Split in its middle, as a body may come.
        var body = SegmentedSequence.Create(bytes, (bytes.Length + 1) / 2);
        using var scanner = new BodyScanner();
        scanner.Scan(bytes);
        Assert.True(scanner.TryComplete(body, out var facts));
        return facts;
    }

    private static ModelRights Create(string allowed, string denied) => new(Patterns(allowed), Patterns(denied) ?? []);

    private static List<ModelPattern>? Patterns(string texts)
    {
        var problems = new List<RuleProblem>();
        return texts == "-" ? null : [.. texts.Split(' ').Select(text => ModelPattern.Create(text, "", problems)!)];
    }
}
