using Gateway.CommandLine;
using Gateway.Configuration;
using Gateway.Configuration.Reading;
using Gateway.Primitives;
using Gateway.Reports;
using Gateway.Teams;
using Xunit;

namespace Gateway.Tests.Gateway.Configuration.Model;

public sealed class TeamSettingsTests : IDisposable
{
    private const string Secret = "sk-or-v1-marked";

    private static readonly string HashA = Convert.ToHexStringLower(GatewayKeys.Hash("ogw-a"));
    private static readonly string HashB = Convert.ToHexStringLower(GatewayKeys.Hash("ogw-b"));

    private readonly SettingsFolder _folder = new();

    public TeamSettingsTests() => _folder.Variables["KEY"] = Secret;

    public void Dispose() => _folder.Dispose();

    private static string Team(string more = "", string id = "a", string? hash = null, string key = "env:KEY", string keyMore = "") => $$"""
        { "Id": "{{id}}", "Keys": [ { "Sha256": "{{hash ?? HashA}}"{{keyMore}} } ], "OpenRouterKey": "{{key}}"{{(more.Length == 0 ? "" : ", " + more)}} }
        """;

    private void Write(params string[] teams) =>
        _folder.Write("appsettings.json", SettingsFolder.Json($"\"Teams\": [ {string.Join(", ", teams)} ]"));

    private async Task<Team> LoadTeamAsync(params string[] teams)
    {
        Write(teams);
        return (await _folder.LoadGoodAsync()).Teams.Teams[0];
    }

    [Fact]
    public async Task LeastTeam_HasDefaults()
    {
        var team = await LoadTeamAsync(Team());

        Assert.Equal(("a", "key-1", null), (team.Id, team.Keys[0].Label, team.Keys[0].Expires));
        Assert.Equal(GatewayKeys.Hash("ogw-a"), team.Keys[0].Hash.ToArray());
        Assert.Equal(Secret, team.UpstreamKey.Reveal());
        Assert.DoesNotContain("marked", $"{team.UpstreamKey}", StringComparison.Ordinal);
        Assert.Matches("^(env|file):", team.UpstreamKey.Name);
        Assert.DoesNotContain(Secret, team.UpstreamKey.Name, StringComparison.Ordinal);
        Assert.True(team.Rights.IsUnlimited && team.Limits.IsNone && team.Keys[0].Limits.IsNone && team.Attribution.IsNone);
        Assert.Null(team.Budget);
        Assert.False(team.ScopesSessions);
    }

    [Fact]
    public async Task FullTeam_IsRead()
    {
        _folder.HasOtherSpelling = true;
        var team = await LoadTeamAsync(Team(
            """
            "AllowedModels": ["openai/*", "x"], "DeniedModels": "*:free", "ScopeSessions": true,
            "Limits": { "RequestsPerMinute": 1, "TokensPerMinute": 2, "ConcurrentRequests": 3 },
            "Budget": { "Usd": 12.000000000001, "Period": "week" },
            "ProviderMapping": { "Rules": [ { "Model": "a", "Provider": { "zdr": true } } ], "Aliases": [ { "Model": "g", "Use": "o/g" } ] },
            "Attribution": { "Referer": "https://a.example", "Title": " A " }
            """,
            hash: HashA.ToUpperInvariant(),
            keyMore: """, "Label": "ci", "Expires": "2030-01-01T00:00:00+02:00", "Limits": { "RequestsPerMinute": 7 }"""));

        Assert.Equal(["openai/*", "x"], team.Rights.Allowed!.Select(pattern => pattern.Text));
        Assert.Equal("*:free", Assert.Single(team.Rights.Denied).Text);
        Assert.Equal(new TeamLimits(1, 2, 3), team.Limits);
        Assert.Equal(new TeamLimits(7, null, null), team.Keys[0].Limits);
        Assert.Equal("12.000000000001", team.Budget!.Limit.ToString());
        Assert.Equal(BudgetPeriod.Week, team.Budget.Period);
        Assert.Equal(["team-rule-1"], team.Rules.Rules.Select(rule => rule.Name));
        Assert.Equal("o/g", Assert.Single(team.Rules.Aliases).Use);
        Assert.Equal(new Attribution("https://a.example", "A"), team.Attribution);
        Assert.Equal(("ci", new DateTimeOffset(2029, 12, 31, 22, 0, 0, TimeSpan.Zero)), (team.Keys[0].Label, team.Keys[0].Expires));
        Assert.True(team.ScopesSessions);
    }

