using System.Text.Json;
using System.Text.RegularExpressions;
using Gateway.Configuration.Reading;
using Gateway.Reports;
using Gateway.Tests.Documents;
using Gateway.Tests.Gateway.Configuration;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Gateway.Reports;

/// <summary>Promise: <c>check</c> names the settings of the table "Upgrading" that are in use and that no source decides.</summary>
public sealed partial class UpgradeNotesTests : IDisposable
{
    private const string Key = "\"Keys\": [ { \"Sha256\": \"1111111111111111111111111111111111111111111111111111111111111111\" } ]";
    private const string Team = $"\"Id\": \"search\", {Key}, \"OpenRouterKey\": \"env:SEARCH\"";
    private const string Rule = "\"Name\": \"zdr\", \"Model\": \"*\", \"WhenClientSetsProvider\": \"Enforce\", \"Provider\": { \"zdr\": true }";

    private const string Decided = """
        "Server": { "MaxWaitingBodies": 10, "EventStreamHeaderDelay": "00:00:03", "Limits": { "MaxConnections": 100 } },
        "Upstream": { "MaxAttempts": 3, "ConnectTimeout": "00:00:05", "MaxRetriedBodySize": 0, "ErrorsInSuccess": "Status", "EventTimeout": "00:30:00" },
        "Limits": { "BytesPerToken": 2, "UnknownHold": "01:00:00",
          "Prices": [ { "Model": "m", "Prompt": "0", "Completion": "0", "Request": "0" } ] },
        "Admin": { "Url": "http://127.0.0.1:9464" }
        """;

    private readonly SettingsFolder _folder = new();

    private static IEnumerable<IReadOnlyList<string>> Rows { get; } =
    [
        .. MarkdownSection.Read(Path.Combine(Repository.Root, "CHANGELOG.md")).First(static section => section.Heading == "### Upgrading")
            .TableRows.Select(static row => (IReadOnlyList<string>)[.. row.Select(static cell => cell.Replace("`", "", StringComparison.Ordinal))]),
    ];

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Notes_AreTheRowsOfTheTableThatASettingDecides()
    {
        var decided = Rows
            .Where(static row => Line().IsMatch(row[2]) && !row[1].Contains("fault at load", StringComparison.Ordinal))
            .Select(static row => (row[0], row[1], row[2]));

        Assert.Equal(decided, UpgradeNotes.All.Select(static note => (note.Change.Was, note.Change.Is, note.Change.Back)));
    }

    [Fact]
    public async Task SettingsThatUseEverythingAndDecideNothing_AreConcernedByAll()
    {
        _folder.Variables["HTTPS_PROXY"] = "http://proxy.example:3128";
        _folder.Variables["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://collector.example:4317";

        var concerned = await FindAsync($$"""
            "Limits": { "Prices": [ { "Model": "m", "Prompt": "0", "Completion": "0" } ] },
            "Upstream": { "MaxAttempts": null },
            "ProviderMapping": { "Rules": [ { {{Rule}} } ] },
            "Teams": [ { {{Team}}, "Budget": { "Usd": 5 } } ]
            """);

        Assert.Equal(UpgradeNotes.All.Select(static note => note.Change), concerned);
    }

    [Fact]
    public async Task SettingsThatDecideEverything_AreConcernedByNone()
    {
        _folder.Variables["HTTPS_PROXY"] = "http://proxy.example:3128";
        _folder.Variables["NO_PROXY"] = "openrouter.ai";
        _folder.Variables["OTEL_EXPORTER_OTLP_ENDPOINT"] = "http://collector.example:4317";
        _folder.Variables["OTEL_TRACES_EXPORTER"] = "none";
        _folder.Variables["ReverseProxy__Clusters__openrouter__HealthCheck__Passive__Enabled"] = "false";

        var concerned = await FindAsync($$"""
            {{Decided}},
            "ProviderMapping": { "Rules": [ { {{Rule}}, "ServerTools": [ "*" ] } ] },
            "TeamDefaults": { "ServerTools": { "Allow": [ "*" ], "MaxUsd": 1 } },
            "Teams": [ { {{Team}}, "Budget": { "Usd": 5, "IncludeByok": true } } ]
            """);

        Assert.Empty(concerned);
    }

    [Theory]
    [InlineData("\"Limits\": { \"TokensPerMinute\": 5 }", "Limits:BytesPerToken")]
    [InlineData("\"Limits\": { \"RequestsPerMinute\": 5 }", null)]
    [InlineData("\"ServerTools\": [ \"*\" ]", null)]
    public async Task TeamsWithoutABudget_AreConcernedByWhatTheyUse(string setting, string? expected)
    {
        var concerned = await FindAsync($$"""
            "TeamDefaults": { {{setting}} },
            "Teams": [ { {{Team}} } ]
            """);

        var isOpen = setting.Contains("ServerTools", StringComparison.Ordinal);
        Assert.Equal(!isOpen, concerned.Any(static change => change.Setting == "Teams:N:ServerTools"));
        Assert.Equal(
            expected is null ? [] : [expected],
            concerned.Select(static change => change.Setting).Where(static name => name.StartsWith("Limits:", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task BudgetsOfKeysAndOfTeamsInTheFolder_Count()
    {
        var team = Team.Replace("\" }", "\", \"Budget\": { \"Usd\": 5 } }", StringComparison.Ordinal);
        var path = _folder.Write("teams/search.json", $"{{ {team} }}");

        var concerned = await FindAsync($"{Decided}, \"TeamsFolder\": {JsonSerializer.Serialize(Path.GetDirectoryName(path))}");

        Assert.Contains("Teams:N:Budget:IncludeByok", concerned.Select(static change => change.Setting));
    }

    [Fact]
    public async Task Text_NamesTheSettings()
    {
        var (snapshot, sources, files) = await LoadAsync("\"Upstream\": { \"MaxAttempts\": 3 }");

        var text = CheckReport.Write(snapshot, sources, files);

        Assert.Contains("new since 0.1, and not decided by these settings", text, StringComparison.Ordinal);
        Assert.Contains(", Upstream:ConnectTimeout, ReverseProxy:Clusters:NAME:HealthCheck:Passive,", text, StringComparison.Ordinal);
        Assert.DoesNotContain("Upstream:MaxAttempts", text, StringComparison.Ordinal);
    }

    private async Task<IReadOnlyList<CheckedUpgrade>> FindAsync(string sections)
    {
        var (snapshot, sources, files) = await LoadAsync(sections);
        return UpgradeNotes.Find(new StatedSettings(snapshot, sources, files));
    }

    private async Task<(global::Gateway.Configuration.SettingsSnapshot Snapshot, SettingsSources Sources, SettingsFiles Files)> LoadAsync(string sections)
    {
        _folder.Variables["SEARCH"] = "sk-or-v1-search";
        _folder.Write("appsettings.json", SettingsFolder.Json(sections));
        var snapshot = await _folder.LoadGoodAsync();
        var sources = _folder.Sources();
        return (snapshot, sources, SettingsFiles.Read(sources));
    }

    // A member of the settings file, or a variable with its value.
    [GeneratedRegex("^(\"[A-Z]|[A-Z_]+=)", RegexOptions.ExplicitCapture)]
    private static partial Regex Line();
}
