using Gateway.Configuration;
using Gateway.Configuration.Reading;
using Gateway.Primitives;
using Gateway.Tests.Support;
using Gateway.Workers;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Gateway.Tests.Gateway.Configuration;

/// <summary>Promise: an idle gateway reads neither its settings nor its secrets, however large they are.</summary>
public sealed class SettingsWatcherReadTests : IDisposable
{
    private readonly SettingsFolder _folder = new();
    private readonly CountingFileReader _reader = new();
    private readonly FakeTimeProvider _time = new();
    private SettingsStore? _store;
    private SettingsWatcher? _watcher;

    public SettingsWatcherReadTests() => Assert.SkipUnless(OperatingSystem.IsLinux(), "Stamps are read with Linux's statx.");

    public void Dispose()
    {
        _watcher?.Dispose();
        _store?.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task IdleSettings_AreNotRead()
    {
        Write(1);
        await StartAsync();

        Assert.Equal(0, await ReadsOfAsync(looks: 100));
    }

    [Fact]
    public async Task ChangedFile_IsReadAndTakenAndThenRestsAgain()
    {
        Write(1);
        await StartAsync();

        Write(2);
        await CheckAsync();

        Assert.Equal(2, _store!.Current.Settings.Server.MaxRequestBodySize);
        await SettleAsync();
        Assert.Equal(0, await ReadsOfAsync(looks: 100));
    }

    [Fact]
    public async Task ChangedSecret_IsReadAndTakenAndThenRestsAgain()
    {
        Write(1);
        await StartAsync();

        _folder.Write("a.key", "two");
        await CheckAsync();

        Assert.Equal("two", _store!.Current.Teams.Teams[0].UpstreamKey.Reveal());
        await SettleAsync();
        Assert.Equal(0, await ReadsOfAsync(looks: 100));
    }

    [Fact]
    public async Task TouchedFile_IsReadOnceALookWhileItSettlesAndNotReloaded()
    {
        var path = Write(1);
        await StartAsync();
        var before = _store!.Current;

        File.SetLastWriteTimeUtc(path, DateTime.UnixEpoch);

        Assert.Equal(1, await ReadsOfAsync(looks: 1));
        Assert.Same(before, _store.Current);
        Assert.Null(_store.State.LastReloadAt);
        await SettleAsync();
        Assert.Equal(0, await ReadsOfAsync(looks: 100));
    }

    [Fact]
    public async Task DeletedFile_IsLoggedOnceAndTakenWhenItIsBack()
    {
        var path = Write(1);
        await StartAsync();

        File.Delete(path);
        var look = CheckAsync();
        _time.Advance(SettingsWatcher.RereadDelay);
        await look;
        Assert.False(_store!.State.LastReloadSucceeded);
        await SettleAsync();
        Assert.Equal(0, await ReadsOfAsync(looks: 100));

        Write(3);
        await CheckAsync();
        Assert.True(_store.State.LastReloadSucceeded);
        Assert.Equal(3, _store.Current.Settings.Server.MaxRequestBodySize);
    }

    [Theory]
    [InlineData("appsettings.json", "appsettings.json: is a pipe or a device")]
    [InlineData("a.key", "Teams:0:OpenRouterKey: file:a.key is a pipe or a device")]
    public async Task PipeInPlaceOfAFile_IsAFaultAndNotOpened(string name, string fault)
    {
        var path = Path.Combine(_folder.Path, name);
        Write(1);
        await StartAsync();
        var before = _store!.Current;

        await NamedPipe.ReplaceAsync(path);
        await HangGuard.RunAsync(() =>
        {
            var look = CheckAsync();
            _time.Advance(SettingsWatcher.RereadDelay);
            look.GetAwaiter().GetResult();
        });

        Assert.False(_store.State.LastReloadSucceeded);
        Assert.StartsWith(fault, Assert.Single(_store.State.Faults).ToString(), StringComparison.Ordinal);
        Assert.Same(before, _store.Current);

        File.Delete(path);
        Write(2);
        await CheckAsync();
        Assert.True(_store.State.LastReloadSucceeded);
        Assert.Equal(2, _store.Current.Settings.Server.MaxRequestBodySize);
    }

    [Fact]
    public async Task WhatTheStartReadFromPipes_StaysAndIsNotOpenedAgain()
    {
        var settings = File.ReadAllText(Write(1));
        foreach (var (name, text) in ((string, string)[])[("appsettings.json", settings), ("a.key", "one"), (".env", "GATEWAY_PORT=3017")])
        {
            var path = Path.Combine(_folder.Path, name);
            await NamedPipe.ReplaceAsync(path);
            _ = NamedPipe.WriteAsync(path, text);
        }

        await StartAsync();

        Assert.Null(_store!.State.LastReloadAt);
        Assert.Equal(3017, _store.Current.Settings.Server.Port);
        Assert.Equal("one", _store.Current.Teams.Teams[0].UpstreamKey.Reveal());

        // A file in place of the pipe is a change like any other.
        File.Delete(Path.Combine(_folder.Path, ".env"));
        _folder.Write(".env", "GATEWAY_PORT=3018");
        await CheckAsync();
        Assert.StartsWith(
            "Teams:0:OpenRouterKey: file:a.key is a pipe", Assert.Single(_store.State.Faults).ToString(), StringComparison.Ordinal);
        File.Delete(Path.Combine(_folder.Path, "a.key"));
        _folder.Write("a.key", "two");
        _folder.Write(".env", "GATEWAY_PORT=3019");
        await CheckAsync();
        Assert.Equal(3019, _store.Current.Settings.Server.Port);
    }

    private string Write(long size)
    {
        _folder.Write("a.key", "one");
        return _folder.Write("appsettings.json", SettingsFolder.Json(
            $$"""
            "Server": { "MaxRequestBodySize": {{size}} },
            "Teams": [ { "Id": "a", "Keys": [ { "Sha256": "{{new string('0', 64)}}" } ], "OpenRouterKey": "file:a.key" } ]
            """));
    }

    private async Task StartAsync()
    {
        var sources = _folder.Sources();
        var files = SettingsFiles.Read(sources);
        var result = await _folder.Loader.LoadAsync(sources, files);
        Assert.Empty(result.Faults);
        _store = new SettingsStore(result.Snapshot!, _time, new ListLogger<SettingsStore>());
        _watcher = new SettingsWatcher(sources, files, _folder.Loader, _store, new WorkerHealth(), _time, new ListLogger<SettingsWatcher>())
        {
            Reader = _reader,
        };
        await SettleAsync();
    }

    private Task CheckAsync() => _watcher!.CheckAsync(TestContext.Current.CancellationToken);

    /// <summary>Looks until every stamp is trusted.</summary>
    private async Task SettleAsync()
    {
        await CheckAsync();
        _time.Advance(FileChangeDetector.Settling);
        await CheckAsync();
    }

    private async Task<int> ReadsOfAsync(int looks)
    {
        var before = _reader.Reads;
        for (var i = 0; i < looks; i++)
        {
            await CheckAsync();
        }

        return _reader.Reads - before;
    }
}