    [Fact]
    public async Task KeysBudgetAndModels_AreRead_AndHoldWithinTheTeams()
    {
        var team = await LoadTeamAsync(Team(
            "\"AllowedModels\": [\"openai/*\"], \"DeniedModels\": [\"*:free\"]",
            keyMore: """, "AllowedModels": ["*mini*", "google/*"], "Budget": { "Usd": 2.5, "Period": "Day", "IncludeByok": false, "WhenExceeded": "Report" }"""));

        var key = team.Keys[0];
        Assert.Equal(["*mini*", "google/*"], key.Rights.Allowed!.Select(pattern => pattern.Text));
        Assert.Equal(
            new TeamBudget(new PicoDollars(2_500_000_000_000), BudgetPeriod.Day) { IncludesByok = false, WhenExceeded = ExceededPolicy.Report }, key.Budget);
        Assert.Same(key.Budget, team.BudgetOf(key.Label));
        Assert.Null(team.BudgetOf("other"));
        var view = team.As(key);
        Assert.Equal((true, true, null), (view.HasBudget, view.HasKeyRights, view.Budget));
        Assert.Equal(
            [true, false, false, false, false],
            ((string[])["openai/o-mini", "openai/o", "google/g-mini", "openai/o-mini:free", ""]).Select(model => view.Rights.Refuse([model], []) is null));
        Assert.NotNull(view.Rights.Refuse([], []));
        Assert.False(team.HasBudget);
        Assert.Null(team.Rights.Refuse(["openai/o"], []));
    }

    [Fact]
    public async Task KeyWithoutAnythingOfItsOwn_SeesItsTeam()
    {
        var team = await LoadTeamAsync(Team("\"Budget\": { \"Usd\": 1 }"));
        Assert.Same(team, team.As(team.Keys[0]));
    }

    [Theory]
    [InlineData("\"Budget\": { \"Usd\": 0 }", "Teams:0:Keys:0:Budget:Usd: ")]
    [InlineData("\"Budget\": { }", "Teams:0:Keys:0:Budget:Usd: ")]
    [InlineData("\"AllowedModels\": []", "Teams:0:Keys:0:AllowedModels: is empty")]
    [InlineData("\"AllowedModels\": [\"\"]", "Teams:0:Keys:0:AllowedModels:0: ")]
    [InlineData("\"DeniedModels\": [\"x\"]", "Teams:0:Keys:0:DeniedModels: ")]
    public async Task KeysBudgetOrModelsThatAreWrong_AreFaultsOfTheKey(string member, string fault)
    {
        Write(Team(keyMore: ", " + member));
        Assert.Contains(await _folder.LoadBadAsync(), found => found.StartsWith(fault, StringComparison.Ordinal));
    }

    [Fact]
    public async Task BudgetWithoutPeriod_IsAMonths()
    {
        Assert.Equal(BudgetPeriod.Month, (await LoadTeamAsync(Team("\"Budget\": { \"Usd\": 1 }"))).Budget!.Period);
    }

    [Theory]
    [InlineData("100", "100.0")]
    [InlineData("100", "1e2")]
    [InlineData("0.5", "0.50")]
    public async Task SameAmount_IsTheSameVersion(string first, string second)
    {
        Write(Team($"\"Budget\": {{ \"Usd\": {first} }}"));
        var version = (await _folder.LoadGoodAsync()).Version;
        Write(Team($"\"Budget\": {{ \"Usd\": {second} }}"));

        Assert.Equal(version, (await _folder.LoadGoodAsync()).Version);
    }

