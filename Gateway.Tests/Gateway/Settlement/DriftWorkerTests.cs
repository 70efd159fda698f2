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
        var (one, two) = (DriftWorker.MarkOf("sk-or-one"), DriftWorker.MarkOf("sk-or-two"));
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
        var one = DriftWorker.MarkOf("sk-or-one");
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
        var two = DriftWorker.MarkOf("sk-or-two");
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

    [Fact]
    public void Mark_DoesNotContainTheKey() => Assert.Matches("^[0-9a-f]{12}$", DriftWorker.MarkOf("sk-or-v1-secret"));

    private static Dictionary<string, double> Sorted(UpstreamDrift drift) => new(drift.Usd);

    private static Task SpendAsync(ILedgerStore store, string team, long cost)
    {
        var id = NewId();
        return store.ApplyAsync([Began(id, team), Settled(id, cost), Began(NewId(), team, reserved: 9 * Pico)], Cancel);
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

    /// <summary>Tells what each key has used.</summary>
    private sealed class KeyUpstream : IOpenRouterClient
    {
        private int _turns;

        public Dictionary<string, string> Used { get; } = [];

        public int Turns => Volatile.Read(ref _turns);

        public Task<T?> GetListAsync<T>(string path, UpstreamKey key, Func<byte[], T?> read, CancellationToken cancellationToken)
            where T : class => throw new NotSupportedException();

        public Task<OpenRouterBill<T>> GetBillAsync<T>(
            string path, UpstreamKey key, string? servedBy, Func<byte[], T?> read, CancellationToken cancellationToken)
            where T : class
        {
            Assert.Equal(("key", null), (path, servedBy));
            Interlocked.Increment(ref _turns);
            var value = Used.TryGetValue(key.Reveal(), out var used)
                ? read(System.Text.Encoding.UTF8.GetBytes($$$"""{"data":{"label":"x","usage":{{{used}}},"limit":null}}"""))
                : null;
            return Task.FromResult(new OpenRouterBill<T>(value, IsMissing: false, IsAnswered: value is not null));
        }
    }
}
