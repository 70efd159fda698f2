using Gateway.Configuration;
using Gateway.Configuration.Reading;
using Gateway.Teams;
using Gateway.Tests.Support;
using Gateway.Workers;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Gateway.Tests.Gateway.Configuration;

/// <summary>Promise: a file a team, on top of the defaults; a bad file keeps its team's last good state and holds up no other.</summary>
public sealed class TeamsFolderTests : IDisposable
{
    private const string Folder = "\"TeamsFolder\": \"teams\"";

    private readonly SettingsFolder _folder = new();
    private readonly ListLogger<SettingsStore> _log = new();
    private SettingsStore? _store;
    private SettingsWatcher? _watcher;

    public TeamsFolderTests() => _folder.Variables["KEY"] = "sk-or-v1-key";

    private SettingsStore Store => _store!;

    private IEnumerable<string> Ids => Store.Current.Teams.Teams.Select(static team => team.Id);

    public void Dispose()
    {
        _watcher?.Dispose();
        _store?.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task Defaults_AreWhatEveryTeamStartsFrom()
    {
        Main(
            """
            "TeamDefaults": {
              "AllowedModels": ["openai/*"], "Limits": { "RequestsPerMinute": 10, "TokensPerMinute": 1000 }, "Budget": { "Usd": 5 },
              "ServerTools": { "MaxUsd": 0.5 }, "ProviderMapping": { "Rules": [ { "Name": "d", "Model": "*", "Provider": { "zdr": true } } ] }
            },
            """
            + Section(Team("a"), Team("b", """ "Limits": { "RequestsPerMinute": 99 }, "Budget": null, "AllowedModels": "x" """)));

        var (a, b) = (await _folder.LoadGoodAsync()).Teams.Teams is [var first, var second] ? (first, second) : default;

        Assert.Equal(new TeamLimits(10, 1000, null), a.Limits);
        Assert.Equal("5", a.Budget!.Limit.ToString());
        Assert.Equal("0.5", a.ServerTools.MaxCost.ToString());
        Assert.Equal("d", Assert.Single(a.RuleSummaries).Name);
        Assert.Equal("anthropic/x", a.Rights.Refuse(["anthropic/x"], []));
        Assert.Equal(new TeamLimits(99, 1000, null), b.Limits);
        Assert.Null(b.Budget);
        Assert.Null(b.Rights.Refuse(["x"], []));
        Assert.Equal("openai/x", b.Rights.Refuse(["openai/x"], []));
    }

    [Fact]
    public async Task FaultsOfTheDefaults_AreReportedOnce()
    {
        Main(
            """
            "TeamDefaults": { "Id": "a", "Limits": { "RequestsPerMinute": 0 }, "Budget": { "Usd": -1 }, "AllowedModels": [] },
            """
            + Section(Team("a"), Team("b")));

        var faults = await _folder.LoadBadAsync();

        Assert.Equal(4, faults.Length);
        Assert.All(faults, static fault => Assert.StartsWith("TeamDefaults:", fault, StringComparison.Ordinal));
    }

    [Fact]
    public async Task EveryFile_IsATeam_BesideThoseOfTheSection()
    {
        Main("\"TeamDefaults\": { \"Budget\": { \"Usd\": 7 } }, " + Section(Team("main")) + ", " + Folder);
        File("b.json", "// search\n" + Team("b"));
        File("a.json", Team("a", """ "Budget": { "Usd": 1 }, """));
        File(".hidden.json", "{");
        File("a.json.bak", "{");
        _folder.Write("teams/folder/x.json", "{");

        var teams = (await _folder.LoadGoodAsync()).Teams.Teams;

        Assert.Equal([("main", "7"), ("a", "1"), ("b", "7")], teams.Select(static team => (team.Id, team.Budget!.Limit.ToString())));
    }

    [Theory]
    [InlineData("{", "zbad.json:")]
    [InlineData("""{ "Id": "x" }""", "zbad.json:Keys:")]
    [InlineData("same id", "zbad.json:Id: \"good\" is already used by good.json:Id")]
    [InlineData("same key", "zbad.json:Keys:0:Sha256: is already used by good.json:Keys:0")]
    [InlineData("no secret", "zbad.json:OpenRouterKey: env:NONE")]
    [InlineData("twice", "zbad.json:Id")]
    public async Task BadFileAtTheStart_IsAFault(string kind, string expected)
    {
        Main(Folder);
        File("good.json", Team("good"));
        File("zbad.json", Bad(kind));

        Assert.Contains(await _folder.LoadBadAsync(), fault => fault.StartsWith(expected, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("{")]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("unknown member")]
    [InlineData("same id")]
    [InlineData("same key")]
    [InlineData("no secret")]
    [InlineData("twice")]
    [InlineData("too large")]
    public async Task BadFile_KeepsItsTeamsLastGoodState_AndTheOthersReload(string kind)
    {
        Main(Folder);
        File("good.json", Team("good"));
        File("zbad.json", Team("bad", """ "Limits": { "RequestsPerMinute": 5 } """));
        var watcher = await StartAsync();

        File("zbad.json", Bad(kind));
        File("good.json", Team("good", """ "Limits": { "RequestsPerMinute": 9 } """));
        await CheckAsync(watcher);

        Assert.Equal([("good", 9), ("bad", 5)], Store.Current.Teams.Teams.Select(static team => (team.Id, team.Limits.RequestsPerMinute)));
        Assert.True(Store.Current.Teams.TryFind("key-of-bad", out var caller));
        Assert.Equal("sk-or-v1-key", caller.Team.UpstreamKey.Reveal());
        Assert.False(Store.State.LastReloadSucceeded);
        Assert.StartsWith("zbad.json", Assert.Single(Store.State.Faults).Path, StringComparison.Ordinal);
        Assert.Single(_log.At(LogLevel.Error));

        // Once, also if something else changes.
        var version = Store.Current.Version;
        await CheckAsync(watcher);
        Main(Folder + ", \"Server\": { \"MaxRequestBodySize\": 1 }");
        await CheckAsync(watcher);
        Assert.NotEqual(version, Store.Current.Version);
        Assert.Single(_log.At(LogLevel.Error));
        Assert.Equal(["good", "bad"], Ids);

        File("zbad.json", Team("bad", """ "Limits": { "RequestsPerMinute": 6 } """));
        await CheckAsync(watcher);
        Assert.Equal(6, Store.Current.Teams.Teams[1].Limits.RequestsPerMinute);
        Assert.True(Store.State.LastReloadSucceeded);
        Assert.Empty(Store.State.Faults);
    }

    /// <summary>As Docker leaves a bind mount whose source is missing.</summary>
    [Fact]
    public async Task FolderInThePlaceOfAFile_LeavesItsTeam()
    {
        Main(Folder);
        File("good.json", Team("good"));
        var path = File("zbad.json", Team("bad"));
        var watcher = await StartAsync();

        System.IO.File.Delete(path);
        Directory.CreateDirectory(path);
        await CheckAsync(watcher);

        Assert.Equal(["good", "bad"], Ids);
        Assert.StartsWith("zbad.json", Assert.Single(Store.State.Faults).Path, StringComparison.Ordinal);
    }

    [Fact]
    public async Task NewFileThatIsBad_HoldsUpNoOther()
    {
        Main(Folder);
        File("a.json", Team("a"));
        var watcher = await StartAsync();

        File("b.json", "{");
        File("c.json", Team("c"));
        await CheckAsync(watcher);

        Assert.Equal(["a", "c"], Ids);
        Assert.Single(Store.State.Faults);
    }

    [Theory]
    [InlineData("search", "another-key", "a-copy.json:Id: \"search\" is already used by search.json:Id")]
    [InlineData("marketing", "key-of-search", "a-copy.json:Keys:0:Sha256: is already used by search.json:Keys:0")]
    public async Task NewFile_TakesNothingOfATeamThatIsThere(string id, string key, string expected)
    {
        Main(Folder);
        File("search.json", Team("search"));
        File("zebra.json", Team("zebra"));
        var watcher = await StartAsync();

        File("a-copy.json", TeamSetup.Team("", id, key, reference: "env:KEY"));
        File("zebra.json", Team("zebra", """ "Limits": { "RequestsPerMinute": 9 } """));
        await CheckAsync(watcher);

        Assert.Equal([("search", (int?)null), ("zebra", 9)], Store.Current.Teams.Teams.Select(static team => (team.Id, team.Limits.RequestsPerMinute)));
        AssertCalls("search");
        Assert.StartsWith(expected, Assert.Single(Store.State.Faults).ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("search", "key-of-marketing")]
    [InlineData("marketing", "key-of-search")]
    public async Task ChangedFile_TakesNothingOfAnUntouchedOne(string id, string key)
    {
        Main(Folder);
        File("marketing.json", Team("marketing"));
        File("search.json", Team("search"));
        var watcher = await StartAsync();

        File("marketing.json", TeamSetup.Team("", id, key, reference: "env:KEY"));
        await CheckAsync(watcher);

        Assert.Equal(["marketing", "search"], Ids);
        AssertCalls("marketing");
        AssertCalls("search");
        Assert.StartsWith("marketing.json:", Assert.Single(Store.State.Faults).Path, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("rule", true, "search.json:ProviderMapping:Rules:0:Name: ")]
    [InlineData("rule", false, "search.json:ProviderMapping:Rules:0:Name: ")]
    [InlineData("key", true, "search.json:Keys:0:Sha256: is already used by Teams:0:Keys:0")]
    [InlineData("key", false, "search.json:Keys:0:Sha256: is already used by Teams:0:Keys:0")]
    [InlineData("id", true, "search.json:Id: \"search\" is already used by Teams:0:Id")]
    public async Task TeamWhoseGoodStateIsTaken_RejectsTheWholeReload(string taken, bool isAlone, string expected)
    {
        Main(Folder);
        File("search.json", Team("search", """ "ProviderMapping": { "Rules": [ { "Name": "eu", "Model": "*", "Provider": { "zdr": true } } ] } """));
        if (!isAlone)
        {
            File("zebra.json", Team("zebra"));
        }

        var watcher = await StartAsync();
        var good = Store.Current;

        Main(Folder + ", " + taken switch
        {
            "rule" => """ "ProviderMapping": { "Rules": [ { "Name": "eu", "Model": "a/*", "Provider": { "zdr": true } } ] } """,
            "key" => Section(TeamSetup.Team("", "other", "key-of-search", reference: "env:KEY")),
            _ => Section(TeamSetup.Team("", "search", "another-key", reference: "env:KEY")),
        });
        await CheckAsync(watcher);

        Assert.Same(good, Store.Current);
        AssertCalls("search");
        Assert.False(Store.State.LastReloadSucceeded);
        Assert.StartsWith(expected, Assert.Single(Store.State.Faults).ToString(), StringComparison.Ordinal);
        Assert.Contains(expected, Assert.Single(_log.At(LogLevel.Error)), StringComparison.Ordinal);

        Main(Folder);
        await CheckAsync(watcher);
        Assert.True(Store.State.LastReloadSucceeded);
        AssertCalls("search");
    }

    [Fact]
    public async Task BadFile_WhoseGoodStateIsTaken_TellsBothFaults()
    {
        Main(Folder);
        File("search.json", Team("search"));
        var watcher = await StartAsync();
        var good = Store.Current;

        File("search.json", "[]");
        Main(Folder + ", " + Section(TeamSetup.Team("", "search", "another-key", reference: "env:KEY")));
        await CheckAsync(watcher);

        Assert.Same(good, Store.Current);
        Assert.Collection(
            Store.State.Faults,
            static fault => Assert.Equal("search.json", fault.Path),
            static fault => Assert.StartsWith(
                "search.json:Id: the last good state cannot be kept: \"search\" is already used by Teams:0:Id",
                fault.ToString(),
                StringComparison.Ordinal));
    }

    [Fact]
    public async Task OnlyFileIsNewAndBad_ItsFaultIsToldBeforeThatNoTeamIsLeft()
    {
        Main(Folder);
        var renamed = File("a.json", Team("a"));
        var watcher = await StartAsync();

        System.IO.File.Delete(renamed);
        File("b.json", Team("b", "\"AllowedModel\": \"a\""));
        await CheckAsync(watcher);

        Assert.Equal(["a"], Ids);
        Assert.Equal(["b.json:AllowedModel", "TeamsFolder"], Store.State.Faults.Select(static fault => fault.Path));
    }

    [Fact]
    public async Task NewAndChangedFiles_GiveTheSettingsOfAStart()
    {
        Main(Folder);
        File("b.json", Team("b"));
        File("c.json", Team("c"));
        var watcher = await StartAsync();

        File("a.json", Team("a"));
        File("b.json", Team("b", """ "Limits": { "RequestsPerMinute": 9 } """));
        await CheckAsync(watcher);

        Assert.Equal(["a", "b", "c"], Ids);
        Assert.Equal((await _folder.LoadGoodAsync()).Version, Store.Current.Version);
    }

    [Fact]
    public async Task RemovedFile_RemovesItsTeam_AndItsGoodState()
    {
        Main(Folder);
        File("a.json", Team("a"));
        var removed = File("b.json", Team("b"));
        var watcher = await StartAsync();

        System.IO.File.Delete(removed);
        await CheckAsync(watcher);
        Assert.Equal(["a"], Ids);
        Assert.True(Store.State.LastReloadSucceeded);

        File("b.json", "{");
        await CheckAsync(watcher);
        Assert.Equal(["a"], Ids);
    }

    [Fact]
    public async Task FolderWithoutATeam_IsAFault_AndOpensTheGatewayToNobody()
    {
        Main(Folder);
        Assert.StartsWith("TeamsFolder: ", Assert.Single(await _folder.LoadBadAsync()), StringComparison.Ordinal);
        Directory.CreateDirectory(Path.Combine(_folder.Path, "teams"));
        Assert.StartsWith("TeamsFolder: ", Assert.Single(await _folder.LoadBadAsync()), StringComparison.Ordinal);

        var file = File("a.json", Team("a"));
        var watcher = await StartAsync();
        System.IO.File.Delete(file);
        await CheckAsync(watcher);

        Assert.Equal(["a"], Ids);
        Assert.False(Store.State.LastReloadSucceeded);
    }

    [Fact]
    public async Task SecretThatArrivesLater_MendsTheFile()
    {
        Main(Folder);
        File("a.json", Team("a"));
        var watcher = await StartAsync();
        File("b.json", Team("b").Replace("env:KEY", "file:b.key", StringComparison.Ordinal));
        await CheckAsync(watcher);
        Assert.Equal(["a"], Ids);

        _folder.Write("b.key", "sk-or-v1-b");
        await CheckAsync(watcher);

        Assert.Equal(["a", "b"], Ids);
    }

    [Theory]
    [MemberData(nameof(FileChange.All), MemberType = typeof(FileChange))]
    public async Task Change_IsSeenHoweverItIsWritten(string change)
    {
        var teams = Path.Combine(_folder.Path, "teams");
        var target = FileChange.Create(teams, Team("a"));
        System.IO.File.CreateSymbolicLink(Path.Combine(teams, "a.json"), target);
        Main(Folder);
        var watcher = await StartAsync();

        await FileChange.ApplyAsync(change, teams, Team("b"));
        await CheckAsync(watcher);

        Assert.Equal(["b"], Ids);
    }

    [Fact]
    public async Task ChangeOfOneOfManyFiles_IsSeenWithinAFewChecks()
    {
        const int Count = 500;
        Main(Folder);
        for (var i = 0; i < Count; i++)
        {
            File($"t{i}.json", Team($"t{i}"));
        }

        var watcher = await StartAsync();
        var version = Store.Current.Version;
        File("t250.json", Team("t250", """ "Limits": { "RequestsPerMinute": 5 } """));

        // A check comes every 150 ms, and a change is to be in force within a second.
        for (var i = 0; i < 5 && Store.Current.Version == version; i++)
        {
            await CheckAsync(watcher);
        }

        Assert.Equal(5, Store.Current.Teams.Teams.Single(static team => team.Id == "t250").Limits.RequestsPerMinute);
        Assert.Equal(Count, Store.Current.Teams.Teams.Count);
    }

    private static Task CheckAsync(SettingsWatcher watcher) => watcher.CheckAsync(TestContext.Current.CancellationToken);

    private static string Team(string id, string more = "") => TeamSetup.Team(more.Trim().TrimEnd(','), id, "key-of-" + id, reference: "env:KEY");

    private static string Section(params string[] teams) => $"\"Teams\": [ {string.Join(", ", teams)} ]";

    private static string Bad(string kind) => kind switch
    {
        "same id" => TeamSetup.Team("", "good", "another-key", reference: "env:KEY"),
        "same key" => TeamSetup.Team("", "bad", "key-of-good", reference: "env:KEY"),
        "no secret" => TeamSetup.Team("", "bad", "key-of-bad", reference: "env:NONE"),
        "unknown member" => Team("bad", "\"AllowedModel\": \"a\""),
        "twice" => Team("bad", "\"Id\": \"bad\""),
        "too large" => Team("bad") + new string(' ', TeamFolder.MaxBytes),
        _ => kind,
    };

    private void AssertCalls(string id)
    {
        Assert.True(Store.Current.Teams.TryFind("key-of-" + id, out var caller));
        Assert.Equal(id, caller.Team.Id);
    }

    private void Main(string sections) => _folder.Write("appsettings.json", SettingsFolder.Json(sections));

    private string File(string name, string text) => _folder.Write("teams/" + name, text);

    private async Task<SettingsWatcher> StartAsync()
    {
        var sources = _folder.Sources();
        var files = SettingsFiles.Read(sources);
        var result = await _folder.Loader.LoadAsync(sources, files);
        Assert.Empty(result.Faults);
        _store = new SettingsStore(result.Snapshot!, TimeProvider.System, _log);
        return _watcher = new SettingsWatcher(
            sources, files, _folder.Loader, _store, new WorkerHealth(), TimeProvider.System, new ListLogger<SettingsWatcher>());
    }
}