    [Fact]
    public async Task TeamsRules_ComeFirstAndShareEverybodys()
    {
        const string Rule = """{ "Name": "all", "Model": "*", "Provider": { "zdr": true } }""";
        _folder.Args = ["--model-provider-mapping", "c=C"];
        _folder.Write("appsettings.json", SettingsFolder.Json($$"""
            "ProviderMapping": { "Rules": [ {{Rule}} ], "Aliases": [ { "Model": "x", "Use": "y" } ] },
            "Teams": [
              {{Team("\"ProviderMapping\": { \"Rules\": [ " + Rule.Replace("all", "own", StringComparison.Ordinal) + " ] }")}},
              {{Team("\"ProviderMapping\": { \"Rules\": [ " + Rule.Replace("all", "own", StringComparison.Ordinal) + " ] }", id: "b", hash: HashB)}},
              {{Team(id: "c", hash: new string('0', 64))}} ]
            """));

        var snapshot = await _folder.LoadGoodAsync();

        var teams = snapshot.Teams.Teams;
        Assert.Equal(["own", "cli-1", "all"], teams[0].Rules.Rules.Select(rule => rule.Name));
        Assert.Same(snapshot.Rules.Rules[1], teams[0].Rules.Rules[2]);
        Assert.Same(snapshot.Rules.Rules[1], teams[1].Rules.Rules[2]);
        Assert.Same(snapshot.Rules, teams[2].Rules);
        Assert.Single(teams[0].Rules.Aliases);
        Assert.Equal("own", Assert.Single(teams[0].RuleSummaries).Name);
        Assert.Equal(2, snapshot.RuleSummaries.Count);
    }

