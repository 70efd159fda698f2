using Gateway.Billing;
using Gateway.Ledger;
using Gateway.Limits;
using Gateway.Metering;
using Gateway.Primitives;
using Gateway.Tests.Support;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Gateway.Tests.Gateway.Limits;

/// <summary>Promise: a budget is never overdrawn by reservations, and its charges are exact, wherever it is counted.</summary>
public abstract class BudgetStoreTests
{
    private IBudgetStore? _store;

    private protected FakeLedger Ledger { get; } = new();

    private protected BudgetTerms Terms { get; } = TestTerms.Create(TimeProvider.System);

    private protected IBudgetStore Store => _store ??= Create();

    private protected virtual DateTimeOffset Now => TimeProvider.System.GetUtcNow();

    private protected BudgetKey Key => BudgetKey.At("a", BudgetPeriod.Month, Now);

    /// <summary>How often the ledger may be asked when many requests need one counter at once.</summary>
    private protected virtual int MostSeedQueries => 1;

    /// <summary>A store, each time one of another node where there are several.</summary>
    private protected abstract IBudgetStore Create();

    [Fact]
    public async Task Reservation_IsReplacedByItsChargeOnce()
    {
        var id = Guid.CreateVersion7();
        Assert.Equal(new BudgetResult(true, Pico(100)), await ReserveAsync(id, 100, 100));
        Assert.Equal(new BudgetResult(false, Pico(100), Pico(100)), await ReserveAsync(Guid.CreateVersion7(), 1, 100));

        Assert.True(await SettleAsync(id, 100, 30));
        Assert.True(await SettleAsync(id, 100, 30));

        Assert.Equal(Pico(30), await Store.ReadAsync(Key));
        Assert.True((await ReserveAsync(Guid.CreateVersion7(), 70, 100)).IsGranted);
    }

    [Fact]
    public async Task Preview_DecidesAsTheReservationAndReservesNothing()
    {
        var preview = (IBudgetPreview)Store;
        var (open, settled) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        Assert.Equal(new BudgetResult(true, Pico(0), Pico(0)), await preview.PreviewAsync(Key, Pico(100), Pico(100)));
        Assert.True((await ReserveAsync(open, 30, 100)).IsGranted);
        Assert.True((await ReserveAsync(settled, 20, 100)).IsGranted);
        Assert.True(await SettleAsync(settled, 20, 5));
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal(new BudgetResult(true, Pico(35), Pico(30)), await preview.PreviewAsync(Key, Pico(100), Pico(65)));
            Assert.Equal(new BudgetResult(false, Pico(35), Pico(30)), await preview.PreviewAsync(Key, Pico(100), Pico(66)));
        }

