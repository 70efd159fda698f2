using System.Globalization;
using Gateway.Billing;
using Gateway.Limits;
using Gateway.Primitives;
using Gateway.Tests.Support;
using Gateway.Workers;
using Microsoft.Extensions.Logging.Abstractions;
using StackExchange.Redis;
using Xunit;

namespace Gateway.Tests.Gateway.Limits;

/// <summary>
/// The promises of <see cref="BudgetStoreTests"/> in a real Redis with two nodes, and that Redis is only a cache of the ledger.
/// </summary>
public sealed class RedisBudgetStoreTests(SharedRedis redis) : BudgetStoreTests, IAsyncLifetime
{
    private readonly string _prefix = redis.NewPrefix();
    private readonly List<IAsyncDisposable> _owned = [];
    private RedisServer _server = null!;
    private RedisLink _link = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await redis.GetAsync();
        await Ledger.Access.EnsureOpenAsync();
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var owned in _owned)
        {
            await owned.DisposeAsync();
        }
    }

    [Fact]
    public async Task RedisThatLostEverything_IsFilledFromTheLedger()
    {
        await using var server = await StartOwnAsync();
        var (open, closed, late) = (Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7());
        await ReserveAsync(open, 100, 1000);
        Ledger.Begin(open, "a", Now, 100);
        await ReserveAsync(closed, 200, 1000);
        Ledger.Begin(closed, "a", Now, 200);
        Assert.True(await SettleAsync(closed, 200, 50));
        Ledger.Close(closed, 50);

        await server.SendAsync("FLUSHALL");

        // There is no counter to settle in, so the ledger must report the call again.
        Assert.False(await SettleAsync(open, 100, 10));
        Assert.Equal(new BudgetResult(true, Pico(151)), await ReserveAsync(late, 1, 1000));
        Ledger.Close(open, 10, isCounted: false);
        await ReconcileAsync();
        await ReconcileAsync();

        Assert.Equal(Pico(61), await Store.ReadAsync(Key));
        Assert.Empty(await Ledger.ReadUncountedAsync(10, CancellationToken.None));
    }

    /// <summary>A crash within the second of an <c>appendfsync everysec</c>, or a replica that lags, leaves an older counter.</summary>
    [Fact]
    public async Task RedisThatCameBackOlder_IsCountedFromTheLedgerAnew()
    {
        var id = Guid.CreateVersion7();
        await ReserveAsync(id, 100, 1000);
        Ledger.Begin(id, "a", Now, 100);
        var hash = $"{_prefix}budget:{{a}}:Month:{Key.Start.ToString("yyyyMMdd", CultureInfo.InvariantCulture)}";
        Assert.Equal(":1", await _server.SendAsync($"HDEL {hash} {new RedisBudgetNames(_prefix, Ledger.Access).FieldOf(id)}"));
        await _server.SendAsync($"HSET {hash} total 0");
        Assert.True(await SettleAsync(id, 100, 70));
        Ledger.Close(id, 70);
        Assert.Equal(Pico(0), await Store.ReadAsync(Key));

        // One round notes the settled call, the next one finds that the counter still lacks it.
        using var reconciler = Reconciler(TimeSpan.Zero);
        await reconciler.ReconcileAsync(TestContext.Current.CancellationToken);
        await reconciler.ReconcileAsync(TestContext.Current.CancellationToken);

        Assert.Equal(Pico(70), await Store.ReadAsync(Key));
    }

    [Fact]
    public async Task LedgerThatIsNotOpen_IsAFailureOfTheStore_AndIsOpenedByTheNextReservation()
    {
        var id = Guid.CreateVersion7();
        var ledger = new FakeLedger { IsFailing = true };
        var store = new RedisBudgetStore(Link(), _prefix, ledger.Access, Terms, TimeProvider.System);
        var fault = await Assert.ThrowsAsync<LimitStoreException>(async () => await store.ReserveAsync(Key, Pico(10), id, Pico(1)));
        Assert.False(fault.MayHaveTakenEffect);
        await Assert.ThrowsAsync<LimitStoreException>(async () => await store.ReadAsync(Key));

        // The charge of a call that passed all the same is left to the reconciler.
        Assert.False(await store.SettleAsync(Key, id, Pico(1), Pico(1), isCounted: false));
        Assert.False(await store.HoldAsync(Key, id, Pico(1), isCounted: false));

        ledger.IsFailing = false;
        Assert.Equal(new BudgetResult(true, Pico(1)), await store.ReserveAsync(Key, Pico(10), id, Pico(1)));
    }

    [Fact]
    public async Task UncountedRowsThatANewCounterHolds_AreNotAddedAgain()
    {
        var id = Guid.CreateVersion7();
        Ledger.Begin(id, "a", Now.AddSeconds(-1), 100, isCounted: false);
        Ledger.Close(id, 70, isCounted: false);
        Assert.Equal(Pico(70), await Store.ReadAsync(Key));

        await ReconcileAsync();

        Assert.Equal(Pico(70), await Store.ReadAsync(Key));
        Assert.Empty(await Ledger.ReadUncountedAsync(10, CancellationToken.None));
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(true, true)]
    [InlineData(false, false)]
    [InlineData(false, true)]
    public async Task UncountedRowsOfManyPages_AreNotAddedAgain(bool hasEnd, bool hasOtherLedger)
    {
        await using var server = await StartOwnAsync();
        var key = BudgetKey.At("a", hasEnd ? BudgetPeriod.Month : BudgetPeriod.Total, Now);
        if (hasOtherLedger)
        {
            var otherLedger = new FakeLedger();
            otherLedger.Begin(Guid.CreateVersion7(), "a", key.Start, 1000);
            var other = new RedisBudgetStore(Link(), _prefix, otherLedger.Access, Terms, TimeProvider.System);
            Assert.Equal(Pico(1000), await other.ReadAsync(key));
        }

        // Two rows of each start, so that a page ends between them.
        for (var i = 0; i < 20; i++)
        {
            Close(Guid.CreateVersion7(), "a", key.Start.AddTicks(i / 2));
            Close(Guid.CreateVersion7(), "b", key.Start.AddTicks(i / 2));
        }

        var store = new RedisBudgetStore(Link(), _prefix, Ledger.Access, Terms, TimeProvider.System, seedPageSize: 3);
        var expected = Pico(60 + (hasOtherLedger ? 1000 : 0));
        Assert.Equal(expected, await store.ReadAsync(key));
        foreach (var row in await Ledger.ReadUncountedAsync(100, CancellationToken.None))
        {
            if (row.Team == key.Team)
            {
                await store.TrySettleAsync(key, row.Id, row.Charge, isCounted: false);
            }
        }

        Assert.Equal(expected, await store.ReadAsync(key));

        // The marks are in the counter, which expires as any other.
        Assert.Equal(":1", await server.SendAsync("DBSIZE"));
        var hash = new RedisBudgetNames(_prefix, Ledger.Access).KeyOf(key);
        var expires = key.End is { } end ? end.AddDays(3).ToUnixTimeMilliseconds() : -1;
        Assert.Equal(":" + expires.ToString(CultureInfo.InvariantCulture), await server.SendAsync($"PEXPIRETIME {hash}"));

        void Close(Guid id, string team, DateTimeOffset startedAt)
        {
            Ledger.Begin(id, team, startedAt, 100, isCounted: false);
            Ledger.Close(id, 3, isCounted: false);
        }
    }

    /// <summary>Marks that a failed seed leaves would keep the reconciler from adding their rows.</summary>
    [Fact]
    public async Task SeedThatOverflowsTheCounterOfAnotherLedger_LeavesNoMarks()
    {
        var otherLedger = new FakeLedger();
        otherLedger.Begin(Guid.CreateVersion7(), "a", Now, long.MaxValue);
        var other = new RedisBudgetStore(Link(), _prefix, otherLedger.Access, Terms, TimeProvider.System);
        Assert.Equal(PicoDollars.MaxStored, await other.ReadAsync(Key));
        var id = Guid.CreateVersion7();
        Ledger.Begin(id, "a", Now.AddSeconds(-1), 100, isCounted: false);
        Ledger.Close(id, 70, isCounted: false);

        await Assert.ThrowsAsync<LimitStoreException>(async () => await Store.ReadAsync(Key));

        var hash = new RedisBudgetNames(_prefix, Ledger.Access).KeyOf(Key);
        Assert.Equal(":1", await _server.SendAsync($"EXISTS {hash}"));
        Assert.Equal(":0", await _server.SendAsync($"HEXISTS {hash} {RedisBudgetNames.DoneField(id)}"));
    }

    /// <summary>The reconciler would add the rows again whose marks are missing.</summary>
    [Fact]
    public async Task SeedWhoseMarksAreLost_IsRepeated()
    {
        await using var server = await StartOwnAsync();
        for (var i = 0; i < 4; i++)
        {
            var id = Guid.CreateVersion7();
            Ledger.Begin(id, "a", Key.Start, 100, isCounted: false);
            Ledger.Close(id, 3, isCounted: false);
        }

        var store = new RedisBudgetStore(Link(), _prefix, Ledger.Access, Terms, TimeProvider.System, seedPageSize: 2);
        var pages = 0;
        Ledger.BeforeUncounted = () => ++pages == 2 ? server.SendAsync("FLUSHALL") : Task.CompletedTask;

        await Assert.ThrowsAsync<LimitStoreException>(async () => await store.ReadAsync(Key));
        Assert.Equal(Pico(12), await store.ReadAsync(Key));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task UnresolvableRow_CountsForTheHold_AndALateBillIsAddedAfterIt(bool isCounted)
    {
        Assert.Equal(Pico(0), await Store.ReadAsync(Key));

        // Old enough to be compared, and young enough to be in the period.
        var startedAt = Now - BudgetReconciler.DefaultAge - TimeSpan.FromSeconds(1);
        var id = Guid.CreateVersion7(startedAt);
        if (isCounted)
        {
            await ReserveAsync(id, 100, 1000);
        }

        Ledger.Begin(id, "a", Key.Start > startedAt ? Now : startedAt, 100, isCounted);
        Ledger.GiveUp(id, Now, isCounted);
        await ReconcileAsync();
        await ReconcileAsync();
        Assert.Equal(Pico(100), await Store.ReadAsync(Key));
        Assert.Empty(await Ledger.ReadUncountedAsync(10, CancellationToken.None));

        Ledger.GiveUp(id, Now - TestTerms.Hold - TimeSpan.FromSeconds(1));
        await ReconcileAsync();
        Assert.Equal(Pico(0), await Store.ReadAsync(Key));

        Assert.True(await SettleAsync(id, 100, 30));
        Assert.True(await SettleAsync(id, 100, 30));
        Assert.Equal(Pico(30), await Store.ReadAsync(Key));
    }

    [Fact]
    public async Task RowOfARefusedCall_HoldsWhatItsRowSays()
    {
        Assert.Equal(Pico(0), await Store.ReadAsync(Key));
        var id = Guid.CreateVersion7(Now - BudgetReconciler.DefaultAge - TimeSpan.FromSeconds(1));
        await ReserveAsync(id, 100, 1000);
        Ledger.Begin(id, "a", Now, 100);
        Ledger.Hold(id, 0);

        await ReconcileAsync();

        Assert.Equal(Pico(0), await Store.ReadAsync(Key));
    }

    /// <summary>A reservation without a bound, such as that of a budget which only reports, leaves no room for another amount.</summary>
    [Fact]
    public async Task CounterThatOverflows_KeepsNothingElseFromBeingCorrected()
    {
        var next = BudgetKey.At("a", BudgetPeriod.Month, Key.End!.Value);
        Assert.Equal(Pico(0), await Store.ReadAsync(Key));
        Assert.Equal(Pico(0), await Store.ReadAsync(next));
        var (huge, stuck, other, ended) = (Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7(Now.AddMinutes(-3)));
        Assert.True((await Store.ReserveAsync(Key, PicoDollars.MaxStored, huge, PicoDollars.MaxStored)).IsGranted);
        Ledger.Begin(huge, "a", Now, long.MaxValue);
        Begin(stuck, Now);
        Begin(other, next.Start);
        Assert.True((await Store.ReserveAsync(next, Pico(1000), ended, Pico(100))).IsGranted);
        Ledger.Begin(ended, "a", next.Start, 100);
        Ledger.Close(ended, 4);

        var fault = await Assert.ThrowsAsync<LimitStoreException>(ReconcileAsync);

        Assert.True(fault.IsOfCounter);
        Assert.Equal(PicoDollars.MaxStored, await Store.ReadAsync(Key));
        Assert.Equal(Pico(34), await Store.ReadAsync(next));
        Assert.Equal(stuck, Assert.Single(await Ledger.ReadUncountedAsync(10, CancellationToken.None)).Id);

        Assert.True(await Store.SettleAsync(Key, huge, PicoDollars.MaxStored, Pico(5), isCounted: true));
        Ledger.Close(huge, 5);
        await ReconcileAsync();

        Assert.Equal(Pico(35), await Store.ReadAsync(Key));
        Assert.Empty(await Ledger.ReadUncountedAsync(10, CancellationToken.None));

        void Begin(Guid id, DateTimeOffset startedAt)
        {
            Ledger.Begin(id, "a", startedAt, 100, isCounted: false);
            Ledger.Close(id, 30, isCounted: false);
        }
    }

    [Fact]
    public async Task SettlementWhoseCounterOverflows_IsRetriedBehindTheOthers()
    {
        var next = BudgetKey.At("a", BudgetPeriod.Month, Key.End!.Value);
        var (huge, small, other) = (Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7());
        await ReserveAsync(small, 0, 1);
        Assert.True((await Store.ReserveAsync(Key, PicoDollars.MaxStored, huge, PicoDollars.MaxStored)).IsGranted);
        Assert.True((await Store.ReserveAsync(next, Pico(1000), other, Pico(100))).IsGranted);

        Assert.True(await SettleAsync(small, 0, 30));
        Store.Release(next, other);
        await ReconcileAsync();

        Assert.Equal(Pico(0), await Store.ReadAsync(next));
        Store.Release(Key, huge);
        await ReconcileAsync();
        await ReconcileAsync();
        Assert.Equal(Pico(30), await Store.ReadAsync(Key));
    }

    [Fact]
    public async Task UncountedRowsOfBefore_AreAddedOnceByAnyNumberOfNodes()
    {
        Assert.Equal(Pico(0), await Store.ReadAsync(Key));
        for (var i = 0; i < 20; i++)
        {
            var id = Guid.CreateVersion7();
            Ledger.Begin(id, "a", Now, 100, isCounted: false);
            Ledger.Close(id, 3, isCounted: false);
        }

        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => ReconcileAsync()));

        Assert.Equal(Pico(60), await Store.ReadAsync(Key));
    }

    [Fact]
    public async Task ReservationsWithoutAnOpenRow_AreSettled()
    {
        var (closed, open, young) = (Old(), Old(), Guid.CreateVersion7());
        await ReserveAsync(closed, 20, 10_000);
        await ReserveAsync(open, 300, 10_000);
        await ReserveAsync(young, 4000, 10_000);
        Ledger.Begin(closed, "a", Now, 20);
        Ledger.Close(closed, 15);
        Ledger.Begin(open, "a", Now, 300);

        await ReconcileAsync();

        Assert.Equal(Pico(4315), await Store.ReadAsync(Key));

        static Guid Old() => Guid.CreateVersion7(TimeProvider.System.GetUtcNow().AddMinutes(-3));
    }

    [Fact]
    public async Task ReservationWithoutARow_CountsForTheHold_AndALateBillIsAddedAfterIt()
    {
        // The row may be queued on another node.
        var young = Guid.CreateVersion7(Now - BudgetReconciler.DefaultAge - TimeSpan.FromSeconds(1));
        var old = Guid.CreateVersion7(Now - TestTerms.Hold - TimeSpan.FromSeconds(1));
        await ReserveAsync(young, 100, 1000);
        await ReserveAsync(old, 20, 1000);

        await ReconcileAsync();
        await ReconcileAsync();
        Assert.Equal(Pico(100), await Store.ReadAsync(Key));

        foreach (var _ in Enumerable.Range(0, 2))
        {
            await SettleAsync(young, 100, 30);
            await SettleAsync(old, 20, 5);
        }

        Assert.Equal(Pico(35), await Store.ReadAsync(Key));
    }

    [Fact]
    public async Task ReservationWithoutAReply_OfARefusedCall_IsReleasedByTheNextRound()
    {
        var id = Guid.CreateVersion7();
        await ReserveAsync(id, 100, 1000);
        Store.Release(Key, id);
        Store.Release(Key, Guid.CreateVersion7());

        await ReconcileAsync();

        Assert.Equal(Pico(0), await Store.ReadAsync(Key));
    }

    [Fact]
    public async Task RefusalWhoseReservationsCannotBeRead_IsARefusal()
    {
        await ReserveAsync(Guid.CreateVersion7(), 10, 10);
        var start = Key.Start.ToString("yyyyMMdd", CultureInfo.InvariantCulture);
        await _server.SendAsync($"HSET {_prefix}budget:{{a}}:Month:{start} r:odd odd");
        await _server.SendAsync($"HDEL {_prefix}budget:{{a}}:Month:{start} held");

        Assert.Equal(new BudgetResult(false, Pico(10)), await ReserveAsync(Guid.CreateVersion7(), 1, 10));
    }

    /// <summary>A caller may repeat a refused call as often as its rate allows, and a hash may have thousands of reservations.</summary>
    [Fact]
    public async Task Refusal_TellsTheReservationsWithoutReadingThem()
    {
        await using var server = await StartOwnAsync();
        for (var i = 0; i < 20; i++)
        {
            await ReserveAsync(Guid.CreateVersion7(), 7, 140);
        }

        await server.SendAsync("ACL SETUSER default -hscan");

        Assert.Equal(new BudgetResult(false, Pico(140), Pico(140)), await ReserveAsync(Guid.CreateVersion7(), 1, 140));
    }

    [Theory]
    [InlineData(7)]
    [InlineData(1234)]
    public async Task ReservationsThatARefusalTells_AreThoseOfTheHash_AfterAnySteps(ulong seed)
    {
        var random = new TestRandom(seed);
        var otherLedger = new FakeLedger();
        await otherLedger.Access.EnsureOpenAsync();
        RedisBudgetStore[] stores =
        [
            (RedisBudgetStore)Store,
            (RedisBudgetStore)SecondNode(),
            new(Link(), _prefix, otherLedger.Access, Terms, TimeProvider.System),
        ];
        var ids = new List<Guid>();
        for (var i = 0; i < TestEffort.Times(300); i++)
        {
            if (ids.Count == 0 || random.Next(3) == 0)
            {
                ids.Add(Guid.CreateVersion7());
            }

            // Any step, also one that comes twice, late, or for a call that another step has ended.
            var (store, id, amount) = (stores[random.Next(3)], ids[random.Next(ids.Count)], Pico(random.Next(100)));
            switch (random.Next(30))
            {
                case < 12:
                    await store.ReserveAsync(Key, Pico(2000), id, amount);
                    break;
                case < 18:
                    await store.SettleAsync(Key, id, Pico(0), amount, isCounted: random.Next(2) == 0);
                    break;
                case < 23:
                    await store.HoldAsync(Key, id, amount, isCounted: random.Next(2) == 0);
                    break;
                case < 27:
                    await store.ExpireAsync(Key, id, isCounted: random.Next(2) == 0);
                    break;
                case < 29:
                    await store.MarkAsync(Key, id, amount);
                    break;
                default:
                    var row = Guid.CreateVersion7();
                    (random.Next(2) == 0 ? Ledger : otherLedger).Begin(row, "a", Now, random.Next(50));
                    ids.Add(row);
                    store.Forget(Key);
                    await store.ForgetAgainAsync();
                    break;
            }

            await AssertHeldAsync(stores[random.Next(3)]);
        }

        Assert.True(ids.Count > 50, $"{ids.Count} calls");
    }

    /// <summary>A node of an earlier version changes reservations without their sum, and its counters have none.</summary>
    [Theory]
    [InlineData("HSET", "held 95")]
    [InlineData("HSET", "held 11")]
    [InlineData("HSET", "held -7")]
    [InlineData("HSET", "held 9223372036854775807")]
    [InlineData("HDEL", "held")]
    public async Task WrongSumOfReservations_FailsNothing_AndIsCorrected(string command, string field)
    {
        var (id, limit) = (Guid.CreateVersion7(), Pico(100));
        await ReserveAsync(id, 60, 100);
        await ReserveAsync(Guid.CreateVersion7(), 30, 100);
        await _server.SendAsync($"{command} {new RedisBudgetNames(_prefix, Ledger.Access).KeyOf(Key)} {field}");
        await Store.ReserveAsync(Key, limit, Guid.CreateVersion7(), Pico(1));
        await SettleAsync(id, 60, 50);
        Assert.Equal(Pico(81), await Store.ReadAsync(Key));

        Assert.Equal(Pico(50), await ((RedisBudgetStore)Store).TryReadSettledAsync(Key));

        await AssertHeldAsync((RedisBudgetStore)Store);
    }

    private async Task AssertHeldAsync(RedisBudgetStore store)
    {
        var preview = await store.PreviewAsync(Key, Pico(0), Pico(1));
        var held = await _server.SendAsync($"HSTRLEN {new RedisBudgetNames(_prefix, Ledger.Access).KeyOf(Key)} held");
        Assert.NotEqual(":0", held);
        Assert.Equal(preview, await store.ReserveAsync(Key, Pico(0), Guid.CreateVersion7(), Pico(1)));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task CounterThatCouldNotBeForgotten_IsForgottenLater(bool isRound)
    {
        await using var server = await StartOwnAsync();
        Assert.Equal(Pico(0), await Store.ReadAsync(Key));
        Ledger.Begin(Guid.CreateVersion7(), "a", Now, 100);

        await FailToForgetAsync(server);
        if (isRound)
        {
            await ReconcileAsync();
            Assert.Equal(":0", await server.SendAsync($"DBSIZE"));
        }

        Assert.Equal(Pico(100), await Store.ReadAsync(Key));
    }

    [Theory]
    [InlineData("settle")]
    [InlineData("hold")]
    [InlineData("expire")]
    public async Task CounterThatIsToBeForgotten_IsNotChanged(string operation)
    {
        await using var server = await StartOwnAsync();
        var id = Guid.CreateVersion7();
        await ReserveAsync(id, 100, 1000);
        await FailToForgetAsync(server);

        switch (operation)
        {
            case "settle":
                Assert.False(await SettleAsync(id, 100, 30));
                break;
            case "hold":
                Assert.False(await Store.HoldAsync(Key, id, Pico(30), isCounted: true));
                break;
            default:
                await ((RedisBudgetStore)Store).ExpireAsync(Key, id, isCounted: true);
                break;
        }

        Assert.Equal(":0", await server.SendAsync("DBSIZE"));
    }

    [Fact]
    public async Task ExpiredRowThatIsSettledDuringTheSeed_IsCountedOnce()
    {
        var id = Guid.CreateVersion7(Now - TimeSpan.FromMinutes(1));
        Ledger.Begin(id, "a", Key.Start, 100);
        Ledger.GiveUp(id, Now - TestTerms.Hold - TimeSpan.FromSeconds(1));

        // After the sum was read, its node settles the row; the counter does not exist yet.
        Ledger.BeforeUncounted = () =>
        {
            Ledger.BeforeUncounted = null;
            Ledger.Close(id, 30, isCounted: false);
            return Task.CompletedTask;
        };
        Assert.Equal(Pico(0), await Store.ReadAsync(Key));

        await ReconcileAsync();
        await ReconcileAsync();

        Assert.Equal(Pico(30), await Store.ReadAsync(Key));
    }

    [Fact]
    public async Task AmountSetAsideBehindItsCharge_IsGivenBack()
    {
        // The policy let the call pass when the answer was missing. The reservation that was sent arrives when the call is long over.
        var id = Guid.CreateVersion7(TimeProvider.System.GetUtcNow().AddMinutes(-3));
        await Store.ReadAsync(Key);
        Ledger.Begin(id, "a", Now, 100, isCounted: false);
        Assert.True(await SettleAsync(id, 100, 40, isCounted: false));
        Ledger.Close(id, 40);
        Assert.Equal(new BudgetResult(true, Pico(140)), await ReserveAsync(id, 100, 1000));

        await ReconcileAsync();

        Assert.Equal(Pico(40), await Store.ReadAsync(Key));
    }

    [Fact]
    public async Task ManyReservations_AreAllLookedAt()
    {
        for (var i = 0; i < 1500; i++)
        {
            var id = Guid.CreateVersion7(TimeProvider.System.GetUtcNow().AddMinutes(-3));
            await ReserveAsync(id, 1, 10_000);
            Ledger.Begin(id, "a", Now, 1);
            Ledger.Close(id, 0);
        }

        await ReconcileAsync();

        Assert.Equal(Pico(0), await Store.ReadAsync(Key));
    }

    [Fact]
    public async Task Ledgers_AddUpAndLeaveOthersReservationsAlone()
    {
        var (mine, theirs) = (Guid.CreateVersion7(), Guid.CreateVersion7(TimeProvider.System.GetUtcNow().AddMinutes(-3)));
        Ledger.Begin(mine, "a", Now, 100);
        var otherLedger = new FakeLedger();
        otherLedger.Begin(Guid.CreateVersion7(), "a", Now, 1000);
        var other = new RedisBudgetStore(_link ?? Link(), _prefix, otherLedger.Access, Terms, TimeProvider.System);

        Assert.Equal(Pico(100), await Store.ReadAsync(Key));
        Assert.Equal(new BudgetResult(true, Pico(1105)), await other.ReserveAsync(Key, Pico(5000), theirs, Pico(5)));
        await ReconcileAsync();

        Assert.Equal(Pico(1105), await Store.ReadAsync(Key));
    }

    [Fact]
    public async Task Counter_ExpiresAfterItsPeriodAndTheTotalNever()
    {
        await Store.ReadAsync(Key);
        var total = BudgetKey.At("a", BudgetPeriod.Total, Now);
        await Store.ReadAsync(total);

        var start = Key.Start.ToString("yyyyMMdd", CultureInfo.InvariantCulture);
        var expires = await _server.SendAsync($"PEXPIRETIME {_prefix}budget:{{a}}:Month:{start}");
        Assert.Equal(":" + Key.End!.Value.AddDays(3).ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture), expires);
        Assert.Equal(":-1", await _server.SendAsync($"PEXPIRETIME {_prefix}budget:{{a}}:Total:0"));
    }

    [Fact]
    public async Task OddCounter_IsAFailureThatShutsNobodyOut()
    {
        var start = Key.Start.ToString("yyyyMMdd", CultureInfo.InvariantCulture);
        await _server.SendAsync($"SET {_prefix}budget:{{a}}:Month:{start} odd");
        for (var i = 0; i < 10; i++)
        {
            await Assert.ThrowsAsync<LimitStoreException>(async () => await ReserveAsync(Guid.CreateVersion7(), 1, 10));
        }

        Assert.True((await Store.ReserveAsync(Key with { Team = "b" }, Pico(10), Guid.CreateVersion7(), Pico(1))).IsGranted);
    }

    // Each node once, and once more for each answer that crossed the making of the counter, which are few of the sixty.
    private protected override int MostSeedQueries => 20;

    private protected override IBudgetStore Create() => new RedisBudgetStore(Link(), _prefix, Ledger.Access, Terms, TimeProvider.System);

    private RedisLink Link()
    {
        _link = new RedisLink(
            ConfigurationOptions.Parse(_server.PatientConfiguration),
            _prefix,
            HangGuard.Limit,
            TimeProvider.System,
            NullLogger<RedisLink>.Instance);
        _owned.Add(_link);
        return _link;
    }

    private async Task<RedisServer> StartOwnAsync() => _server = await RedisServer.StartNewAsync();

    /// <summary>
    /// Forgets the counter while Redis refuses removals, and ends when the attempt has failed: an operation that joined the attempt would
    /// fail with it, the next one begins another.
    /// </summary>
    private async Task FailToForgetAsync(RedisServer server)
    {
        await server.SendAsync("ACL SETUSER default -del");
        Store.Forget(Key);
        await Assert.ThrowsAsync<LimitStoreException>(async () => await ((RedisBudgetStore)Store).ForgetAgainAsync());
        await server.SendAsync("ACL SETUSER default +del");
    }

    private BudgetReconciler Reconciler(TimeSpan? age = null) => new(
        (RedisBudgetStore)Store,
        _link,
        Ledger,
        Terms,
        new WorkerHealth(),
        TimeProvider.System,
        NullLogger<BudgetReconciler>.Instance,
        age: age);

    private async Task ReconcileAsync()
    {
        using var reconciler = Reconciler();
        await reconciler.ReconcileAsync(TestContext.Current.CancellationToken);
    }
}