    public static TheoryData<string[], string[]> Bad => new()
    {
        { ["{}"], ["Teams:0:Id: is missing; expected a string", "Teams:0:Keys: is missing; expected an array", "Teams:0:OpenRouterKey: is missing; expected a string"] },
        { ["null"], ["Teams:0: got null; expected an object"] },
        { [Team(id: "a b")], ["Teams:0:Id: got \"a b\"; expected 1 to 64 of the characters A-Z a-z 0-9 . _ -"] },
        { [Team(id: "")], ["Teams:0:Id: got \"\"; expected 1 to 64"] },
        { [Team(), Team(id: "A", hash: HashB)], ["Teams:1:Id: \"A\" is already used by Teams:0:Id; expected unique ids"] },
        { [Team(), Team(id: "b", hash: HashA.ToUpperInvariant())], ["Teams:1:Keys:0:Sha256: is already used by Teams:0:Keys:0; expected unique keys"] },
        { [Team(keyMore: $"}}, {{ \"Sha256\": \"{HashA}\"")], ["Teams:0:Keys:1:Sha256: is already used by Teams:0:Keys:0"] },
        { [Team(keyMore: $", \"Label\": \"x\" }}, {{ \"Label\": \"X\", \"Sha256\": \"{HashB}\"")], ["Teams:0:Keys:1:Label: \"X\" is already used by Teams:0:Keys:0"] },
        { [Team(hash: "marked")], ["Teams:0:Keys:0:Sha256: has 6 characters and is not shown; expected the key's SHA-256"] },
        { [Team(hash: new string('g', 64))], ["Teams:0:Keys:0:Sha256: has 64 characters and is not shown"] },
        { [Team(hash: "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855")], ["Teams:0:Keys:0:Sha256: is the hash of an empty key; expected"] },
        { [Team(keyMore: ", \"Label\": \"ogw-marked\"")], ["Teams:0:Keys:0:Label: is not a valid label; expected 1 to 64 printable characters"] },
        { [Team(keyMore: ", \"Expires\": \"2030-01-01\"")], ["Teams:0:Keys:0:Expires: got \"2030-01-01\"; expected ISO 8601 with its offset, such as"] },
        { [Team(keyMore: ", \"Expires\": \"2030-01-01T00:00:00\"")], ["Teams:0:Keys:0:Expires: got"] },
        { [Team(keyMore: ", \"Expires\": \"2030-13-01T00:00:00Z\"")], ["Teams:0:Keys:0:Expires: got"] },
        { [Team(keyMore: ", \"Limits\": { \"TokensPerMinute\": 0 }")], ["Teams:0:Keys:0:Limits:TokensPerMinute: got 0; expected 1 or more"] },
        { ["{ \"Id\": \"a\", \"Keys\": [], \"OpenRouterKey\": \"env:KEY\" }"], ["Teams:0:Keys: is empty; expected one or more"] },
        { [Team("\"Limits\": { \"RequestsPerMinute\": -1, \"ConcurrentRequests\": 0 }")], ["Teams:0:Limits:RequestsPerMinute: got -1; expected 1 or more", "Teams:0:Limits:ConcurrentRequests: got 0; expected 1 or more"] },
        { [Team("\"AllowedModels\": [\"a\", \"\"]")], ["Teams:0:AllowedModels:1: got \"\", expected a model name or a pattern"] },
        { [Team("\"AllowedModels\": []")], ["Teams:0:AllowedModels: is empty, which would allow no model"] },
        { [Team("\"DeniedModels\": \" \"")], ["Teams:0:DeniedModels:0: got \" \", expected a model name or a pattern"] },
        { [Team("\"Budget\": {}")], ["Teams:0:Budget:Usd: is missing; expected a decimal number"] },
        { [Team("\"Budget\": { \"Usd\": 0 }")], ["Teams:0:Budget:Usd: got 0; expected more than 0 and up to 9000000, with at most 12 decimals"] },
        { [Team("\"Budget\": { \"Usd\": -5 }")], ["Teams:0:Budget:Usd: got -5; expected more than 0"] },
        { [Team("\"Budget\": { \"Usd\": 9000000.01 }")], ["Teams:0:Budget:Usd: got 9000000.01; expected more than 0"] },
        { [Team("\"Budget\": { \"Usd\": 0.0000000000001 }")], ["Teams:0:Budget:Usd: got 0.0000000000001; expected"] },
        { [Team("\"Budget\": { \"Usd\": 1.00000000000000000000000000000001 }")], ["Teams:0:Budget:Usd: got 1.00000000000000000000000000000001; expected a decimal number of at most 28 digits"] },
        { [Team("\"Budget\": { \"Usd\": \"5\" }")], ["Teams:0:Budget:Usd: got \"5\"; expected a decimal number"] },
        { [Team("\"Budget\": { \"Usd\": 5, \"Period\": \"Year\" }")], ["Teams:0:Budget:Period: got \"Year\"; expected one of Day, Week, Month, Total"] },
        { [Team("\"ProviderMapping\": { \"Rules\": [ { \"Model\": \"\", \"Provider\": { \"order\": 5 } } ] }")], ["Teams:0:ProviderMapping:Rules:0:Model: ", "Teams:0:ProviderMapping:Rules:0:Provider:order: "] },
        { [Team("\"ProviderMapping\": { \"Rules\": [ { \"Modle\": \"a\", \"Model\": \"a\", \"Provider\": { \"zdr\": true } } ] }")], ["Teams:0:ProviderMapping:Rules:0:Modle: unknown setting"] },
        { [Team("\"ProviderMapping\": { \"Rules\": [ { \"Model\": \"a\" }, { \"Model\": \"\", \"Provider\": { \"zdr\": true } } ] }")], ["Teams:0:ProviderMapping:Rules:0:Provider: is missing", "Teams:0:ProviderMapping:Rules:1:Model: "] },
        { [Team("\"ProviderMapping\": { \"Aliases\": [ { \"Model\": \"a\", \"Use\": \"\" } ] }")], ["Teams:0:ProviderMapping:Aliases:0:Use: "] },
        { [Team("\"ProviderMapping\": { \"Rules\": [ { \"Name\": \"CLI-1\", \"Model\": \"a\", \"Provider\": { \"zdr\": true } } ] }")], ["Teams:0:ProviderMapping:Rules:0:Name: \"CLI-1\" is already used by --model-provider-mapping"] },
        { [Team("\"Attribution\": { \"Title\": \"\u00e4\" }")], ["Teams:0:Attribution:Title: is empty or contains a character that headers do not allow"] },
        { [Team("\"Budegt\": {}")], ["Teams:0:Budegt: unknown setting; expected one of Id, Keys, OpenRouterKey"] },
        { [Team(key: Secret)], ["Teams:0:OpenRouterKey: is not a reference to a secret and is not shown, since it may be a secret; expected env:NAME or file:PATH"] },
        { [Team(key: " ")], ["Teams:0:OpenRouterKey: is empty; expected env:NAME or file:PATH"] },
        { [Team(key: "env:NOTHING")], ["Teams:0:OpenRouterKey: env:NOTHING is not set or empty; expected it in the environment or in .env"] },
        { [Team(key: "env:EMPTY")], ["Teams:0:OpenRouterKey: env:EMPTY is not set or empty"] },
        { [Team(key: "env:" + Secret)], ["Teams:0:OpenRouterKey: has no variable name after env:"] },
        { [Team(key: "env:BLANK_INSIDE")], ["Teams:0:OpenRouterKey: contains a space or another character that headers do not allow"] },
        { [Team(key: "env:GATEWAYS_OWN")], ["Teams:0:OpenRouterKey: resolves to a gateway key"] },
        { [Team(key: "file:")], ["Teams:0:OpenRouterKey: has no path after file:"] },
        { [Team(key: "file:nowhere")], ["Teams:0:OpenRouterKey: file:nowhere does not exist"] },
        { [Team(key: "file:program")], ["Teams:0:OpenRouterKey: file:program is a folder; expected a file"] },
        { [Team(key: "file:empty.key")], ["Teams:0:OpenRouterKey: file:empty.key is empty; expected the secret and nothing else"] },
        { [Team(key: "file:binary.key")], ["Teams:0:OpenRouterKey: file:binary.key is not UTF-8 text"] },
        { [Team(key: "file:/dev/zero")], ["Teams:0:OpenRouterKey: file:/dev/zero is larger than 65536 bytes"] },
        { [Team(key: "file:lines.key")], ["Teams:0:OpenRouterKey: contains a space or another character that headers do not allow"] },
        { [Team(id: "a b"), Team(key: "x", id: "b", hash: HashB)], ["Teams:0:Id: ", "Teams:1:OpenRouterKey: "] },
    };

