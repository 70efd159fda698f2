using Gateway.Configuration.Reading;
using Gateway.Reports;
using Gateway.Teams;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Gateway.Configuration.Model;

/// <summary>Promise: the settings of server tools are read, checked and shown by <c>check</c> and <c>explain</c>.</summary>
public sealed class ServerToolsSettingsTests : IDisposable
{
    private const string Rule = """{ "Name": "zdr", "Model": "m", "WhenClientSetsProvider": "Enforce", "Provider": { "zdr": true } }""";

    private readonly SettingsFolder _folder = new();
    private string _defaults = "{}";

    public ServerToolsSettingsTests() => _folder.Variables["KEY"] = "sk-or-v1-x";

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task MissingSection_IsTheDefault() => Assert.Same(ServerToolRights.Default, (await LoadAsync("")).ServerTools);

    [Fact]
    public async Task Object_IsRead()
    {
        _folder.HasOtherSpelling = true;
        var tools = (await LoadAsync("""
            "ServerTools": { "Allow": ["openrouter:*", " plugin:web "], "WhenClosed": "remove", "MaxUsd": 0.100000000001 }
            """)).ServerTools;

        Assert.Equal(["openrouter:*", "plugin:web"], tools.Allowed!.Select(pattern => pattern.Text));
        Assert.Equal(WhenToolClosed.Remove, tools.WhenClosed);
        Assert.Equal("0.100000000001", tools.MaxCost.ToString());
    }

    [Fact]
    public async Task Array_IsWhatIsAllowed()
    {
        var tools = (await LoadAsync("\"ServerTools\": [\"mcp\"]")).ServerTools;

        Assert.Equal("mcp", Assert.Single(tools.Allowed!).Text);
        Assert.Equal((WhenToolClosed.Refuse, "0.25"), (tools.WhenClosed, tools.MaxCost.ToString()));
    }

    [Fact]
    public async Task EmptyArray_ClosesEverything() => Assert.False((await LoadAsync("\"ServerTools\": []")).ServerTools.IsOpen("web_search"));

    /// <summary>An array is short for an object with <c>Allow</c>, wherever it is laid over, or under, another one.</summary>
    [Theory]
    [InlineData("""{ "WhenClosed": "Remove", "MaxUsd": 1 }""", """["mcp"]""")]
    [InlineData("""["mcp"]""", """{ "WhenClosed": "Remove", "MaxUsd": 1 }""")]
    [InlineData("""["web_search"]""", """{ "Allow": ["mcp"], "WhenClosed": "Remove", "MaxUsd": 1 }""")]
    [InlineData("""{ "Allow": ["web_search"], "WhenClosed": "Remove", "MaxUsd": 1 }""", """["mcp"]""")]
    public async Task Array_IsMergedAsItsObject(string below, string above)
    {
        _defaults = $$"""{ "ServerTools": {{below}} }""";
        IsMerged(await LoadAsync($"\"ServerTools\": {above}"));

        _folder.Write("appsettings.Production.json", $$"""{ "TeamDefaults": { "ServerTools": {{above}} } }""");
        IsMerged(await LoadAsync(""));

        static void IsMerged(Team team)
        {
            var tools = team.ServerTools;
            Assert.Equal("mcp", Assert.Single(tools.Allowed!).Text);
            Assert.Equal((WhenToolClosed.Remove, "1"), (tools.WhenClosed, tools.MaxCost.ToString()));
        }
    }

    [Fact]
    public async Task ArrayInAVariable_IsMergedAsItsObject()
    {
        _folder.Variables["Teams__0__ServerTools"] = """["mcp"]""";
        var tools = (await LoadAsync(""" "ServerTools": { "Allow": ["web_search"], "WhenClosed": "Remove", "MaxUsd": 1 } """)).ServerTools;

        Assert.Equal("mcp", Assert.Single(tools.Allowed!).Text);
        Assert.Equal((WhenToolClosed.Remove, "1"), (tools.WhenClosed, tools.MaxCost.ToString()));
    }

    [Fact]
    public async Task VariableBesideAnArray_LeavesIt()
    {
        _folder.Variables["Teams__0__ServerTools__MaxUsd"] = "0.5";
        var tools = (await LoadAsync("\"ServerTools\": []")).ServerTools;

        Assert.False(tools.IsOpen("web_search"));
        Assert.Equal("0.5", tools.MaxCost.ToString());
    }

    [Fact]
    public async Task ObjectWithoutAllow_KeepsTheDefaultList()
    {
        var tools = (await LoadAsync("\"ServerTools\": { \"WhenClosed\": \"Report\" }")).ServerTools;

        Assert.Null(tools.Allowed);
        Assert.True(tools.IsOpen("web_search"));
    }

