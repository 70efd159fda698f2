using System.Diagnostics;
using Gateway.Configuration;
using Gateway.Configuration.Reading;
using Gateway.Primitives;
using Gateway.Tests.Support;
using Gateway.Workers;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Gateway.Tests.Gateway.Configuration;

public sealed class SettingsWatcherTests : IDisposable
{
    private readonly SettingsFolder _folder = new();
    private readonly ListLogger<SettingsStore> _log = new();
    private SettingsStore? _store;
    private SettingsWatcher? _watcher;

    public void Dispose()
    {
        _watcher?.Dispose();
        _store?.Dispose();
        _folder.Dispose();
    }

    private SettingsStore Store => _store!;

    private string[] Errors => _log.At(LogLevel.Error);

    private static string Json(long size) => SettingsFolder.Json($"\"Server\": {{ \"MaxRequestBodySize\": {size} }}");

    private long Size => Store.Current.Settings.Server.MaxRequestBodySize;

    private async Task<SettingsWatcher> StartAsync(TimeProvider? time = null)
    {
        var sources = _folder.Sources();
        var files = SettingsFiles.Read(sources);
        var result = await _folder.Loader.LoadAsync(sources, files);
        Assert.Empty(result.Faults);
        _store = new SettingsStore(result.Snapshot!, time ?? TimeProvider.System, _log);
        return _watcher = new SettingsWatcher(
            sources, files, _folder.Loader, _store, new WorkerHealth(), time ?? TimeProvider.System, new ListLogger<SettingsWatcher>());
    }

    private static Task CheckAsync(SettingsWatcher watcher) => watcher.CheckAsync(TestContext.Current.CancellationToken);

    [Fact]
    public async Task WriteInPlace_IsTaken()
    {
        _folder.Write("appsettings.json", Json(1));
        var watcher = await StartAsync();
        var version = Store.State.Version;

        _folder.Write("appsettings.json", Json(2));
        await CheckAsync(watcher);

        Assert.Equal(2, Size);
        Assert.NotEqual(version, Store.State.Version);
        Assert.Equal(Store.Current.Version, Store.State.Version);
        Assert.True(Store.State.LastReloadSucceeded);
        Assert.NotNull(Store.State.LastReloadAt);
        Assert.Empty(Errors);
    }

    [Fact]
    public async Task SameLengthAndTimeStamp_IsTakenAllTheSame()
    {
        var path = _folder.Write("appsettings.json", Json(1));
        var watcher = await StartAsync();
        var written = File.GetLastWriteTimeUtc(path);

        _folder.Write("appsettings.json", Json(2));
        File.SetLastWriteTimeUtc(path, written);
        await CheckAsync(watcher);

        Assert.Equal(2, Size);
    }

    [Fact]
    public async Task RenameOverTheFile_IsTaken()
    {
        var path = _folder.Write("appsettings.json", Json(1));
        var watcher = await StartAsync();

        File.Move(_folder.Write("appsettings.json.tmp", Json(2)), path, overwrite: true);
        await CheckAsync(watcher);

        Assert.Equal(2, Size);
    }

    [Fact]
    public async Task SymbolicLinkSwap_IsTaken()
    {
        // As a ConfigMap is mounted: the file is a link into ..data, ..data is a link to a folder, and an update swaps ..data by rename.
        _folder.Write("v1/appsettings.json", Json(1));
        _folder.Write("v2/appsettings.json", Json(2));
        var data = Path.Combine(_folder.Path, "..data");
        Directory.CreateSymbolicLink(data, "v1");
        File.CreateSymbolicLink(Path.Combine(_folder.Path, "appsettings.json"), "..data/appsettings.json");
        var watcher = await StartAsync();

        var next = Path.Combine(_folder.Path, "..data_tmp");
        Directory.CreateSymbolicLink(next, "v2");

        // The library moves no link to a folder over another one.
        using var move = Process.Start("mv", ["-T", next, data]);
        await move.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, move.ExitCode);
        await CheckAsync(watcher);