        Assert.Equal(new BudgetResult(false, Pico(35), Pico(30)), await ReserveAsync(Guid.CreateVersion7(), 66, 100));
        Assert.True((await ReserveAsync(Guid.CreateVersion7(), 65, 100)).IsGranted);
    }

    [Fact]
    public async Task HeldAmount_ReplacesTheReservationUntilTheBill()
    {
        var (refused, overLimit) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        await ReserveAsync(refused, 100, 100);

        Assert.True(await Store.HoldAsync(Key, refused, Pico(0), isCounted: true));
        Assert.True(await Store.HoldAsync(Key, refused, Pico(0), isCounted: true));
        Assert.Equal(Pico(0), await Store.ReadAsync(Key));

        // Without a reservation the amount is reserved, above any limit.
        Assert.True(await Store.HoldAsync(Key, overLimit, Pico(500), isCounted: false));
        Assert.Equal(new BudgetResult(false, Pico(500), Pico(500)), await ReserveAsync(Guid.CreateVersion7(), 1, 500));

        Assert.True(await SettleAsync(refused, 100, 7));
        Assert.True(await SettleAsync(overLimit, 500, 11));
        Assert.Equal(Pico(18), await Store.ReadAsync(Key));

        // Settled calls are not held again.
        Assert.True(await Store.HoldAsync(Key, refused, Pico(100), isCounted: true));
        Assert.Equal(Pico(18), await Store.ReadAsync(Key));
    }

    [Fact]
    public async Task SameReservation_CountsOnce()
    {
        var id = Guid.CreateVersion7();
        await ReserveAsync(id, 60, 100);

        Assert.Equal(new BudgetResult(true, Pico(60)), await ReserveAsync(id, 60, 100));
    }

    [Fact]
    public async Task Charge_MayExceedReservationAndBudget()
    {
        var id = Guid.CreateVersion7();
        await ReserveAsync(id, 100, 100);
        await SettleAsync(id, 100, 250);

        Assert.Equal(new BudgetResult(false, Pico(250)), await ReserveAsync(Guid.CreateVersion7(), 0, 100));
    }

    [Fact]
    public async Task FreeReservation_IsGrantedUpToTheLimit()
    {
        var id = Guid.CreateVersion7();
        Assert.True((await ReserveAsync(id, 0, 0)).IsGranted);
        Assert.True(await SettleAsync(id, 0, 0));
        Assert.False((await ReserveAsync(Guid.CreateVersion7(), 1, 0)).IsGranted);
    }

    [Theory]
    [InlineData(9_007_199_254_740_992)] // 2^53: the next number is none in a double.
    [InlineData(999_999_999_999_999_999)] // Its sum with the next has a digit more.
    [InlineData(4_611_686_018_427_387_903)]
    public async Task LargeAmounts_AreExact(long half)
    {
        var (one, other) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        var limit = (half * 2) + 1;
        Assert.True((await ReserveAsync(one, half, limit)).IsGranted);
        Assert.Equal(new BudgetResult(true, Pico(limit)), await ReserveAsync(other, half + 1, limit));
        Assert.Equal(new BudgetResult(false, Pico(limit), Pico(limit)), await ReserveAsync(Guid.CreateVersion7(), 1, limit));

        await SettleAsync(one, half, half - 1);
        Assert.Equal(Pico(limit - 1), await Store.ReadAsync(Key));
        Assert.False((await ReserveAsync(Guid.CreateVersion7(), 2, limit)).IsGranted);
        Assert.Equal(new BudgetResult(true, Pico(limit)), await ReserveAsync(Guid.CreateVersion7(), 1, limit));
    }

    [Fact]
    public async Task AmountBeyondEveryLimit_IsRefusedAndChangesNothing()
    {
        await ReserveAsync(Guid.CreateVersion7(), 10, 100);

        Assert.Equal(new BudgetResult(false, Pico(10), Pico(10)), await ReserveAsync(Guid.CreateVersion7(), long.MaxValue, long.MaxValue - 1));
        Assert.Equal(Pico(10), await Store.ReadAsync(Key));
    }

    [Fact]
    public async Task SixtyAtTheEdgeOfTen_AdmitExactlyTen()
    {
        Ledger.Begin(Guid.CreateVersion7(), "a", Now, 1000);
        var gate = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Ledger.Gate = gate.Task;
        IBudgetStore[] stores = [Store, SecondNode()];

        var racing = Enumerable.Range(0, 60)
            .Select(i => Task.Run(async () => await stores[i % 2].ReserveAsync(Key, Pico(1109), Guid.CreateVersion7(), Pico(10))))
            .ToList();
        gate.SetResult();
        var results = await Task.WhenAll(racing);

        Assert.Equal(10, results.Count(result => result.IsGranted));
        Assert.Equal(Pico(1100), await Store.ReadAsync(Key));
        Assert.InRange(Ledger.ChargeQueries, 1, MostSeedQueries);
    }

    [Fact]
    public async Task SumOfRacingReservesAndSettles_IsExact()
    {
        long expected = 0;
        IBudgetStore[] stores = [Store, SecondNode()];
        await Task.WhenAll(Enumerable.Range(1, 8).Select(seed => Task.Run(async () =>
        {
            var random = new TestRandom((ulong)seed);
            for (var i = 0; i < 50; i++)
            {
                var id = Guid.CreateVersion7();
                var reserved = random.Next(1000);
                if (!(await stores[random.Next(2)].ReserveAsync(Key, Pico(5000), id, Pico(reserved))).IsGranted)
                {
                    continue;
                }

                var charge = random.Next(3) == 0 ? 0 : random.Next(20);
                Interlocked.Add(ref expected, charge);
                for (var told = 0; told <= random.Next(2); told++)
                {
                    Assert.True(await stores[random.Next(2)].SettleAsync(Key, id, Pico(reserved), Pico(charge), isCounted: true));
                }
            }
        })));

        Assert.Equal(Pico(expected), await Store.ReadAsync(Key));
    }

    [Fact]
    public async Task RacingCallsUnderTwoBudgets_ExceedNeither_AndBothAreExact()
    {
        // The team has less than its keys together, and each key less than the team.
        const long TeamLimit = 3000;
        (string Label, long Limit)[] keys = [("ci", 1200), ("laptop", 2000), ("cron", 900)];
        var charged = new long[keys.Length];
        IBudgetStore[] stores = [Store, SecondNode()];
        var rows = new NoLedger();
        await Task.WhenAll(Enumerable.Range(1, 8).Select(seed => Task.Run(async () =>
        {
            var random = new TestRandom((ulong)seed);
            for (var i = 0; i < 40; i++)
            {
                var which = random.Next(keys.Length);
                var call = new MeteredCall(stores[random.Next(2)], rows, TimeProvider.System, 0, NullLogger.Instance)
                {
                    Id = Guid.CreateVersion7(),
                    Reserved = Pico(1 + random.Next(400)),
                };
                if (!(await call.ReserveAsync(Key, Pico(TeamLimit), includesByok: true)).IsGranted
                    || !(await call.ReserveAsync(KeyOf(keys[which].Label), Pico(keys[which].Limit), includesByok: true)).IsGranted)
                {
                    await call.CancelAsync();
                }
                else
                {
                    var charge = random.Next(3) == 0 ? 0 : random.Next(20);
                    Interlocked.Add(ref charged[which], charge);
                    call.Sent(null, null);
                    await call.CompletedAsync(new ResponseFacts { Usage = new Usage { Cost = Pico(charge) }, IsComplete = true });
                }

                // Reservations of calls in flight are in both counters.
                Assert.True(await Store.ReadAsync(Key) <= Pico(TeamLimit));
                Assert.True(await Store.ReadAsync(KeyOf(keys[which].Label)) <= Pico(keys[which].Limit));
                await call.DisposeAsync();
            }
        })));

        Assert.Equal(Pico(charged.Sum()), await Store.ReadAsync(Key));
        for (var i = 0; i < keys.Length; i++)
        {
            Assert.Equal(Pico(charged[i]), await Store.ReadAsync(KeyOf(keys[i].Label)));
        }

        BudgetKey KeyOf(string label) => Key with { KeyLabel = label };
    }

    [Fact]
    public async Task NewCounterOfAKey_IsMadeFromTheRowsOfItsLabel()
    {
        var (own, other) = (Guid.CreateVersion7(), Guid.CreateVersion7());
        Ledger.Begin(own, "a", Now, 100, keyLabel: "ci");
        Ledger.Begin(other, "a", Now, 1000, keyLabel: "laptop");

        Assert.Equal(Pico(100), await Store.ReadAsync(Key with { KeyLabel = "ci" }));
        Assert.Equal(Pico(1100), await Store.ReadAsync(Key));
        Assert.Equal(Pico(0), await Store.ReadAsync(Key with { KeyLabel = "cron" }));
    }

    [Fact]
    public async Task NewCounter_IsMadeFromTheLedgerAndSettlesItsOpenRows()
    {
        var (open, closed, other, before) = (Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7(), Guid.CreateVersion7());
        Ledger.Begin(open, "a", Now, 100);
        Ledger.Begin(closed, "a", Now, 100);
        Ledger.Close(closed, 40);
        Ledger.Begin(other, "b", Now, 1000);
        Ledger.Begin(before, "a", Key.Start.AddTicks(-1), 1000);

        Assert.Equal(Pico(140), await Store.ReadAsync(Key));
        Assert.Equal(new BudgetResult(true, Pico(150)), await ReserveAsync(Guid.CreateVersion7(), 10, 150));
        await SettleAsync(open, 100, 5);
        await SettleAsync(open, 100, 5);
        await SettleAsync(closed, 100, 40);

        Assert.Equal(Pico(55), await Store.ReadAsync(Key));
    }

    [Fact]
    public async Task UncountedCall_IsAddedOnce()
    {
        await ReserveAsync(Guid.CreateVersion7(), 10, 100);
        var id = Guid.CreateVersion7();
        Ledger.Begin(id, "a", Now, 50, isCounted: false);

        Assert.True(await SettleAsync(id, 50, 20, isCounted: false));
        Assert.True(await SettleAsync(id, 50, 20, isCounted: false));
        Assert.True(await SettleAsync(id, 50, 20, isCounted: true));

        Assert.Equal(Pico(30), await Store.ReadAsync(Key));
    }

    [Fact]
    public async Task UncountedCallThatTheLedgerToldOf_IsAddedOnce()
    {
        var id = Guid.CreateVersion7();
        Ledger.Begin(id, "a", Now, 50, isCounted: false);
        Assert.Equal(Pico(50), await Store.ReadAsync(Key));

        await SettleAsync(id, 50, 20, isCounted: false);
        await SettleAsync(id, 50, 20, isCounted: false);

        Assert.Equal(Pico(20), await Store.ReadAsync(Key));
    }

    [Fact]
    public async Task FailingLedger_IsAFailureOnceAndIsAskedAgain()
    {
        Ledger.IsFailing = true;
        await Assert.ThrowsAsync<LimitStoreException>(async () => await ReserveAsync(Guid.CreateVersion7(), 1, 10));

        Ledger.IsFailing = false;
        Assert.True((await ReserveAsync(Guid.CreateVersion7(), 1, 10)).IsGranted);
    }

    [Fact]
    public async Task Periods_AreCountedApart()
    {
        foreach (var period in Enum.GetValues<BudgetPeriod>())
        {
            var key = BudgetKey.At("a", period, Now);
            Assert.True((await Store.ReserveAsync(key, Pico(10), Guid.CreateVersion7(), Pico(10))).IsGranted);
            Assert.False((await Store.ReserveAsync(key, Pico(10), Guid.CreateVersion7(), Pico(10))).IsGranted);
        }
    }

    private protected static PicoDollars Pico(Int128 value) => new(value);

    private sealed class NoLedger : ILedger
    {
        public ValueTask WriteAsync(LedgerEntry entry) => default;

        public void Post(LedgerEntry entry)
        {
        }
    }

    /// <summary>Another store of the same counters, or the same where there is only one.</summary>
    private protected virtual IBudgetStore SecondNode() => Create();

    private protected ValueTask<BudgetResult> ReserveAsync(Guid id, long amount, long limit) =>
        Store.ReserveAsync(Key, Pico(limit), id, Pico(amount));

    private protected ValueTask<bool> SettleAsync(Guid id, long reserved, long charge, bool isCounted = true) =>
        Store.SettleAsync(Key, id, Pico(reserved), Pico(charge), isCounted);
}
