using Gateway.Billing;
using Gateway.Limits;
using Gateway.Primitives;
using Gateway.Teams;
using Gateway.Tests.Support;
using Gateway.Workers;
using Microsoft.Extensions.Logging.Abstractions;
using StackExchange.Redis;
using Xunit;

namespace Gateway.Tests.Gateway.Limits;

/// <summary>
/// Promise: a call counts once in each of its two budgets, also if Redis has lost the counter of one of them: the row's single mark does not
/// make the reconciler add the charge to the other a second time.
/// </summary>
public sealed class BudgetSettlementTests(SharedRedis redis) : IAsyncLifetime
{
    private const string Label = "ci";

    private static readonly PicoDollars Limit = new(10_000);

    private readonly FakeLedger _ledger = new();
    private readonly BudgetTerms _terms = new(
        team => team == "a" ? TestTerms.TeamWith(new TeamBudget(Limit, BudgetPeriod.Total), (Label, new TeamBudget(Limit, BudgetPeriod.Total))) : null,
        () => TestTerms.Hold,
        TimeProvider.System);

    private RedisServer? _own;
    private RedisLink _link = null!;
    private RedisBudgetStore _store = null!;

    private static BudgetKey Team { get; } = BudgetKey.At("a", BudgetPeriod.Total, default);

    private static BudgetKey Key { get; } = Team with { KeyLabel = Label };

    public async ValueTask InitializeAsync() => Connect(await redis.GetAsync());

