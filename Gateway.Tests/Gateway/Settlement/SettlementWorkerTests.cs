using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Text;
using Gateway.Configuration;
using Gateway.Ledger;
using Gateway.Ledger.Sqlite;
using Gateway.Limits;
using Gateway.Observability;
using Gateway.OpenRouter;
using Gateway.Prices;
using Gateway.Secrets;
using Gateway.Settlement;
using Gateway.Teams;
using Gateway.Tests.Gateway.Configuration;
using Gateway.Tests.Gateway.Workers;
using Gateway.Tests.Support;
using Gateway.Workers;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Xunit;
using static Gateway.Tests.Gateway.Ledger.LedgerSamples;

namespace Gateway.Tests.Gateway.Settlement;

/// <summary>
/// Promise: a bill is requested by one node at a time, however slowly upstream responds, and corrects the token limits once.
/// </summary>
public sealed class SettlementWorkerTests
{
    private static readonly TimeSpan SlowResponse = TimeSpan.FromSeconds(45);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Lease_OutlivesTheRequest_WhenEveryRequestIsSlow()
    {
        using var folder = new SettingsFolder();
        folder.Variables["UPSTREAM"] = TeamSetup.UpstreamKey;
        folder.Write("appsettings.json", SettingsFolder.Json($"\"Teams\": [ {TeamSetup.Team(reference: "env:UPSTREAM")} ]"));
        var time = new FakeTimeProvider(Now);
        using var settings = new SettingsStore(await folder.LoadGoodAsync(), time, NullLogger<SettingsStore>.Instance);
        await using var services = new ServiceCollection().AddMetrics().AddSingleton<GatewayMetrics>().BuildServiceProvider();
        var store = new SqliteLedgerStore(Path.Combine(folder.Path, "usage.db"));
        await using var writer = new LedgerWriter(store, time, NullLogger<LedgerWriter>.Instance);
        await writer.EnsureOpenAsync(Cancel);
        HashSet<string> all = [.. Enumerable.Range(0, SettlementWorker.BatchSize * 5 / 2).Select(i => $"gen-{i}")];
        foreach (var generation in all)
        {
            var id = NewId();
            await writer.WriteAsync(Began(id));
            await writer.WriteAsync(Provisional(id) with { GenerationId = generation });
        }

        var upstream = new SlowUpstream();
        using var worker = new SettlementWorker(
            store,
            writer,
            new MemoryBudgetStore((key, recent) => store.ReadChargesAsync(key.Team, key.KeyLabel, key.Start, recent, DateTimeOffset.MinValue, Cancel), time),
            new MemoryLimitStore(time),
            settings,
            upstream,
            new PriceListStore(time),
            services.GetRequiredService<GatewayMetrics>(),
            new WorkerHealth(),
            time,
            NullLogger<SettlementWorker>.Instance);
        await worker.StartAsync(Cancel);
        await upstream.WaitForAsync(SettlementWorker.BatchSize);
        var first = upstream.Asked.ToArray();
        time.Advance(SlowResponse);
        upstream.End(first);
        await upstream.WaitForAsync(2 * SettlementWorker.BatchSize);
        var second = upstream.Asked.Except(first).ToArray();

        // Another node, after a lease from the start of the turn.
        var now = Now + SettlementWorker.Lease;
        var taken = (await store.TakeDueAsync(["search"], now, now + SettlementWorker.Lease, all.Count, Cancel))
            .Select(row => row.GenerationId).ToHashSet(StringComparer.Ordinal);

        Assert.Empty(taken.Intersect(second));
        Assert.Superset(all.Except(first).Except(second).ToHashSet(StringComparer.Ordinal), taken);
        await worker.StopAsync(Cancel);
    }

    [Fact]
    public async Task TokensOfABill_AreCorrectedOnce_HoweverOftenItIsRequested()
    {
        // So many that the bucket cannot have drained them.
        await using var pending = await PendingCall.CreateAsync(100_000);

        // While the ledger cannot be written, the bill is requested again after each lease. The clock stands during a request: its lease lasts.
        pending.Store.WriteFault = static () => new LedgerException("The disk is full.");
        await pending.Worker.StartAsync(Cancel);
        var state = pending.Health.Workers.Single();
        var failures = 0L;
        await Eventually.InStepsAsync(
            async () =>
            {
                if (state.Failures > failures)
                {
                    failures = state.Failures;
                    if (failures >= 3)
                    {
                        pending.Store.WriteFault = null;
                    }

                    pending.Time.Advance(SettlementWorker.Lease);
                }

                pending.Worker.Wake();
                return !(await pending.Store.ReadChargesAsync([pending.Id], Cancel))[pending.Id].IsOpen;
            },
            "the bill in the ledger");
        await pending.Worker.StopAsync(Cancel);

        Assert.InRange(pending.Upstream.Requests, 4, int.MaxValue);
        Assert.InRange(-Assert.Single(pending.Limits.Changes), 1, 100_000);
    }