    [Theory]
    [InlineData("\"ServerTools\": [\"\"]", "Teams:0:ServerTools:Allow:0: got \"\", expected a server tool or a pattern")]
    [InlineData("\"ServerTools\": 7", "Teams:0:ServerTools: got 7; expected an object or an array")]
    [InlineData("\"ServerTools\": { \"Alow\": [] }", "Teams:0:ServerTools:Alow: unknown setting; expected one of Allow, WhenClosed, MaxUsd; did you mean Allow?")]
    [InlineData("\"ServerTools\": { \"WhenClosed\": \"Cut\" }", "Teams:0:ServerTools:WhenClosed: got \"Cut\"; expected one of Refuse, Remove, Report")]
    [InlineData("\"ServerTools\": { \"MaxUsd\": 0 }", "Teams:0:ServerTools:MaxUsd: got 0; expected more than 0 and up to 9000000, with at most 12 decimals")]
    [InlineData("\"ProviderMapping\": { \"Rules\": [ { \"Model\": \"m\", \"Provider\": { \"zdr\": true }, \"ServerTools\": [\"mcp\"] } ] }", "Teams:0:ProviderMapping:Rules:0:ServerTools: is set on a rule in mode KeepClient")]
    public async Task WrongSetting_IsAFault(string member, string fault)
    {
        Write(member);

        Assert.StartsWith(fault, Assert.Single(await _folder.LoadBadAsync()), StringComparison.Ordinal);
    }

    [Fact]
    public async Task ListWithoutEffect_IsAWarning()
    {
        Write("\"Attribution\": {}", Rule.Replace("\"zdr\": true", "\"require_parameters\": true", StringComparison.Ordinal)
            .Replace("\"Model\"", "\"ServerTools\": \"mcp\", \"Model\"", StringComparison.Ordinal));

        Assert.Contains(
            (await _folder.LoadGoodAsync()).Warnings,
            warning => warning.ToString().StartsWith("ProviderMapping:Rules:0:ServerTools: rule zdr: has no effect", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Check_PrintsWhatIsOpenToWhom()
    {
        Write("\"ServerTools\": { \"Allow\": [\"mcp\"], \"WhenClosed\": \"Remove\", \"MaxUsd\": 2 }, \"Budget\": { \"Usd\": 1 }", Rule);
        var snapshot = await _folder.LoadGoodAsync();

        var report = CheckReport.Write(snapshot, _folder.Sources(), SettingsFiles.Read(_folder.Sources())).Split(Environment.NewLine);

        Assert.Contains(report, line => line.StartsWith("  a: ", StringComparison.Ordinal)
            && line.Contains("server tools mcp, others removed, up to 2 USD a request", StringComparison.Ordinal));
        Assert.Contains("    tools    no server tool is open", report);
        Assert.DoesNotContain(report, line => line.StartsWith("server tools open by default", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Check_PrintsTheDefaultList()
    {
        Write("\"Attribution\": {}");

        var report = CheckReport.Write(await _folder.LoadGoodAsync(), _folder.Sources(), SettingsFiles.Read(_folder.Sources()));

        Assert.Contains("server tools open by default: *web_search*, ", report, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Explain_SaysWhatBecomesOfEachTool()
    {
        Write("\"ServerTools\": { \"Allow\": [\"openrouter:*\"], \"WhenClosed\": \"Remove\" }", Rule);
        _folder.Write("body.json", """
            {"model":"m","tools":[{"type":"mcp"},{"type":"openrouter:advisor","parameters":{"model":"x/y"}},{"type":"function"}]}
            """);

        var report = await ExplainAsync("a");
        Assert.Contains("tool mcp: closed by rule zdr, removed", report, StringComparison.Ordinal);
        Assert.Contains("tool openrouter:advisor: closed by rule zdr, removed; names x/y", report, StringComparison.Ordinal);
        Assert.Contains("tools     openrouter:*, others removed", report, StringComparison.Ordinal);

        var refused = await ExplainAsync(null);
        Assert.Contains("tool mcp: closed by rule zdr, refused", refused, StringComparison.Ordinal);
        Assert.Contains("403: Rule 'zdr' refuses the server tool 'mcp'", refused, StringComparison.Ordinal);
    }

    private async Task<string> ExplainAsync(string? team)
    {
        using var output = new StringWriter();
        await ExplainReport.WriteAsync(
            await _folder.LoadGoodAsync(),
            new ExplainArguments { BodyPath = Path.Combine(_folder.Path, "body.json"), Team = team },
            AppContext.BaseDirectory,
            output,
            output);
        return output.ToString();
    }

    private async Task<Team> LoadAsync(string member)
    {
        Write(member);
        return (await _folder.LoadGoodAsync()).Teams.Teams[0];
    }

    private void Write(string member, params string[] rules)
    {
        var route = SettingsFolder.Proxy.Replace(
            "\"Match\"",
            "\"Transforms\": [ { \"PathRemovePrefix\": \"/v1\" }, { \"ProviderMapping\": \"Default\" } ], \"Match\"", StringComparison.Ordinal);
        var team = TeamSetup.Team(member, id: "a", reference: "env:KEY");
        _folder.Write(
            "appsettings.json",
            $"{{ {route}, \"TeamDefaults\": {_defaults}, \"ProviderMapping\": {{ \"Rules\": [ {string.Join(", ", rules)} ] }}, \"Teams\": [ {team} ] }}");
    }
}