    [Theory]
    [MemberData(nameof(Bad))]
    public async Task BadTeam_IsNamedWithItsPathAndWithoutItsSecrets(string[] teams, string[] expected)
    {
        _folder.Args = ["--model-provider-mapping", "c=C"];
        _folder.Variables["EMPTY"] = " ";
        _folder.Variables["BLANK_INSIDE"] = "marked key";
        _folder.Variables["GATEWAYS_OWN"] = "ogw-marked";
        Directory.CreateDirectory(_folder.ProgramDirectory);
        _folder.Write("empty.key", " \n");
        _folder.Write("lines.key", "marked\nmarked");
        await File.WriteAllBytesAsync(Path.Combine(_folder.Path, "binary.key"), [0xFF, 0xFE, 0x00], TestContext.Current.CancellationToken);
        Write(teams);

        var faults = await _folder.LoadBadAsync();

        Assert.Equal(expected.Length, faults.Length);
        Assert.All(expected.Zip(faults), pair => Assert.StartsWith(pair.First, pair.Second, StringComparison.Ordinal));
        Assert.DoesNotContain(faults, fault => fault.Contains("marked", StringComparison.Ordinal));
    }

    [Fact]
    public async Task MisplacedSecret_IsNotShown()
    {
        _folder.Write("appsettings.json", SettingsFolder.Json(
            "\"Teams\": [ \"marked\", { \"Id\": \"a\", \"Keys\": \"marked\", \"OpenRouterKey\": 1234567 } ], \"Usage\": { \"Postgres\": \"marked\" }"));
        _folder.Variables["Admin__Token__X"] = "marked";
        _folder.Variables["Limits__Redis"] = "marked";

        var faults = await _folder.LoadBadAsync();

        Assert.DoesNotContain(faults, fault => fault.Contains("marked", StringComparison.Ordinal));
        Assert.DoesNotContain(faults, fault => fault.Contains("1234567", StringComparison.Ordinal));
        Assert.Equal(6, faults.Length);
    }

    [Fact]
    public async Task ExpiredKey_IsAWarning()
    {
        Write(Team(keyMore: ", \"Expires\": \"2020-01-01T00:00:00Z\""));

        var snapshot = await _folder.LoadGoodAsync();

        Assert.Equal(["Teams:0:Keys:0:Expires: the key \"key-1\" has expired"], snapshot.Warnings.Select(warning => warning.ToString()));
    }

    [Fact]
    public async Task Variable_ReachesIntoATeam()
    {
        Write(Team());
        _folder.Variables["Teams__0__Limits__RequestsPerMinute"] = "5";
        _folder.Variables["Teams__0__Budget__Usd"] = "2.5";
        _folder.Variables["Teams__1"] = Team(id: "b", hash: HashB);

        var teams = (await _folder.LoadGoodAsync()).Teams;

        Assert.Equal(5, teams.Teams[0].Limits.RequestsPerMinute);
        Assert.Equal("2.5", teams.Teams[0].Budget!.Limit.ToString());
        Assert.True(teams.TryGet("b", out _));
    }