    /// <summary>A machine that is resumed may show a wrong day at first.</summary>
    [Fact]
    public async Task OrphansAreLookedFor_AlsoAfterAClockThatWasAhead()
    {
        await using var pending = await PendingCall.CreateAsync(1);
        pending.Time.Ahead = TimeSpan.FromDays(1);
        await pending.Worker.StartAsync(Cancel);
        await Eventually.InStepsAsync(() => SearchesAfterAStep() > 0, "the first search");

        pending.Time.Ahead = TimeSpan.Zero;
        var before = pending.Store.OrphanSearches;
        await Eventually.InStepsAsync(() => SearchesAfterAStep() > before, "another search");
        await pending.Worker.StopAsync(Cancel);

        int SearchesAfterAStep()
        {
            pending.Time.Advance(TimeSpan.FromSeconds(1));
            pending.Worker.Wake();
            return pending.Store.OrphanSearches;
        }
    }

    /// <summary>A bucket above its limit takes longer than a minute to drain, and gives back the tokens that it cannot have drained.</summary>
    [Theory]
    [InlineData(30, 90, 0)]
    [InlineData(5000, 30, 4989)]
    [InlineData(5000, 90, 3500)]
    [InlineData(5000, 600, 0)]
    public async Task LateBill_GivesBackWhatTheBucketCannotHaveDrained(long counted, int seconds, long tokens) =>
        Assert.Equal(tokens, -await SettleLateAsync(counted, billed: 11, seconds));

    /// <summary>The bucket has drained the tokens of the call meanwhile, whether it counted them or not.</summary>
    [Theory]
    [InlineData(100, 5000, 30, 4900)]
    [InlineData(100, 5000, 90, 3500)]
    [InlineData(3000, 5000, 90, 2000)]
    [InlineData(100, 5000, 600, 0)]
    public async Task LateBill_TakesWhatTheBucketWouldNotHaveDrained(long counted, long billed, int seconds, long tokens) =>
        Assert.Equal(tokens, await SettleLateAsync(counted, billed, seconds));

    /// <summary>
    /// Of a long call the bucket has drained the counted tokens while it ran. What it used beyond them is owed: other calls may have used the
    /// same time.
    /// </summary>
    [Theory]
    [InlineData(900, 11, 5, 0)]
    [InlineData(900, 5000, 5, 4100)]
    public async Task BillOfALongCall_GivesNoDrainedTokensBack(long counted, long billed, int seconds, long change) =>
        Assert.Equal(change, await SettleLateAsync(counted, billed, seconds, lasted: 600));

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task BillWhoseCommitHasNoReply_CorrectsTheTokensAndCountsOnce(bool isLedgerDownAfterIt)
    {
        await using var pending = await PendingCall.CreateAsync(10);
        var meters = pending.Services.GetRequiredService<IMeterFactory>();
        var costs = new ConcurrentQueue<double>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, meter) =>
        {
            if (instrument.Name == "gateway.cost" && ReferenceEquals(instrument.Meter.Scope, meters))
            {
                meter.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<double>((_, cost, _, _) => costs.Enqueue(cost));
        listener.Start();

        var failures = 0;
        pending.Store.ReplyFault = () =>
        {
            pending.Store.ReplyFault = null;
            pending.Store.Fault = isLedgerDownAfterIt ? Fail : null;
            return Fail();
        };
        await pending.Worker.StartAsync(Cancel);
        await Eventually.TrueAsync(() => pending.Health.Workers.Single().IsFailing, "the lost reply");
        if (isLedgerDownAfterIt)
        {
            pending.Worker.Wake();
            await Eventually.TrueAsync(() => Volatile.Read(ref failures) > 1, "a turn without a ledger");
            pending.Store.Fault = null;
        }

        pending.Worker.Wake();
        await Eventually.TrueAsync(() => !pending.Limits.Changes.IsEmpty, "the correction");
        await Eventually.TrueAsync(() => !pending.Health.Workers.Single().IsFailing, "the end of the turn");
        pending.Worker.Wake();
        await pending.Worker.StopAsync(Cancel);

        Assert.False((await pending.Store.ReadChargesAsync([pending.Id], Cancel))[pending.Id].IsOpen);
        Assert.Equal([1], pending.Limits.Changes);
        Assert.Equal((1, "env:KEY"), (pending.Upstream.Requests, pending.Upstream.SentWith));
        Assert.Equal([1.0], costs);

        LedgerException Fail()
        {
            Interlocked.Increment(ref failures);
            return new LedgerException("The connection was reset.");
        }
    }

    [Theory]
    [InlineData("priced", "priced")]
    [InlineData("answered", "answered")]
    [InlineData("unknown", "other")]
    public async Task LateBill_IsMeasuredUnderTheEndpointAndTheModelOfItsCall(string sent, string measured)
    {
        await using var pending = await PendingCall.CreateAsync(10, sent);
        var meters = pending.Services.GetRequiredService<IMeterFactory>();
        var seen = new ConcurrentQueue<string>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, meter) =>
        {
            if (instrument.Name == "gen_ai.client.token.usage" && ReferenceEquals(instrument.Meter.Scope, meters))
            {
                meter.EnableMeasurementEvents(instrument);
            }
        };
        listener.SetMeasurementEventCallback<long>((_, tokens, tags, _) => seen.Enqueue(
            $"{tokens} {string.Join(' ', tags.ToArray().Where(static tag => tag.Key is "gen_ai.operation.name" or "gen_ai.request.model").Select(static tag => tag.Value))}"));
        listener.Start();

        await pending.Worker.StartAsync(Cancel);
        await Eventually.TrueAsync(() => seen.Count == 2, "the tokens");
        await pending.Worker.StopAsync(Cancel);

        Assert.Equal([$"5 chat {measured}", $"6 chat {measured}"], seen);
    }

