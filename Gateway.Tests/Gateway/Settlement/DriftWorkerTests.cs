using System.Collections.Concurrent;
using Gateway.Configuration;
using Gateway.Ledger;
using Gateway.Ledger.Sqlite;
using Gateway.OpenRouter;
using Gateway.Secrets;
using Gateway.Settlement;
using Gateway.Tests.Gateway.Configuration;
using Gateway.Tests.Support;
using Gateway.Workers;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Xunit;
using static Gateway.Tests.Gateway.Ledger.LedgerSamples;

namespace Gateway.Tests.Gateway.Settlement;

/// <summary>Promise: money that goes past the ledger shows, per key value, and a restart does not hide it.</summary>
public sealed class DriftWorkerTests : IDisposable
{
    private const long Pico = 1_000_000_000_000;

    private readonly SettingsFolder _folder = new();
    private readonly FakeTimeProvider _time = new(Now);
    private readonly KeyUpstream _upstream = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Drift_IsWhatAKeyHasUsedLessWhatTheLedgerSays_SinceTheFirstTurn()
    {
        _folder.Variables["ONE"] = "sk-or-one";
        _folder.Variables["TWO"] = "sk-or-two";
        _folder.Write("appsettings.json", SettingsFolder.Json(
            $"""
            "Teams": [ {TeamSetup.Team("", "a", "ogw-a", reference: "env:ONE")}, {TeamSetup.Team("", "b", "ogw-b", reference: "env:ONE")},
                {TeamSetup.Team("", "c", "ogw-c", reference: "env:TWO")} ]
            """));
        var (one, two) = (new UpstreamKey("sk-or-one").Mark, new UpstreamKey("sk-or-two").Mark);
        _upstream.Used["sk-or-one"] = "100.25";
        _upstream.Used["sk-or-two"] = "7";
        await using (var ledger = await OpenAsync())
        {
            await SpendAsync(ledger.Store, "a", 3 * Pico);
            var drift = await RunAsync(ledger);
            Assert.Equal(new Dictionary<string, double> { [one] = 0, [two] = 0 }, Sorted(drift));

            await SpendAsync(ledger.Store, "a", Pico);
            await SpendAsync(ledger.Store, "b", 2 * Pico);
            _upstream.Used["sk-or-one"] = "103.5";
            _upstream.Used["sk-or-two"] = "7.5e0";
            Assert.Equal(new Dictionary<string, double> { [one] = 0.25, [two] = 0.5 }, Sorted(await RunAsync(ledger)));
        }

        // The first figures outlive the process.
        await using var next = await OpenAsync();
        await SpendAsync(next.Store, "c", Pico / 2);
        Assert.Equal(new Dictionary<string, double> { [one] = 0.25, [two] = 0 }, Sorted(await RunAsync(next)));

        // A key that does not answer has no figure of this process; nothing else is kept from its turn.
        _upstream.Used.Remove("sk-or-one");
        Assert.Equal(new Dictionary<string, double> { [two] = 0 }, Sorted(await RunAsync(next)));
    }