    [Theory]
    [InlineData("env:KEY", "from-environment")]
    [InlineData("env:DOT", "from-dot-env")]
    [InlineData("env:dot", "from-dot-env")]
    [InlineData(" ENV: DOT ", "from-dot-env")]
    [InlineData("file:a.key", "from-file")]
    [InlineData("file:sub/../a.key", "from-file")]
    public async Task Reference_IsFollowed(string reference, string expected)
    {
        _folder.Variables["KEY"] = "from-environment";
        _folder.Write(".env", "KEY=hidden\nDOT=from-dot-env\n");
        _folder.Write("a.key", "\uFEFF  from-file\r\n");

        Assert.Equal(expected, (await LoadTeamAsync(Team(key: reference))).UpstreamKey.Reveal());
    }

    [Fact]
    public async Task EmptyVariable_GivesWayToDotEnv()
    {
        _folder.Variables["KEY"] = "";
        _folder.Write(".env", "KEY=from-dot-env\n");

        Assert.Equal("from-dot-env", (await LoadTeamAsync(Team())).UpstreamKey.Reveal());
    }

    [Fact]
    public async Task OtherSecret_IsAnotherVersionThatDoesNotShowIt()
    {
        Write(Team());
        var first = await _folder.LoadGoodAsync();
        _folder.Variables["KEY"] = "sk-or-v1-other";
        var second = await _folder.LoadGoodAsync();
        _folder.Variables["KEY"] = Secret;

        Assert.NotEqual(first.Version, second.Version);
        Assert.Equal(first.RoutesVersion, second.RoutesVersion);
        Assert.Equal(first.Version, (await _folder.LoadGoodAsync()).Version);
    }