    /// <summary>Settles a call by a bill that comes late.</summary>
    /// <returns>The correction of the limits.</returns>
    private static async Task<long> SettleLateAsync(long counted, long billed, int seconds, int lasted = 0)
    {
        await using var pending = await PendingCall.CreateAsync(counted, lasted: lasted);
        pending.Upstream.Tokens = billed;
        pending.Time.Advance(TimeSpan.FromSeconds(seconds));

        // The clock stands still: the row is due.
        await pending.Worker.StartAsync(Cancel);
        await Eventually.InStepsAsync(
            async () =>
            {
                pending.Worker.Wake();
                return !(await pending.Store.ReadChargesAsync([pending.Id], Cancel))[pending.Id].IsOpen;
            },
            "the bill in the ledger");
        await pending.Worker.StopAsync(Cancel);

        return pending.Limits.Changes.Sum();
    }

    /// <summary>
    /// A call of a key of a team with 1,000 tokens a minute, which has ended without a bill, and the worker that asks for it.
    /// </summary>
    private sealed class PendingCall : IAsyncDisposable
    {
        private readonly SettingsFolder _folder = new();
        private SettingsStore _settings = null!;
        private LedgerWriter _writer = null!;

        public AheadTime Time { get; } = new();

        public Guid Id { get; } = NewId();

        public BillingUpstream Upstream { get; } = new();

        public RecordingLimits Limits { get; } = new();

        public WorkerHealth Health { get; } = new();

        public ServiceProvider Services { get; } = new ServiceCollection().AddMetrics().AddSingleton<GatewayMetrics>().BuildServiceProvider();

        public ThrowingLedgerStore Store { get; private set; } = null!;

        public SettlementWorker Worker { get; private set; } = null!;

        /// <param name="counted">The tokens that the limits count for the call.</param>
        /// <param name="sentModel">The model that was sent upstream.</param>
        /// <param name="lasted">The seconds from its begin to its end.</param>
        public static async Task<PendingCall> CreateAsync(long counted, string? sentModel = null, int lasted = 0)
        {
            var pending = new PendingCall();
            await pending.StartAsync(counted, sentModel, lasted);
            return pending;
        }

        public async ValueTask DisposeAsync()
        {
            Worker.Dispose();
            await _writer.DisposeAsync();
            await Services.DisposeAsync();
            _settings.Dispose();
            _folder.Dispose();
        }