        Assert.Equal(2, Size);
    }

    [Fact]
    public async Task HalfWrittenFile_IsReadAgainBeforeItCounts()
    {
        var time = new FakeTimeProvider();
        _folder.Write("appsettings.json", Json(1));
        var watcher = await StartAsync(time);

        _folder.Write("appsettings.json", Json(2)[..20]);
        var look = CheckAsync(watcher);
        Assert.False(look.IsCompleted);
        _folder.Write("appsettings.json", Json(2));
        time.Advance(SettingsWatcher.RereadDelay);
        await look;

        Assert.Equal(2, Size);
        Assert.Empty(Errors);
    }

    [Fact]
    public async Task HalfWrittenDotEnv_IsReadAgainBeforeItCounts()
    {
        var time = new FakeTimeProvider();
        _folder.Write("appsettings.json", Json(1));
        var watcher = await StartAsync(time);

        _folder.Write(".env", "Server__MaxReq");
        var look = CheckAsync(watcher);
        Assert.False(look.IsCompleted);
        _folder.Write(".env", "Server__MaxRequestBodySize=2");
        time.Advance(SettingsWatcher.RereadDelay);
        await look;

        Assert.Equal(2, Size);
        Assert.Empty(Errors);
    }

    [Fact]
    public async Task DeleteAndCreate_WithinTheSecondLook_IsNoFault()
    {
        var time = new FakeTimeProvider();
        var path = _folder.Write("appsettings.json", Json(1));
        var watcher = await StartAsync(time);

        File.Delete(path);
        var look = CheckAsync(watcher);
        _folder.Write("appsettings.json", Json(2));
        time.Advance(SettingsWatcher.RereadDelay);
        await look;

        Assert.Equal(2, Size);
        Assert.Empty(Errors);
    }

    [Fact]
    public async Task DeletedFile_KeepsTheLastGoodAndRecovers()
    {
        var path = _folder.Write("appsettings.json", Json(1));
        _folder.Write("program/appsettings.json", Json(9));
        var watcher = await StartAsync();

        File.Delete(path);
        await CheckAsync(watcher);
        await CheckAsync(watcher);
        await CheckAsync(watcher);

        Assert.Equal(1, Size);
        Assert.StartsWith("Settings rejected: appsettings.json: not found;", Assert.Single(Errors), StringComparison.Ordinal);
        Assert.False(Store.State.LastReloadSucceeded);

        _folder.Write("appsettings.json", Json(2));
        await CheckAsync(watcher);

        Assert.Equal(2, Size);
        Assert.True(Store.State.LastReloadSucceeded);
    }

    [Fact]
    public async Task FaultySettings_KeepTheLastGoodAsAWholeAndAreLoggedOnce()
    {
        _folder.Write("appsettings.json", Json(1));
        var watcher = await StartAsync();
        var before = Store.Current;

        _folder.Write("appsettings.json", SettingsFolder.Json(
            """
            "Server": { "MaxRequestBodySize": 2 },
            "ProviderMapping": { "Rules": [ { "Model": "", "Provider": { "zdr": true } } ] }
            """));
        await CheckAsync(watcher);
        await CheckAsync(watcher);

        Assert.Same(before, Store.Current);
        Assert.StartsWith("Settings rejected: ProviderMapping:Rules:0:Model: ", Assert.Single(Errors), StringComparison.Ordinal);
        Assert.EndsWith($"; {before.Version} stays in effect", Errors[0], StringComparison.Ordinal);
        Assert.False(Store.State.LastReloadSucceeded);
        Assert.Equal("ProviderMapping:Rules:0:Model", Assert.Single(Store.State.Faults).Path);
        Assert.Equal(before.Version, Store.State.Version);

        // The next bad content is another fault.
        _folder.Write("appsettings.json", "{ oops");
        await CheckAsync(watcher);
        await CheckAsync(watcher);
        Assert.Equal(2, Errors.Length);

        _folder.Write("appsettings.json", Json(3));
        await CheckAsync(watcher);
        Assert.Equal(3, Size);
        Assert.True(Store.State.LastReloadSucceeded);
        Assert.Empty(Store.State.Faults);
    }

    [Fact]
    public async Task BackToTheSettingsInForce_ClearsTheFault()
    {
        _folder.Write("appsettings.json", Json(1));
        var watcher = await StartAsync();
        _folder.Write("appsettings.json", "{");
        await CheckAsync(watcher);
        Assert.False(Store.State.LastReloadSucceeded);

        _folder.Write("appsettings.json", Json(1));
        await CheckAsync(watcher);

        Assert.True(Store.State.LastReloadSucceeded);
        Assert.Equal(1, Size);
    }

    [Fact]
    public async Task SameContentRewritten_IsNoReload()
    {
        var path = _folder.Write("appsettings.json", Json(1));
        var watcher = await StartAsync();
        var changes = 0;
        Store.Changed += _ => changes++;

        _folder.Write("appsettings.json", Json(1));
        File.SetLastWriteTimeUtc(path, DateTime.UnixEpoch);
        await CheckAsync(watcher);
        _folder.Write("appsettings.json", "// only a comment more\n" + Json(1));
        await CheckAsync(watcher);

        Assert.Equal(0, changes);
        Assert.Null(Store.State.LastReloadAt);
    }

    [Theory]
    [InlineData("appsettings.Production.json", """{ "Server": { "MaxRequestBodySize": 7 } }""")]
    [InlineData(".env", "Server__MaxRequestBodySize=7")]
    public async Task OtherFiles_AreWatchedToo(string name, string text)
    {
        _folder.Write("appsettings.json", Json(1));
        var watcher = await StartAsync();

        var path = _folder.Write(name, text);
        await CheckAsync(watcher);
        Assert.Equal(7, Size);

        File.Delete(path);
        await CheckAsync(watcher);
        Assert.Equal(1, Size);
    }

    [Fact]
    public async Task Flags_StayOnTopAfterAReload()
    {
        _folder.Write("appsettings.json", SettingsFolder.Json(""" "Server": { "Port": 1 } """));
        _folder.Args = ["--port", "9", "--model-provider-mapping", "a=A"];
        var watcher = await StartAsync();

        _folder.Write("appsettings.json", SettingsFolder.Json(""" "Server": { "Port": 2, "RuleHeader": false } """));
        await CheckAsync(watcher);

        Assert.Equal((9, false), (Store.Current.Settings.Server.Port, Store.Current.Settings.Server.RuleHeader));
        Assert.Equal("cli-1", Assert.Single(Store.Current.Rules.Rules).Name);
        Assert.Empty(Store.State.RestartRequired);
    }

    [Fact]
    public async Task RestartOnlySetting_IsWarnedOfOnceAndClearsWhenChangedBack()
    {
        _folder.Write("appsettings.json", SettingsFolder.Json(""" "Server": { "Port": 1 } """));
        var watcher = await StartAsync();

        _folder.Write("appsettings.json", SettingsFolder.Json(
            """ "Server": { "Port": 2, "RuleHeader": false, "Limits": { "MaxConnections": 7 } } """));
        await CheckAsync(watcher);

        Assert.False(Store.Current.Settings.Server.RuleHeader);
        Assert.Equal(["Server:Port", "Server:Limits:MaxConnections"], Store.State.RestartRequired);
        Assert.Equal(
            ["These settings take effect after a restart: Server:Port, Server:Limits:MaxConnections"],
            _log.At(LogLevel.Warning));

        _folder.Write("appsettings.json", SettingsFolder.Json(""" "Server": { "Port": 2, "Limits": { "MaxConnections": 7 } } """));
        await CheckAsync(watcher);
        Assert.Single(_log.At(LogLevel.Warning));
        Assert.Equal(2, Store.State.RestartRequired.Count);

        _folder.Write("appsettings.json", SettingsFolder.Json(""" "Server": { "Port": 1 } """));
        await CheckAsync(watcher);
        Assert.Empty(Store.State.RestartRequired);
        Assert.Single(_log.At(LogLevel.Warning));
    }

    [Fact]
    public async Task Warning_IsSaidOnce()
    {
        const string Rules = """ "ProviderMapping": { "Rules": [ { "Model": "m", "Provider": { "sort": "price" } } ] } """;
        _folder.Write("appsettings.json", SettingsFolder.Json());
        var watcher = await StartAsync();

        _folder.Write("appsettings.json", SettingsFolder.Json(Rules));
        await CheckAsync(watcher);
        Assert.Contains("ProviderMapping:Rules:0:Provider:sort", Assert.Single(_log.At(LogLevel.Warning)), StringComparison.Ordinal);

        _folder.Write("appsettings.json", SettingsFolder.Json(Rules + """, "Server": { "RuleHeader": false } """));
        await CheckAsync(watcher);
        Assert.False(Store.Current.Settings.Server.RuleHeader);
        Assert.Single(_log.At(LogLevel.Warning));
    }

    [Fact]
    public async Task CertificateThatArrivesLate_MendsTheSettings()
    {
        _folder.Write("appsettings.json", Json(1));
        var watcher = await StartAsync();
        _folder.Write("key.pem", "");
        _folder.Write("appsettings.json", SettingsFolder.Json(
            """ "Server": { "MaxRequestBodySize": 2, "CertPath": "cert.pem", "KeyPath": "key.pem" } """));
        await CheckAsync(watcher);
        Assert.Equal(1, Size);

        _folder.Write("cert.pem", "");
        await CheckAsync(watcher);

        Assert.Equal(2, Size);
    }

    [Fact]
    public async Task Change_IsInForceWithinASecond()
    {
        var time = new FakeTimeProvider();
        _folder.Write("appsettings.json", Json(1));
        var watcher = await StartAsync(time);
        await watcher.StartAsync(TestContext.Current.CancellationToken);

        // The clock advances until the change is applied: the worker arms its timer on a thread of its own.
        for (var size = 2; size <= 3; size++)
        {
            _folder.Write("appsettings.json", Json(size));
            await Eventually.InStepsAsync(
                () =>
                {
                    time.Advance(SettingsWatcher.CheckPeriod);
                    return Size == size;
                },
                $"the size {size}");
        }

        Assert.True(SettingsWatcher.CheckPeriod + SettingsWatcher.CheckPeriod + SettingsWatcher.RereadDelay < TimeSpan.FromSeconds(1));
        await watcher.StopAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task ReadNow_DoesNotWaitForTheNextCheck()
    {
        // The clock stands still: only the first check and the one that is asked for take place. A rename leaves no half of a file, after
        // which a check would wait for the clock.
        var path = _folder.Write("appsettings.json", Json(1));
        var watcher = await StartAsync(new FakeTimeProvider());
        await watcher.StartAsync(TestContext.Current.CancellationToken);
        for (var size = 2; size < 5; size++)
        {
            File.Move(_folder.Write("next.tmp", Json(size)), path, overwrite: true);
            watcher.ReadNow();
            await Eventually.TrueAsync(() => Size == size, "the settings to be read");
        }

        await watcher.StopAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task ReadNow_ReportsTheSameFaultsAgain()
    {
        _folder.Write("appsettings.json", Json(1));
        var watcher = await StartAsync();
        _folder.Write("appsettings.json", Json(0));
        await CheckAsync(watcher);
        await CheckAsync(watcher);
        Assert.Single(Errors);

        watcher.ReadNow();
        await CheckAsync(watcher);

        Assert.Equal(2, Errors.Length);
    }

    [Fact]
    public async Task RunningWatcher_TakesWriteAfterWrite()
    {
        var path = _folder.Write("appsettings.json", Json(1));
        var watcher = await StartAsync();
        await watcher.StartAsync(TestContext.Current.CancellationToken);

        for (var size = 2; size <= 4; size++)
        {
            // By rename: on a machine so busy that a plain write rests for 200 ms between its two halves, the error would be right.
            File.Move(_folder.Write("appsettings.json.tmp", Json(size)), path, overwrite: true);
            await Eventually.TrueAsync(() => Size == size, $"the size {size}");
        }

        await watcher.StopAsync(TestContext.Current.CancellationToken);
        Assert.Empty(Errors);
    }

    [Fact]
    public void WatchedFile_NoticesContentOnly()
    {
        var path = _folder.Write("key.pem", "a");
        var file = new WatchedFile(path);
        Assert.False(file.HasChanged());

        File.SetLastWriteTimeUtc(path, DateTime.UnixEpoch);
        Assert.False(file.HasChanged());

        _folder.Write("key.pem", "b");
        Assert.True(file.HasChanged());
        Assert.False(file.HasChanged());

        File.Delete(path);
        Assert.True(file.HasChanged());
    }

    private static string TeamJson(string key) => SettingsFolder.Json(
        $$"""
        "Teams": [ { "Id": "a", "Keys": [ { "Sha256": "{{new string('0', 64)}}" } ], "OpenRouterKey": "{{key}}" } ]
        """);

    private string UpstreamKey => Store.Current.Teams.Teams[0].UpstreamKey.Reveal();

    [Fact]
    public async Task SecretFile_IsReadAgainWhenItChanges()
    {
        _folder.Write("a.key", "one");
        _folder.Write("appsettings.json", TeamJson("file:a.key"));
        var watcher = await StartAsync();
        var version = Store.Current.Version;

        _folder.Write("a.key", "two");
        await CheckAsync(watcher);

        Assert.Equal("two", UpstreamKey);
        Assert.NotEqual(version, Store.Current.Version);

        await CheckAsync(watcher);
        Assert.Empty(Errors);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    public async Task VanishedOrEmptySecretFile_KeepsTheLastGoodSettingsUntilItIsBack(string? content)
    {
        _folder.Write("a.key", "one");
        _folder.Write("appsettings.json", TeamJson("file:a.key"));
        var watcher = await StartAsync();

        File.Delete(Path.Combine(_folder.Path, "a.key"));
        if (content is not null)
        {
            _folder.Write("a.key", content);
        }

        await CheckAsync(watcher);
        await CheckAsync(watcher);

        Assert.Equal("one", UpstreamKey);
        Assert.False(Store.State.LastReloadSucceeded);
        Assert.Contains("Teams:0:OpenRouterKey", Assert.Single(Errors), StringComparison.Ordinal);

        _folder.Write("a.key", "three");
        await CheckAsync(watcher);
        Assert.Equal("three", UpstreamKey);
        Assert.True(Store.State.LastReloadSucceeded);
    }

    [Fact]
    public async Task ManySecretFiles_AreAllSeenInTurn()
    {
        for (var i = 0; i < 70; i++)
        {
            _folder.Write($"{i}.key", "one");
        }

        _folder.Write("appsettings.json", SettingsFolder.Json($"\"Teams\": [ {string.Join(", ", Enumerable.Range(0, 70).Select(i =>
            $"{{ \"Id\": \"t{i}\", \"Keys\": [ {{ \"Sha256\": \"{i:x64}\" }} ], \"OpenRouterKey\": \"file:{i}.key\" }}"))} ]"));
        var watcher = await StartAsync();
        _folder.Write("69.key", "two");
        for (var i = 0; i < 3; i++)
        {
            await CheckAsync(watcher);
        }

        Assert.Equal("two", Store.Current.Teams.Teams[69].UpstreamKey.Reveal());
    }
}