    public async ValueTask DisposeAsync()
    {
        await _link.DisposeAsync();
        await _ledger.DisposeAsync();
        if (_own is { } own)
        {
            await own.DisposeAsync();
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task CounterThatIsLost_DoesNotMakeTheOtherCountTwice(bool isKeyLost)
    {
        var id = Guid.CreateVersion7();
        Assert.True((await _store.ReserveAsync(Team, Limit, id, new PicoDollars(100))).IsGranted);
        Assert.True((await _store.ReserveAsync(Key, Limit, id, new PicoDollars(100))).IsGranted);
        _ledger.Begin(id, "a", TimeProvider.System.GetUtcNow(), 100, keyLabel: Label);
        _store.Forget(isKeyLost ? Key : Team);

        var (isCounted, fault) = await BudgetSettlement.SettleAsync(
            _store, id, new PicoDollars(100), new BudgetCharge(Team, new PicoDollars(30), true), new BudgetCharge(Key, new PicoDollars(30), true));

        Assert.Equal((false, null), (isCounted, fault));
        _ledger.Close(id, 30, isCounted);
        using var reconciler = new BudgetReconciler(
            _store, _link, _ledger, _terms, new WorkerHealth(), TimeProvider.System, NullLogger<BudgetReconciler>.Instance);
        await reconciler.ReconcileAsync(TestContext.Current.CancellationToken);

        Assert.Equal(new PicoDollars(30), await _store.ReadAsync(Team));
        Assert.Equal(new PicoDollars(30), await _store.ReadAsync(Key));
    }

    /// <summary>The team's settlement has no reply, whether it has run or not, and Redis works again when the key's counter is missing.</summary>
    [Theory]
    [InlineData(false, false)]
    [InlineData(true, false)]
    [InlineData(false, true)]
    [InlineData(true, true)]
    public async Task SettlementWithoutAReply_IsCountedOnceIfTheOtherCounterIsLost(bool hasRun, bool isMarkLost)
    {
        await _link.DisposeAsync();
        _own = await RedisServer.StartNewAsync();
        Connect(_own);
        var id = Guid.CreateVersion7();
        Assert.True((await _store.ReserveAsync(Team, Limit, id, new PicoDollars(100))).IsGranted);
        Assert.True((await _store.ReserveAsync(Key, Limit, id, new PicoDollars(100))).IsGranted);
        _ledger.Begin(id, "a", TimeProvider.System.GetUtcNow(), 100, keyLabel: Label);
        _store.Forget(Key);
        await _store.ForgetAgainAsync();
        var store = new Unreliable(_store, _own) { HasRun = hasRun, IsMarkLost = isMarkLost };

        var (isCounted, fault) = await BudgetSettlement.SettleAsync(
            store, id, new PicoDollars(100), new BudgetCharge(Team, new PicoDollars(30), true), new BudgetCharge(Key, new PicoDollars(30), true));

        Assert.Equal((false, null), (isCounted, fault));
        _ledger.Close(id, 30, isCounted);
        using var reconciler = new BudgetReconciler(
            _store, _link, _ledger, _terms, new WorkerHealth(), TimeProvider.System, NullLogger<BudgetReconciler>.Instance);
        await reconciler.ReconcileAsync(TestContext.Current.CancellationToken);
        await reconciler.ReconcileAsync(TestContext.Current.CancellationToken);

        Assert.Equal(new PicoDollars(30), await _store.ReadAsync(Team));
        Assert.Equal(new PicoDollars(30), await _store.ReadAsync(Key));
    }

    [Fact]
    public async Task UncountedRow_IsAddedToBoth()
    {
        Assert.Equal(PicoDollars.Zero, await _store.ReadAsync(Team));
        Assert.Equal(PicoDollars.Zero, await _store.ReadAsync(Key));
        var (own, other) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        foreach (var (id, label) in ((Guid, string)[])[(own, Label), (other, "laptop")])
        {
            _ledger.Begin(id, "a", TimeProvider.System.GetUtcNow(), 100, isCounted: false, keyLabel: label);
            _ledger.Close(id, 30, isCounted: false);
        }

        using var reconciler = new BudgetReconciler(
            _store, _link, _ledger, _terms, new WorkerHealth(), TimeProvider.System, NullLogger<BudgetReconciler>.Instance);
        await reconciler.ReconcileAsync(TestContext.Current.CancellationToken);

        Assert.Equal(new PicoDollars(60), await _store.ReadAsync(Team));
        Assert.Equal(new PicoDollars(30), await _store.ReadAsync(Key));
    }

    private void Connect(RedisServer server)
    {
        var prefix = redis.NewPrefix();
        _link = new RedisLink(
            ConfigurationOptions.Parse(server.PatientConfiguration), prefix, HangGuard.Limit, TimeProvider.System, NullLogger<RedisLink>.Instance);
        _store = new RedisBudgetStore(_link, prefix, _ledger.Access, _terms, TimeProvider.System);
    }

    /// <summary>A store whose Redis runs no script while the team's budget is settled.</summary>
    private sealed class Unreliable(RedisBudgetStore store, RedisServer server) : IBudgetStore
    {
        /// <summary>Whether the settlement has run before it fails.</summary>
        public bool HasRun { get; init; }

        /// <summary>Whether the mark fails as well.</summary>
        public bool IsMarkLost { get; init; }

        public async ValueTask<bool> SettleAsync(BudgetKey key, Guid id, PicoDollars reserved, PicoDollars charge, bool isCounted)
        {
            if (key != Team || !isCounted)
            {
                return await store.SettleAsync(key, id, reserved, charge, isCounted);
            }

            if (HasRun)
            {
                Assert.True(await store.SettleAsync(key, id, reserved, charge, isCounted));
            }

            await server.SendAsync("ACL SETUSER default -eval -evalsha");
            var isSettled = await store.SettleAsync(key, id, reserved, charge, isCounted);
            await server.SendAsync("ACL SETUSER default +eval +evalsha");
            return isSettled;
        }

        public async ValueTask MarkAsync(BudgetKey key, Guid id, PicoDollars charge)
        {
            if (IsMarkLost)
            {
                await server.SendAsync("ACL SETUSER default -eval -evalsha");
            }

            await store.MarkAsync(key, id, charge);
            await server.SendAsync("ACL SETUSER default +eval +evalsha");
        }

        public ValueTask<BudgetResult> ReserveAsync(BudgetKey key, PicoDollars limit, Guid id, PicoDollars amount) => throw new NotSupportedException();

        public void Release(BudgetKey key, Guid id) => throw new NotSupportedException();

        public ValueTask<bool> HoldAsync(BudgetKey key, Guid id, PicoDollars amount, bool isCounted) => throw new NotSupportedException();

        public void Forget(BudgetKey key) => throw new NotSupportedException();

        public ValueTask<PicoDollars> ReadAsync(BudgetKey key) => throw new NotSupportedException();
    }
}