    [Fact]
    public async Task Check_SaysALineForEachTeamWithoutSecrets()
    {
        Write(
            Team(
                "\"AllowedModels\": [\"openai/*\"], \"DeniedModels\": [\"*:free\"], \"Limits\": { \"RequestsPerMinute\": 5 }, \"Budget\": { \"Usd\": 2.50 }",
                keyMore: ", \"Label\": \"ci\", \"Expires\": \"2030-01-01T00:00:00Z\""),
            Team(id: "b", hash: HashB));
        var snapshot = await _folder.LoadGoodAsync();

        var report = CheckReport.Write(snapshot, _folder.Sources(), SettingsFiles.Read(_folder.Sources()));

        Assert.Contains(
            "  a: keys ci until 2030-01-01T00:00:00+00:00; models openai/*, but not *:free; "
                + "server tools those open by default, others refused, up to 0.25 USD a request; limits 5 requests a minute; "
                + "budget 2.5 USD a month; own rules 0",
            report.Split(Environment.NewLine));
        Assert.Contains(
            "  b: keys key-1; models all models; server tools those open by default, others refused; limits none; budget none; own rules 0",
            report.Split(Environment.NewLine));
        Assert.DoesNotContain("marked", report, StringComparison.Ordinal);
        Assert.DoesNotContain(HashA, report, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task Explain_ForATeamSaysItsRightsLimitsAndBudget()
    {
        Write(Team(
            """
            "AllowedModels": ["openai/*"], "Budget": { "Usd": 1 },
            "ProviderMapping": { "Rules": [ { "Name": "own", "Model": "*", "Provider": { "zdr": true } } ], "Aliases": [ { "Model": "gpt", "Use": "openai/gpt-4o" } ] }
            """));
        RewriteBodies();
        var snapshot = await _folder.LoadGoodAsync();

        var allowed = await ExplainAsync(snapshot, "gpt", "a");
        Assert.Contains("rule own: Applied", allowed, StringComparison.Ordinal);
        Assert.Contains("rights    openai/*", allowed, StringComparison.Ordinal);
        Assert.Contains("          allowed", allowed, StringComparison.Ordinal);
        Assert.Contains("limits    none", allowed, StringComparison.Ordinal);
        Assert.Contains("budget    1 USD a month", allowed, StringComparison.Ordinal);
        Assert.Contains(
            "          403: The team may not use the model 'anthropic/claude'.",
            await ExplainAsync(snapshot, "anthropic/claude", "a"),
            StringComparison.Ordinal);
        Assert.DoesNotContain("rule own", await ExplainAsync(snapshot, "gpt", null), StringComparison.Ordinal);
        Assert.Equal(
            "--team \"x\": unknown team; expected one of a" + Environment.NewLine, await ExplainAsync(snapshot, "gpt", "x"));
    }

    [Fact]
    public async Task Explain_ForAKey_AppliesItsRights()
    {
        Write($$"""
            { "Id": "a", "OpenRouterKey": "env:KEY", "Keys": [
              { "Label": "any", "Sha256": "{{HashA}}" },
              { "Label": "mini", "Sha256": "{{HashB}}", "AllowedModels": ["openai/gpt-4o-mini"] },
              { "Label": "old", "Sha256": "{{new string('c', 64)}}", "Expires": "2020-01-01T00:00:00Z" } ] }
            """);
        RewriteBodies();
        var snapshot = await _folder.LoadGoodAsync();

        Assert.Contains("since the key of the request is not given", await ExplainAsync(snapshot, "openai/gpt-4o", "a"), StringComparison.Ordinal);
        Assert.DoesNotContain("403", await ExplainAsync(snapshot, "openai/gpt-4o", "a", "any"), StringComparison.Ordinal);
        Assert.Contains("403", await ExplainAsync(snapshot, "openai/gpt-4o", "a", "mini"), StringComparison.Ordinal);
        Assert.Contains("401", await ExplainAsync(snapshot, "openai/gpt-4o", "a", "old"), StringComparison.Ordinal);
        Assert.Equal(
            "--key \"x\": unknown key of team a; expected one of any, mini, old" + Environment.NewLine,
            await ExplainAsync(snapshot, "gpt", "a", "x"));
        Assert.DoesNotContain("secret", await ExplainAsync(snapshot, "gpt", "a", "ogw-secret"), StringComparison.Ordinal);
        Assert.DoesNotContain("secret", await ExplainAsync(snapshot, "gpt", "ogw-secret", null), StringComparison.Ordinal);
        Assert.Equal("--key \"x\": expected --team as well" + Environment.NewLine, await ExplainAsync(snapshot, "gpt", null, "x"));
    }

    [Fact]
    public async Task KeysNew_PrintsAKeyThatTheSettingsTakeAndReadsNoSettings()
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var startup = await SettingsStartup.RunAsync(
            ["keys", "new", "--team", "search", "--label", "the \"CI\"", "--expires", "2030-01-01T00:00:00Z"],
            _folder.Variables, _folder.Path, _folder.ProgramDirectory, _folder.Loader, output, error);
        var text = output.ToString();
        var key = text.Split(Environment.NewLine).Single(line => line.StartsWith("ogw-", StringComparison.Ordinal));
        _folder.Write("appsettings.json", SettingsFolder.Json(
            $"\"Teams\": [ {{ \"Id\": \"search\", \"OpenRouterKey\": \"env:KEY\", \"Keys\": [ {text[text.IndexOf('{', StringComparison.Ordinal)..]} ] }} ]"));

        Assert.Equal(0, startup.ExitCode);
        Assert.Empty(error.ToString());
        var teams = (await _folder.LoadGoodAsync()).Teams;
        Assert.True(teams.TryFind(key, out var caller));
        Assert.Equal(("search", "the \"CI\""), (caller.Team.Id, caller.Key.Label));
        Assert.Equal(2030, caller.Key.Expires!.Value.Year);
    }

    [Fact]
    public async Task KeysNew_WithFaults_LeavesWithTwo()
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var startup = await SettingsStartup.RunAsync(
            ["keys", "new", "--prot"], _folder.Variables, _folder.Path, _folder.ProgramDirectory, _folder.Loader, output, error);

        Assert.Equal(SettingsStartup.FaultyStart, startup.ExitCode);
        Assert.Empty(output.ToString());
        Assert.Equal(2, error.ToString().Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries).Length);
    }

    /// <summary>Adds the transform to the route.</summary>
    private void RewriteBodies() => _folder.Write(
        "appsettings.json",
        File.ReadAllText(Path.Combine(_folder.Path, "appsettings.json")).Replace(
            "\"Path\": \"/{**rest}\" }",
            "\"Path\": \"/{**rest}\" }, \"Transforms\": [ { \"PathRemovePrefix\": \"/v1\" }, { \"ProviderMapping\": \"Default\" } ]",
            StringComparison.Ordinal));

    private static async Task<string> ExplainAsync(SettingsSnapshot snapshot, string model, string? team, string? key = null)
    {
        using var output = new StringWriter();
        await ExplainReport.WriteAsync(
            snapshot, new ExplainArguments { Model = model, Team = team, Key = key }, AppContext.BaseDirectory, output, output);
        return output.ToString();
    }
}