    [Fact]
    public async Task TeamThatLeavesAKey_IsNoDrift()
    {
        _folder.Variables["ONE"] = "sk-or-one";
        _folder.Variables["TWO"] = "sk-or-two";
        var one = new UpstreamKey("sk-or-one").Mark;
        _upstream.Used["sk-or-one"] = "100";
        await using (var ledger = await OpenAsync())
        {
            Configure(("a", "ONE"), ("b", "ONE"));
            await AssertDriftAsync(ledger, 0);
            await SpendAsync(ledger.Store, "a", Pico);
            await SpendAsync(ledger.Store, "b", 2 * Pico);
            _upstream.Used["sk-or-one"] = "103";
            await AssertDriftAsync(ledger, 0);

            // Removed, with a call since the last turn.
            await SpendAsync(ledger.Store, "b", Pico);
            _upstream.Used["sk-or-one"] = "104.5";
            Configure(("a", "ONE"));
            await AssertDriftAsync(ledger, 0.5);

            // Renamed.
            Configure(("c", "ONE"));
            await AssertDriftAsync(ledger, 0.5);
            await SpendAsync(ledger.Store, "c", 4 * Pico);
            _upstream.Used["sk-or-one"] = "108.5";
            await AssertDriftAsync(ledger, 0.5);
        }

        // The other key's calls are not the first key's.
        await using var next = await OpenAsync();
        var two = new UpstreamKey("sk-or-two").Mark;
        _upstream.Used["sk-or-two"] = "7";
        Configure(("a", "ONE"), ("c", "TWO"));
        Assert.Equal(new Dictionary<string, double> { [one] = 0.5, [two] = 0 }, Sorted(await RunAsync(next)));
        await SpendAsync(next.Store, "c", Pico);
        _upstream.Used["sk-or-two"] = "8.25";
        Assert.Equal(new Dictionary<string, double> { [one] = 0.5, [two] = 0.25 }, Sorted(await RunAsync(next)));

        // Back again.
        _upstream.Used.Remove("sk-or-two");
        Configure(("a", "ONE"), ("b", "ONE"), ("c", "ONE"));
        await AssertDriftAsync(next, 0.5);
        await SpendAsync(next.Store, "c", Pico);
        _upstream.Used["sk-or-one"] = "109.5";
        await AssertDriftAsync(next, 0.5);

        void Configure(params (string Id, string Key)[] teams) => _folder.Write("appsettings.json", SettingsFolder.Json(
            $"\"Teams\": [ {string.Join(", ", teams.Select(team => TeamSetup.Team("", team.Id, "ogw-" + team.Id, reference: "env:" + team.Key)))} ]"));

        async Task AssertDriftAsync(OpenLedger ledger, double usd) =>
            Assert.Equal(new Dictionary<string, double> { [one] = usd }, Sorted(await RunAsync(ledger, keys: 1)));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task TeamThatReturnsToAKey_IsNoDrift(bool isOnlyTeam)
    {
        _folder.Variables["ONE"] = "sk-or-one";
        _folder.Variables["TWO"] = "sk-or-two";
        var (one, two) = (new UpstreamKey("sk-or-one").Mark, new UpstreamKey("sk-or-two").Mark);
        await using var ledger = await OpenAsync();
        await AssertDriftAsync("ONE", "sk-or-one", "100", one, 0);

        // Calls since the last turn are those of the key before. It has no team now, or it does not answer.
        await SpendAsync(ledger.Store, "a", Pico);
        await AssertDriftAsync("TWO", "sk-or-two", "7", two, 0);
        await SpendAsync(ledger.Store, "a", 100 * Pico);
        await AssertDriftAsync("TWO", "sk-or-two", "107.5", two, 0.5);

        await AssertDriftAsync("ONE", "sk-or-one", "101.25", one, 0.25);
        await SpendAsync(ledger.Store, "a", 2 * Pico);
        await AssertDriftAsync("ONE", "sk-or-one", "103.25", one, 0.25);
        await SpendAsync(ledger.Store, "a", 3 * Pico);
        await AssertDriftAsync("TWO", "sk-or-two", "107.5", two, 0.5);
        await AssertDriftAsync("ONE", "sk-or-one", "106.25", one, 0.25);

        async Task AssertDriftAsync(string reference, string key, string used, string mark, double usd)
        {
            _upstream.Used.Clear();
            _upstream.Used[key] = used;
            var other = TeamSetup.Team("", "b", "ogw-b", reference: "env:ONE");
            var keys = isOnlyTeam || reference == "ONE" ? 1 : 2;
            _folder.Write("appsettings.json", SettingsFolder.Json(
                $"\"Teams\": [ {TeamSetup.Team("", "a", "ogw-a", reference: "env:" + reference)}{(isOnlyTeam ? "" : ", " + other)} ]"));
            Assert.Equal(new Dictionary<string, double> { [mark] = usd }, Sorted(await RunAsync(ledger, keys)));
        }
    }

    [Fact]
    public async Task NewKeyOfATeam_IsNotChargedWithTheOldKeysCalls_ThoughItDoesNotAnswerYet()
    {
        _folder.Variables["ONE"] = "sk-or-one";
        _folder.Variables["TWO"] = "sk-or-two";
        var two = new UpstreamKey("sk-or-two").Mark;
        await using var ledger = await OpenAsync();
        Configure("ONE");
        (_upstream.Used["sk-or-one"], _upstream.Used["sk-or-two"]) = ("100", "7");
        await RunAsync(ledger);

        _upstream.Used.Clear();
        Configure("TWO");
        await RunAsync(ledger, keys: 1);
        await SpendAsync(ledger.Store, "a", 3 * Pico);

        _upstream.Used["sk-or-two"] = "10";
        Assert.Equal(new Dictionary<string, double> { [two] = 0 }, Sorted(await RunAsync(ledger, keys: 1)));

        void Configure(string reference) => _folder.Write("appsettings.json", SettingsFolder.Json(
            $"""
            "Teams": [ {TeamSetup.Team("", "a", "ogw-a", reference: "env:" + reference)}, {TeamSetup.Team("", "b", "ogw-b", reference: "env:TWO")} ]
            """));
    }

    [Fact]
    public async Task NodeThatReloadsLater_LeavesNoCostsAtTheOldKey()
    {
        _folder.Variables["ONE"] = "sk-or-one";
        _folder.Variables["TWO"] = "sk-or-two";
        var (one, two) = (new UpstreamKey("sk-or-one").Mark, new UpstreamKey("sk-or-two").Mark);
        await using var ledger = await OpenAsync();
        var first = await LoadAsync("ONE");
        using var settings = new SettingsStore(first, _time, NullLogger<SettingsStore>.Instance);
        var drift = new UpstreamDrift();
        using var worker = new DriftWorker(
            ledger.Store, ledger.Writer, settings, _upstream, drift, new WorkerHealth(), _time, NullLogger<DriftWorker>.Instance);
        Answer("sk-or-one", "100");
        await worker.StartAsync(Cancel);
        await UntilAsync(one, 0);

        // The other node has the new settings, and this one still compares the old key.
        Answer("sk-or-two", "7");
        var next = await LoadAsync("TWO");
        await RunAsync(ledger, keys: 1);
        Answer("sk-or-one", "100.5");
        worker.Wake();
        await UntilAsync(one, 0.5);

        Answer("sk-or-two", "7");
        Assert.True(await settings.PublishAsync(first with { Teams = next.Teams, Version = "two" }, Cancel));
        await UntilAsync(two, 0);
        await SpendAsync(ledger.Store, "a", 100 * Pico);
        Answer("sk-or-one", "100.75");
        Assert.True(await settings.PublishAsync(first with { Version = "one" }, Cancel));
        await UntilAsync(one, 0.75);
        await worker.StopAsync(Cancel);

        void Answer(string key, string used)
        {
            _upstream.Used.Clear();
            _upstream.Used[key] = used;
        }

        Task UntilAsync(string mark, double usd) =>
            Eventually.TrueAsync(() => drift.Usd.SequenceEqual([new(mark, usd)]), $"{usd} USD of {mark}");
    }

    /// <summary>The costs of the team include calls that the destination's own key has paid.</summary>
    [Theory]
    [InlineData("ONE")]
    [InlineData("TWO")]
    public async Task DestinationWithAKeyOfItsOwn_StartsTheDriftAnew(string meanwhile)
    {
        (_folder.Variables["ONE"], _folder.Variables["TWO"]) = ("sk-or-one", "sk-or-two");
        var one = new UpstreamKey("sk-or-one").Mark;
        await using var ledger = await OpenAsync();
        var other = await LoadAsync(meanwhile, destinationKey: "TWO");
        var first = await LoadAsync("ONE");
        using var settings = new SettingsStore(first, _time, NullLogger<SettingsStore>.Instance);
        var drift = new UpstreamDrift();
        using var worker = new DriftWorker(
            ledger.Store, ledger.Writer, settings, _upstream, drift, new WorkerHealth(), _time, NullLogger<DriftWorker>.Instance);
        _upstream.Used["sk-or-one"] = "100";
        await worker.StartAsync(Cancel);
        await UntilAsync(0);
        _upstream.Used["sk-or-one"] = "100.5";
        worker.Wake();
        await UntilAsync(0.5);

        Assert.True(await settings.PublishAsync(
            first with { Teams = other.Teams, DestinationKeys = other.DestinationKeys, Version = "other" }, Cancel));
        await Eventually.TrueAsync(() => drift.Usd.Count == 0, "no drift");
        await SpendAsync(ledger.Store, "a", 3 * Pico);
        _upstream.Used["sk-or-one"] = "101";
        Assert.True(await settings.PublishAsync(first with { Version = "one" }, Cancel));
        await Eventually.TrueAsync(() => drift.Usd.Count == 1, "a drift");
        Assert.Equal(new Dictionary<string, double> { [one] = 0 }, Sorted(drift));

        await SpendAsync(ledger.Store, "a", Pico);
        _upstream.Used["sk-or-one"] = "102.25";
        worker.Wake();
        await UntilAsync(0.25);
        await worker.StopAsync(Cancel);

        Task UntilAsync(double usd) => Eventually.TrueAsync(() => drift.Usd.SequenceEqual([new(one, usd)]), $"{usd} USD");
    }

    [Fact]
    public async Task Reload_AsksForKeysOnlyIfATeamHasAnotherKey()
    {
        _folder.Variables["ONE"] = "sk-or-one";
        _folder.Variables["TWO"] = "sk-or-two";
        var (one, two) = (new UpstreamKey("sk-or-one").Mark, new UpstreamKey("sk-or-two").Mark);
        (_upstream.Used["sk-or-one"], _upstream.Used["sk-or-two"]) = ("100", "7");
        await using var ledger = await OpenAsync();
        var first = await LoadAsync("ONE");
        using var settings = new SettingsStore(first, _time, NullLogger<SettingsStore>.Instance);
        var drift = new UpstreamDrift();
        using var worker = new DriftWorker(
            ledger.Store, ledger.Writer, settings, _upstream, drift, new WorkerHealth(), _time, NullLogger<DriftWorker>.Instance);
        await worker.StartAsync(Cancel);
        await UntilComparedAsync(one);

        var limited = await LoadAsync("ONE", "\"Limits\": { \"RequestsPerMinute\": 7 }");
        for (var i = 0; i < 20; i++)
        {
            Assert.True(await settings.PublishAsync(first with { Teams = limited.Teams, Version = $"limited-{i}" }, Cancel));
            await SpendAsync(ledger.Store, "a", Pico);
        }

        Assert.True(await settings.PublishAsync(first with { Teams = (await LoadAsync("TWO")).Teams, Version = "two" }, Cancel));
        await UntilComparedAsync(two);
        Assert.True(await settings.PublishAsync(first with { Version = "one" }, Cancel));
        await UntilComparedAsync(one);
        await worker.StopAsync(Cancel);

        Assert.Equal(["sk-or-one", "sk-or-two", "sk-or-one"], _upstream.Asked);

        Task UntilComparedAsync(string mark) => Eventually.TrueAsync(() => drift.Usd.Select(key => key.Key).SequenceEqual([mark]), mark);
    }

    [Fact]
    public void Mark_DoesNotContainTheKey() => Assert.Matches("^[0-9a-f]{12}$", new UpstreamKey("sk-or-v1-secret").Mark);

    private static Dictionary<string, double> Sorted(UpstreamDrift drift) => new(drift.Usd);

    private static Task SpendAsync(ILedgerStore store, string team, long cost)
    {
        var id = NewId();
        return store.ApplyAsync([Began(id, team), Settled(id, cost), Began(NewId(), team, reserved: 9 * Pico)], Cancel);
    }

    /// <summary>Settings with one team that has a key.</summary>
    private Task<SettingsSnapshot> LoadAsync(string reference, string more = "", string? destinationKey = null)
    {
        const string Address = "\"Address\": \"https://one.example/v1\"";
        var settings = SettingsFolder.Json($"\"Teams\": [ {TeamSetup.Team(more, "a", "ogw-a", reference: "env:" + reference)} ]");
        _folder.Write("appsettings.json", destinationKey is null ? settings : settings.Replace(
            Address, $$"""{{Address}}, "Metadata": { "OpenRouterKey": "env:{{destinationKey}}" }""", StringComparison.Ordinal));
        return _folder.LoadGoodAsync();
    }

    private async Task<OpenLedger> OpenAsync()
    {
        var store = new SqliteLedgerStore(Path.Combine(_folder.Path, "usage.db"));
        var writer = new LedgerWriter(store, _time, NullLogger<LedgerWriter>.Instance);
        await writer.EnsureOpenAsync(Cancel);
        return new OpenLedger(store, writer);
    }

    private async Task<UpstreamDrift> RunAsync(OpenLedger ledger, int keys = 2)
    {
        using var settings = new SettingsStore(await _folder.LoadGoodAsync(), _time, NullLogger<SettingsStore>.Instance);
        var drift = new UpstreamDrift();
        var health = new WorkerHealth();
        using var worker = new DriftWorker(
            ledger.Store, ledger.Writer, settings, _upstream, drift, health, _time, NullLogger<DriftWorker>.Instance);
        var turns = _upstream.Turns;
        await worker.StartAsync(Cancel);
        await Eventually.TrueAsync(() => _upstream.Turns >= turns + keys, "a question for each key");
        await Eventually.TrueAsync(() => drift.Usd.Count == _upstream.Used.Count, "the drift of each key");
        await worker.StopAsync(Cancel);
        Assert.False(health.Workers.Single().IsFailing);
        return drift;
    }

    private sealed record OpenLedger(ILedgerStore Store, LedgerWriter Writer) : IAsyncDisposable
    {
        public ValueTask DisposeAsync() => Writer.DisposeAsync();
    }

    /// <summary>Answers with the amount that each key has used.</summary>
    private sealed class KeyUpstream : IOpenRouterClient
    {
        private int _turns;

        public Dictionary<string, string> Used { get; } = [];

        public int Turns => Volatile.Read(ref _turns);

        public ConcurrentQueue<string> Asked { get; } = [];

        public Task<T?> GetListAsync<T>(string path, SettingsSnapshot snapshot, UpstreamKey key, Func<byte[], T?> read, CancellationToken cancellationToken)
            where T : class => throw new NotSupportedException();

        public Task<OpenRouterBill<T>> GetBillAsync<T>(
            string path, SettingsSnapshot snapshot, UpstreamKey key, string? servedBy, string? sentWith, Func<byte[], T?> read, CancellationToken cancellationToken)
            where T : class
        {
            Assert.Equal(("key", null), (path, servedBy));
            Asked.Enqueue(key.Reveal());
            Interlocked.Increment(ref _turns);
            var value = Used.TryGetValue(key.Reveal(), out var used)
                ? read(System.Text.Encoding.UTF8.GetBytes($$$"""{"data":{"label":"x","usage":{{{used}}},"limit":null}}"""))
                : null;
            return Task.FromResult(new OpenRouterBill<T>(value, IsMissing: false, IsAnswered: value is not null));
        }
    }
}