        private async Task StartAsync(long counted, string? sentModel, int lasted)
        {
            _folder.Variables["UPSTREAM"] = TeamSetup.UpstreamKey;
            var team = TeamSetup.Team("\"Limits\": { \"TokensPerMinute\": 1000 }", keyMore: ", \"Label\": \"ci\"", reference: "env:UPSTREAM");
            const string Prices = """ "Limits": { "Prices": [ { "Model": "priced", "Prompt": "0", "Completion": "1" } ] } """;
            _folder.Write("appsettings.json", SettingsFolder.Json($"\"Teams\": [ {team} ], {Prices}"));
            _settings = new SettingsStore(await _folder.LoadGoodAsync(), Time, NullLogger<SettingsStore>.Instance);
            Store = new ThrowingLedgerStore(new SqliteLedgerStore(Path.Combine(_folder.Path, "usage.db")));
            _writer = new LedgerWriter(Store, Time, NullLogger<LedgerWriter>.Instance);
            await _writer.EnsureOpenAsync(Cancel);
            await _writer.WriteAsync(Began(Id, at: Now - TimeSpan.FromSeconds(lasted)) with { SentModel = sentModel });
            await _writer.WriteAsync(Provisional(Id) with { GenerationId = "gen-1763871234-x", UpstreamKey = "env:KEY", LimitTokens = counted });
            Worker = new SettlementWorker(
                Store,
                _writer,
                new MemoryBudgetStore(
                    (key, recent) => Store.ReadChargesAsync(key.Team, key.KeyLabel, key.Start, recent, DateTimeOffset.MinValue, Cancel), Time),
                Limits,
                _settings,
                Upstream,
                new PriceListStore(Time),
                Services.GetRequiredService<GatewayMetrics>(),
                Health,
                Time,
                NullLogger<SettlementWorker>.Instance);
        }
    }

    /// <summary>A clock whose time of day can be wrong.</summary>
    private sealed class AheadTime() : FakeTimeProvider(Now)
    {
        public TimeSpan Ahead { get; set; }

        public override DateTimeOffset GetUtcNow() => base.GetUtcNow() + Ahead;

        public override long GetTimestamp() => base.GetUtcNow().Ticks;
    }

    /// <summary>An upstream that has a bill.</summary>
    private sealed class BillingUpstream : IOpenRouterClient
    {
        private int _requests;

        public int Requests => Volatile.Read(ref _requests);

        public string? SentWith { get; private set; }

        public long Tokens { get; set; } = 11;

        public Task<T?> GetListAsync<T>(string path, SettingsSnapshot snapshot, UpstreamKey key, Func<byte[], T?> read, CancellationToken cancellationToken)
            where T : class => throw new NotSupportedException();

        public Task<OpenRouterBill<T>> GetBillAsync<T>(
            string path, SettingsSnapshot snapshot, UpstreamKey key, string? servedBy, string? sentWith, Func<byte[], T?> read, CancellationToken cancellationToken)
            where T : class
        {
            SentWith = sentWith;
            Interlocked.Increment(ref _requests);
            var bill = read(Encoding.UTF8.GetBytes(
                $$$"""{"data":{"total_cost":1,"model":"answered","native_tokens_prompt":5,"native_tokens_completion":{{{Tokens - 5}}}}}"""));
            return Task.FromResult(new OpenRouterBill<T>(bill, IsMissing: false, IsAnswered: true));
        }
    }

    /// <summary>Limits that record their corrections.</summary>
    private sealed class RecordingLimits : ILimitStore
    {
        public ConcurrentQueue<long> Changes { get; } = [];

        public ValueTask<LimitEntry> EnterAsync(IReadOnlyList<LimitScope> scopes) => throw new NotSupportedException();

        public ValueTask CorrectAsync(IReadOnlyList<LimitScope> scopes, long change)
        {
            Changes.Enqueue(change);
            return default;
        }
    }

    /// <summary>An upstream that has no bill, and says so when the test wants it.</summary>
    private sealed class SlowUpstream : IOpenRouterClient
    {
        private readonly ConcurrentDictionary<string, TaskCompletionSource> _asked = new(StringComparer.Ordinal);

        public IEnumerable<string> Asked => _asked.Keys;

        public Task WaitForAsync(int count) => Eventually.TrueAsync(() => _asked.Count >= count, $"{count} requests");

        public void End(IEnumerable<string> generations)
        {
            foreach (var generation in generations)
            {
                _asked[generation].SetResult();
            }
        }

        public Task<T?> GetListAsync<T>(string path, SettingsSnapshot snapshot, UpstreamKey key, Func<byte[], T?> read, CancellationToken cancellationToken)
            where T : class => throw new NotSupportedException();

        public async Task<OpenRouterBill<T>> GetBillAsync<T>(
            string path, SettingsSnapshot snapshot, UpstreamKey key, string? servedBy, string? sentWith, Func<byte[], T?> read, CancellationToken cancellationToken)
            where T : class
        {
            var ended = _asked.GetOrAdd(
                path.Split('=')[1], static _ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
            await ended.Task.WaitAsync(cancellationToken);
            return default;
        }
    }
}
