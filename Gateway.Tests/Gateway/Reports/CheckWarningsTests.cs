using Gateway.Reports;
using Gateway.Rules;
using Gateway.Tests.Support;
using OpenRouterGateway.Transforms.ProviderMapping;
using OpenRouterGateway.Transforms.ProviderMapping.Patterns;
using Xunit;

namespace Gateway.Tests.Gateway.Reports;

/// <summary>Promise: <c>check</c> finds settings that are valid and cannot work.</summary>
public sealed class CheckWarningsTests : IDisposable
{
    private const string Prices = """
        { "data": [
          { "id": "free/model", "pricing": { "prompt": "0", "completion": "0" } },
          { "id": "cheap/model", "pricing": { "prompt": "0.0001", "completion": "0.00001" } },
          { "id": "dear/model", "pricing": { "prompt": "0.0001", "completion": "0.001" } } ] }
        """;

    private readonly TempFolder _folder = new();

    public CheckWarningsTests()
    {
        _folder.Write("search.key", TeamSetup.UpstreamKey);
    }

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("a/*", "a/b", "rule-1")]
    [InlineData("*", "a/b c*d", "rule-1")]
    [InlineData("a/*", "A/B*", "rule-1")]
    [InlineData("*b*", "a/b/c", "rule-1")]
    [InlineData("a*c*", "a/b*c", "rule-1")]
    [InlineData("a/* b/*", "b/c a/d", "rule-1")]
    [InlineData("a/*;b/*", "b/c a/d", "rule-1, rule-2")]
    [InlineData("a", "a", "rule-1")]
    [InlineData("a/*", "a*", null)]
    [InlineData("a/*", "a/b b/c", null)]
    [InlineData("a/b", "a/*", null)]
    [InlineData("*a*b*", "*b*a*", null)]
    [InlineData("a/x*", "a/*x", null)]
    [InlineData("?/*", "a/b", null)]
    public void RuleBehindOnesThatCoverIt_NeverApplies(string earlier, string models, string? by)
    {
        RuleSummary[] rules = [.. earlier.Split(';').Append(models).Select((texts, i) => Rule($"rule-{i + 1}", texts))];

        var warnings = CheckWarnings.ShadowedRules(rules).ToArray();

        Assert.Equal(
            by is null ? [] : [$"path-{rules[^1].Name}: rule {rules[^1].Name}: never applies, since its models are matched by the earlier "
                + $"{(by.Contains(',', StringComparison.Ordinal) ? "rules" : "rule")} {by}"],
            warnings.Select(warning => warning.ToString()));
    }

    [Theory]
    [InlineData("*", "", null)]
    [InlineData("@preset/* openrouter/auto *", "", null)]
    [InlineData("@preset/x openrouter/fusion", "", "presets, openrouter/auto and requests without a model")]
    [InlineData("*/*", "", "requests without a model")]
    [InlineData("openrouter*", "@preset/*", "requests without a model")]
    [InlineData("a/*", "*", null)]
    [InlineData("", "a/*", null)]
    public void RequestsThatEnforceRulesDoNotBind_AreNamed(string models, string rest, string? unbound)
    {
        var warnings = CheckWarnings.EnforcementGaps(Enforced(models), Enforced(rest), "path").ToArray();

        Assert.Equal(unbound is null ? [] : [$"path: {unbound} get past your Enforce rules"], warnings.Select(warning => warning.ToString().Split(';')[0]));

        static RuleSummary[] Enforced(string models) => models.Length == 0 ? [] : [Rule("rule", models, WhenClientSetsProvider.Enforce)];
    }

    [Fact]
    public void EnforceRules_ShadowNothingAndAreNotShadowed()
    {
        Assert.Empty(CheckWarnings.ShadowedRules([Rule("a", "*", WhenClientSetsProvider.Enforce), Rule("b", "x")]));
        Assert.Empty(CheckWarnings.ShadowedRules([Rule("a", "*"), Rule("b", "x", WhenClientSetsProvider.Enforce)]));
    }

    /// <summary>A rule is said never to apply exactly if no name of up to four letters reaches it.</summary>
    [Fact]
    public void ShadowedRules_AgreeWithTheNamesThatReachThem()
    {
        string[] patterns = ["*", "a", "b", "a*", "*a", "a*b", "*a*", "ab*", "*ab", "a*a", "*b*a*", "aab", "a*ab", "**"];
        string[] names = [.. Names("", 4)];
        foreach (var first in patterns)
        {
            foreach (var second in patterns)
            {
                var (one, other) = (Pattern(first), Pattern(second));
                var isReached = names.Any(name => other.IsMatch(name) && !one.IsMatch(name));

                Assert.Equal(
                    (first, second, !isReached), (first, second, CheckWarnings.ShadowedRules([Rule("one", first), Rule("other", second)]).Any()));
            }
        }

        static IEnumerable<string> Names(string start, int more) =>
            more == 0 ? [start] : [start, .. Names(start + "a", more - 1), .. Names(start + "b", more - 1), .. Names(start + "c", more - 1)];

        static ModelPattern Pattern(string text) => ModelPattern.Create(text, "", [])!;
    }

    [Fact]
    public async Task TeamsOwnRules_AreCheckedByThemselves()
    {
        var warnings = await WarningsAsync(ShippedSettings.With(
            ("ProviderMapping", """{ "Rules": [ { "Model": "*", "Provider": { "only": ["openai"] } } ] }"""),
            ("Teams", $"[ {TeamSetup.Team("""
                "ProviderMapping": { "Rules": [
                  { "Model": "*", "Provider": { "only": ["azure"] } }, { "Name": "late", "Model": "x", "Provider": { "only": ["azure"] } } ] }
                """)} ]")));

        Assert.Equal(
            ["Teams:0:ProviderMapping:Rules:1: rule late: never applies, since its models are matched by the earlier rule team-rule-1"],
            warnings.Where(warning => warning.Contains("never applies", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task AliasWhoseModelsATeamMayNotUse_IsNamed()
    {
        var warnings = await WarningsAsync(ShippedSettings.With(
            ("ProviderMapping", """
                { "Aliases": [ { "Model": "good", "Use": "a/x" }, { "Model": "smart", "Use": "b/x", "Fallbacks": ["a/y", "c/x"] } ] }
                """),
            ("Teams", $"[ {TeamSetup.Team()}, {string.Join(", ", Enumerable.Range(0, 7).Select(i => TeamSetup.Team("\"AllowedModels\": [\"a/*\"]", $"t{i}", $"key-{i}")))}, "
                + $"{TeamSetup.Team("""
                    "DeniedModels": ["b/*"], "ProviderMapping": { "Aliases": [ { "Model": "own", "Use": "a/x", "Fallbacks": ["b/y"] } ] }
                    """, "own", "key-own")} ]")));

        Assert.Equal(
            [
                "Teams:8:ProviderMapping:Aliases: alias own: the team may not use its fallback b/y, so its calls of the alias are refused",
                "ProviderMapping:Aliases: alias smart: teams t0, t1, t2, t3, t4 and 3 more may not use its target b/x, so their calls of the alias are refused",
                "ProviderMapping:Aliases: alias smart: teams t0, t1, t2, t3, t4 and 2 more may not use its fallback c/x, so their calls of the alias are refused",
            ],
            warnings.Where(warning => warning.Contains("alias", StringComparison.Ordinal)));
    }

    [Theory]

    // 4,096 tokens at 0.00001 USD.
    [InlineData("0.04", "", "cheap/model without a stated output cap, reserves 0.04096 USD")]
    [InlineData("0.05", "", null)]
    [InlineData("4", "\"AllowedModels\": [\"dear/*\", \"free/*\"],", "dear/model without a stated output cap, reserves 4.096 USD")]
    [InlineData("4", "\"AllowedModels\": [\"free/*\"],", null)]
    [InlineData("4", "\"AllowedModels\": [\"unknown/*\"],", null)]
    public async Task BudgetBelowOneCall_IsNamedWithTheCheapest(string usd, string rights, string? cheapest)
    {
        _folder.Write("prices.json", Prices);
        var settings = ShippedSettings.With(
            ("Usage", """{ "PricesPath": "prices.json" }"""),
            ("Teams", $$"""[ {{TeamSetup.Team($$"""{{rights}} "Budget": { "Usd": {{usd}} }""")}} ]"""));

        var warning = (await WarningsAsync(settings)).SingleOrDefault(warning => warning.Contains("covers no call", StringComparison.Ordinal));

        Assert.Equal(
            cheapest is null ? null : $"Teams:0:Budget:Usd: {usd} covers no call: the cheapest that the team may make, of {cheapest}", warning);
    }

    [Theory]
    [InlineData("\"Budget\": { \"Usd\": 0.04 }", "Budget:Usd: 0.04 covers no call: the cheapest that the key may make, of cheap/model without a stated output cap, reserves 0.04096 USD")]
    [InlineData("\"Budget\": { \"Usd\": 4 }, \"AllowedModels\": [\"dear/*\"]", "Budget:Usd: 4 covers no call: the cheapest that the key may make, of dear/model without a stated output cap, reserves 4.096 USD")]
    [InlineData("\"Budget\": { \"Usd\": 21 }", "Budget:Usd: 21 is more than the budget of the team, 20 USD a month: the key cannot use it up")]
    [InlineData("\"Budget\": { \"Usd\": 21, \"Period\": \"Total\" }", null)]
    [InlineData("\"Budget\": { \"Usd\": 5 }", null)]
    [InlineData("\"AllowedModels\": [\"other/*\", \"*:free\"]", "AllowedModels: allows the key key-1 no model: the team may use cheap/*, dear/*, but not *:free")]
    [InlineData("\"AllowedModels\": [\"*model*\"]", null)]
    [InlineData("\"AllowedModels\": [\"*\", \"other/*\"]", null)]
    public async Task KeysBudgetOrModels_ThatTheTeamMakesPointless_AreNamed(string key, string? expected)
    {
        _folder.Write("prices.json", Prices);
        var settings = ShippedSettings.With(
            ("Usage", """{ "PricesPath": "prices.json" }"""),
            ("Teams", $$"""[ {{TeamSetup.Team("\"AllowedModels\": [\"cheap/*\", \"dear/*\"], \"DeniedModels\": [\"*:free\"], \"Budget\": { \"Usd\": 20 }", keyMore: ", " + key)}} ]"""));

        var warnings = (await WarningsAsync(settings)).Where(warning => warning.StartsWith("Teams:0:Keys:0:", StringComparison.Ordinal));

        Assert.Equal(expected is null ? [] : ["Teams:0:Keys:0:" + expected], warnings);
    }

    [Theory]
    [InlineData("a*", "*b", true)]
    [InlineData("a*", "b*", false)]
    [InlineData("a/*", "A/x", true)]
    [InlineData("*x*", "a*b", true)]
    [InlineData("a*c*", "ab", false)]
    [InlineData("", "*", true)]
    [InlineData("", "a*", false)]
    [InlineData("**", "", true)]
    [InlineData("a*b", "a*c", false)]
    public void Patterns_OverlapIfAName_MatchesBoth(string one, string other, bool overlaps)
    {
        Assert.Equal(overlaps, KeyWarnings.Overlap(one, other));
        Assert.Equal(overlaps, KeyWarnings.Overlap(other, one));
    }

    [Fact]
    public async Task PricesOfTheSettings_AreEnoughForTheBudget()
    {
        var settings = ShippedSettings.With(
            ("Limits", """{ "AssumedCompletionTokens": 10, "Prices": [ { "Model": "own/model", "Prompt": "0", "Completion": "1" } ] }"""),
            ("Usage", """{ "PricesPath": "missing.json" }"""),
            ("Teams", $$"""[ {{TeamSetup.Team("\"Budget\": { \"Usd\": 9 }")}} ]"""));

        Assert.Contains(
            await WarningsAsync(settings), warning => warning.Contains("of own/model without a stated output cap, reserves 10 USD", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("data/deep/usage.db", null)]
    [InlineData("file/usage.db", "is not a folder")]
    [InlineData("file/deep/usage.db", "does not exist and cannot be created")]
    [InlineData("/proc/usage.db", "is not writable for this user")]
    public async Task LedgerThatCannotBeKept_IsFound(string path, string? problem)
    {
        _folder.Write("file", "");
        string[] Settings(string teams) => [ShippedSettings.With(("Usage", $$"""{ "Sqlite": { "Path": "{{path}}" } }"""), ("Teams", teams))];

        var warnings = await WarningsAsync(Settings($"[ {TeamSetup.Team()} ]")[0]);

        var warning = warnings.SingleOrDefault(warning => warning.StartsWith("Usage:Sqlite:Path", StringComparison.Ordinal));
        Assert.Equal(problem is null, warning is null);
        Assert.Contains(problem ?? "", warning ?? "", StringComparison.Ordinal);
        Assert.DoesNotContain(Directory.EnumerateFiles(_folder.Path), file => file.Contains("gateway-check", StringComparison.Ordinal));
        Assert.DoesNotContain(await WarningsAsync(Settings("[]")[0]), one => one.StartsWith("Usage:Sqlite:Path", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("""{ "onyl": ["openai"] }""", "did you mean \"only\"?")]
    [InlineData("""{ "only": ["antropic"] }""", "did you mean \"anthropic\"?")]
    [InlineData("""{ "only": ["deepinfar/turbo"] }""", "did you mean \"deepinfra/turbo\"?")]
    [InlineData("""{ "only": ["Moonshot IA"] }""", "did you mean \"moonshotai\"?")]
    [InlineData("""{ "only": ["no-such-provider"] }""", null)]
    [InlineData("""{ "something_new": 1 }""", null)]
    public async Task MisspelledName_IsAnsweredWithTheNearestOne(string block, string? suggestion)
    {
        var warnings = await WarningsAsync(ShippedSettings.WithRules($$"""[ { "Name": "r", "Model": "m", "Provider": {{block}} } ]"""));

        var warning = Assert.Single(warnings, warning => warning.Contains("sent as written", StringComparison.Ordinal));
        Assert.EndsWith(suggestion is null ? "sent as written" : "sent as written; " + suggestion, warning, StringComparison.Ordinal);
    }

    private async Task<string[]> WarningsAsync(string settings)
    {
        const string Mark = "warning: ";
        _folder.Write("appsettings.json", settings);
        var output = await GatewayCommandRun.RunAsync(["check"], _folder.Path);
        Assert.Equal((0, ""), (output.ExitCode, output.Error));
        return [.. output.Out.Split(Environment.NewLine).Where(line => line.StartsWith(Mark, StringComparison.Ordinal)).Select(line => line[Mark.Length..])];
    }

    private static RuleSummary Rule(string name, string models, WhenClientSetsProvider mode = WhenClientSetsProvider.KeepClient) =>
        new(name, $"path-{name}", models.Split(' '), mode, "{}");
}
