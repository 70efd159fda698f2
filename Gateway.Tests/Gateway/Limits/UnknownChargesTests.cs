using Gateway.Billing;
using Gateway.Ledger;
using Gateway.Ledger.Sqlite;
using Gateway.Limits;
using Gateway.Primitives;
using Gateway.Teams;
using Gateway.Tests.Support;
using Gateway.Workers;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using StackExchange.Redis;
using Xunit;
using static Gateway.Tests.Gateway.Ledger.LedgerSamples;

namespace Gateway.Tests.Gateway.Limits;

/// <summary>
/// Promise: the budgets count a call without a bill as its ledger row says, in memory and in Redis, in a running counter and in a seeded one,
/// and a late bill is counted once.
/// </summary>
public sealed class UnknownChargesTests(SharedRedis redis) : IAsyncLifetime
{
    private const string Team = "search";

    private static readonly BudgetKey Key = BudgetKey.At(Team, BudgetPeriod.Total, Now);

    private readonly TempFolder _folder = new();
    private readonly FakeTimeProvider _time = new(Now);
    private readonly List<IAsyncDisposable> _owned = [];
    private SqliteLedgerStore _ledger = null!;
    private LedgerAccess _access = null!;
    private TimeSpan _hold = TimeSpan.FromHours(1);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private DateTimeOffset Moment => _time.GetUtcNow();

    public async ValueTask InitializeAsync()
    {
        _ledger = new SqliteLedgerStore(_folder.File("usage.db"));
        var writer = new LedgerWriter(_ledger, _time, NullLogger<LedgerWriter>.Instance);
        _owned.Add(writer);
        _access = new LedgerAccess(writer, _ledger, _time);
        await _access.EnsureOpenAsync();
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var owned in Enumerable.Reverse(_owned))
        {
            await owned.DisposeAsync();
        }

        _folder.Dispose();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task WrittenOffRow_CountsNothing_AndItsLateBillCountsOnce(bool isRedis)
    {
        var node = await StartAsync(isRedis);
        var id = await ReserveAsync(node, 100);
        await _ledger.ApplyAsync([Unresolvable(id) with { ClosedAt = Moment }], Cancel);
        _time.Advance(TimeSpan.FromMinutes(3));
        await node.ReconcileAsync();
        Assert.Equal(100, await node.ReadAsync());

        Assert.Single(await _ledger.WriteOffAsync(new WriteOffQuery(Team, null, null), "an outage", Moment, Cancel));
        await node.ReconcileAsync();
        Assert.Equal(0, await node.ReadAsync());

        await BillAsync(node, id, 30);
        Assert.Equal(30, await node.ReadAsync());
        Assert.Equal(30, await SeededAsync(isRedis));
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(false, false)]
    public async Task AdoptedRow_OfBeforeTheSeed_IsCountedAtItsLateBillOnce(bool isRedis, bool isWrittenOff)
    {
        // A node that cannot renew its lock counts as dead, and settles its call all the same.
        var id = NewId();
        await using (var other = new SqliteLedgerStore(_folder.File("usage.db")))
        {
            await other.OpenAsync(Cancel);
            await other.ApplyAsync([Began(id, reserved: 100)], Cancel);
        }

        Assert.Equal((0, 1), await _ledger.AdoptOrphansAsync(Moment, Cancel));
        if (isWrittenOff)
        {
            await _ledger.WriteOffAsync(new WriteOffQuery(Team, null, null), "an outage", Moment, Cancel);
        }

        _time.Advance(_hold + TimeSpan.FromSeconds(1));
        var node = await StartAsync(isRedis);
        Assert.Equal(0, await node.ReadAsync());

        await BillAsync(node, id, 30);
        await node.ReconcileAsync();
        Assert.Equal(30, await node.ReadAsync());
        Assert.Equal(30, await SeededAsync(isRedis));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task UncountedUnresolvableRow_OfBeforeTheSeed_IsCountedAtItsLateBillOnce(bool isRedis)
    {
        var id = NewId();
        await using (var other = new SqliteLedgerStore(_folder.File("usage.db")))
        {
            await other.OpenAsync(Cancel);
            await other.ApplyAsync([Began(id, reserved: 100) with { IsCounted = false }], Cancel);
        }

        Assert.Equal((0, 1), await _ledger.AdoptOrphansAsync(Moment, Cancel));
        _time.Advance(_hold + TimeSpan.FromSeconds(1));
        var node = await StartAsync(isRedis);
        Assert.Equal(0, await node.ReadAsync());

        await BillAsync(node, id, 30, isCounted: false);
        await node.ReconcileAsync();
        Assert.Equal(30, await node.ReadAsync());
    }

    /// <summary>A reservation without a bound, such as that of a budget which only reports, leaves no room for the bill.</summary>
    [Fact]
    public async Task LateBillOfAnExpiredRow_WhoseCounterOverflows_IsAddedByItsRetry()
    {
        var node = await StartAsync(isRedis: true);
        var id = await ReserveAsync(node, 100);
        await _ledger.ApplyAsync([Unresolvable(id) with { ClosedAt = Moment }], Cancel);
        _time.Advance(_hold + TimeSpan.FromSeconds(1));
        await node.ReconcileAsync();
        Assert.Equal(0, await node.ReadAsync());
        var huge = NewId(Moment);
        Assert.True((await node.Budgets.ReserveAsync(Key, PicoDollars.MaxStored, huge, PicoDollars.MaxStored)).IsGranted);

        await BillAsync(node, id, 30);
        await node.ReconcileAsync();
        node.Budgets.Release(Key, huge);
        await node.ReconcileAsync();
        await node.ReconcileAsync();

        Assert.Equal(30, await node.ReadAsync());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task RefusalThatStaysWithoutABill_CountsAtItsReservationForTheHold(bool isRedis)
    {
        var node = await StartAsync(isRedis);
        var id = await ReserveAsync(node, 100);
        await node.Budgets.HoldAsync(Key, id, PicoDollars.Zero, isCounted: true);
        await _ledger.ApplyAsync([Provisional(id) with { Held = PicoDollars.Zero, GenerationId = "gen-1763871234-x" }], Cancel);
        _time.Advance(TimeSpan.FromDays(1));
        await node.ReconcileAsync();
        Assert.Equal(0, await node.ReadAsync());

        // The counter does not hear of it: its store has failed.
        await _ledger.ApplyAsync([Unresolvable(id) with { ClosedAt = Moment }], Cancel);
        await node.ReconcileAsync();
        Assert.Equal(100, await node.ReadAsync());
        Assert.Equal(100, await SeededAsync(isRedis));

        _time.Advance(_hold + TimeSpan.FromSeconds(1));
        await node.ReconcileAsync();
        Assert.Equal(0, await node.ReadAsync());
        Assert.Equal(0, await SeededAsync(isRedis));
    }

    /// <summary>During an outage of the store the policy lets calls pass without a reservation.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task AwaitedCallWithoutAReservation_IsHeldFromItsEndToItsBill(bool isRedis)
    {
        var node = await StartAsync(isRedis);
        Assert.Equal(0, await node.ReadAsync());
        var id = NewId(Moment);
        await _ledger.ApplyAsync([Began(id, reserved: 100, at: Moment) with { IsCounted = false }], Cancel);
        Assert.True(await node.Budgets.HoldAsync(Key, id, new PicoDollars(100), isCounted: false));
        await _ledger.ApplyAsync([Provisional(id) with { GenerationId = "gen-1763871234-x", IsCounted = true }], Cancel);

        await node.ReconcileAsync();
        await node.ReconcileAsync();
        Assert.Equal(100, await node.ReadAsync());

        var pending = Assert.Single(await _ledger.TakeDueAsync([Team], Moment, Moment, 10, Cancel));
        await BillAsync(node, id, 30, pending.IsCounted);
        await node.ReconcileAsync();
        Assert.Equal(30, await node.ReadAsync());
        Assert.Equal(30, await SeededAsync(isRedis));
    }

    /// <summary>The row of the call may be queued when the counter is seeded.</summary>
    [Fact]
    public async Task AwaitedCallOfBeforeTheSeedInMemory_IsCountedAtItsBill()
    {
        var node = await StartAsync(isRedis: false);
        var id = NewId(Moment);
        Assert.False(await node.Budgets.HoldAsync(Key, id, new PicoDollars(100), isCounted: false));
        Assert.Equal(0, await node.ReadAsync());
        await _ledger.ApplyAsync([Began(id, reserved: 100, at: Moment), Provisional(id) with { IsCounted = false }], Cancel);

        await BillAsync(node, id, 30, isCounted: false);

        Assert.Equal(30, await node.ReadAsync());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ChangedHold_AppliesToWhatStillCounts_AndToSeeds(bool isRedis)
    {
        var node = await StartAsync(isRedis);
        var id = await ReserveAsync(node, 100);
        await _ledger.ApplyAsync([Unresolvable(id) with { ClosedAt = Moment }], Cancel);

        // Longer, before the hold is over.
        _hold = TimeSpan.FromHours(3);
        _time.Advance(TimeSpan.FromHours(2));
        await node.ReconcileAsync();
        Assert.Equal(100, await node.ReadAsync());
        Assert.Equal(100, await SeededAsync(isRedis));

        // Shorter.
        _hold = TimeSpan.FromHours(1);
        await node.ReconcileAsync();
        Assert.Equal(0, await node.ReadAsync());
        Assert.Equal(0, await SeededAsync(isRedis));

        // Longer, after the hold was over: the running counter does not change, and a seed reads the row.
        _hold = TimeSpan.FromHours(3);
        await node.ReconcileAsync();
        Assert.Equal(0, await node.ReadAsync());
        Assert.Equal(100, await SeededAsync(isRedis));
    }

    private async Task<Guid> ReserveAsync(Node node, long amount)
    {
        var id = NewId(Moment);
        Assert.True((await node.Budgets.ReserveAsync(Key, new PicoDollars(1000), id, new PicoDollars(amount))).IsGranted);
        await _ledger.ApplyAsync([Began(id, reserved: amount, at: Moment)], Cancel);
        return id;
    }

    /// <summary>The bill of a row arrives, twice.</summary>
    private async Task BillAsync(Node node, Guid id, long cost, bool isCounted = true)
    {
        Assert.True(await node.Budgets.SettleAsync(Key, id, new PicoDollars(100), new PicoDollars(cost), isCounted));
        Assert.True(await node.Budgets.SettleAsync(Key, id, new PicoDollars(100), new PicoDollars(cost), isCounted));
        await _ledger.ApplyAsync([Settled(id, cost), Settled(id, cost)], Cancel);
        Assert.Equal(new PicoDollars(cost), (await _ledger.ReadChargesAsync([id], Cancel))[id].Charge);
    }

    /// <summary>The amount that a process that starts now counts.</summary>
    private async Task<long> SeededAsync(bool isRedis) => await (await StartAsync(isRedis)).ReadAsync();

    private async Task<Node> StartAsync(bool isRedis)
    {
        var terms = new BudgetTerms(_ => TestTerms.TeamWith(new TeamBudget(new PicoDollars(1), BudgetPeriod.Total)), () => _hold, _time);
        if (!isRedis)
        {
            var memory = new MemoryBudgetStore((key, recent) => LimitStores.SeedAsync(_ledger, terms, key, recent), _time);
            var reconciler = new MemoryBudgetReconciler(
                memory, _ledger, terms, new WorkerHealth(), _time, NullLogger<MemoryBudgetReconciler>.Instance);
            return new Node(memory, () => reconciler.ReconcileAsync(Cancel));
        }

        var (server, prefix) = (await redis.GetAsync(), redis.NewPrefix());
        var link = new RedisLink(
            ConfigurationOptions.Parse(server.PatientConfiguration), prefix, HangGuard.Limit, _time, NullLogger<RedisLink>.Instance);
        _owned.Add(link);
        var store = new RedisBudgetStore(link, prefix, _access, terms, _time);
        var redisReconciler = new BudgetReconciler(
            store, link, _ledger, terms, new WorkerHealth(), _time, NullLogger<BudgetReconciler>.Instance);
        return new Node(store, () => redisReconciler.ReconcileAsync(Cancel));
    }

    /// <summary>The budgets of a process, and a round of its reconciler.</summary>
    private sealed record Node(IBudgetStore Budgets, Func<Task> ReconcileAsync)
    {
        public async Task<long> ReadAsync() => (long)(await Budgets.ReadAsync(Key)).Value;
    }
}
