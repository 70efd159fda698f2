using Gateway.Billing;
using Gateway.Ledger;
using Gateway.Limits;
using Gateway.Primitives;
using Gateway.Tests.Support;
using Gateway.Workers;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Gateway.Tests.Gateway.Limits;

/// <summary>
/// Promise: a memory budget's counter includes the calls that another process admits, and keeps no reservation whose row another process
/// has closed.
/// </summary>
public sealed class MemoryBudgetReconcilerTests : IDisposable
{
    private static readonly PicoDollars Limit = new(1000);
    private static readonly Guid Other = new("11111111-1111-1111-1111-111111111111");

    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 8, 15, 12, 0, 0, TimeSpan.Zero));
    private readonly FakeLedger _ledger = new();
    private readonly BudgetTerms _terms;
    private readonly MemoryBudgetStore _store;
    private readonly MemoryBudgetReconciler _reconciler;

    public MemoryBudgetReconcilerTests()
    {
        _terms = TestTerms.Create(_time);
        _store = new MemoryBudgetStore((key, recent) => LimitStores.SeedAsync(_ledger, _terms, key, recent), _time);
        _reconciler = new MemoryBudgetReconciler(_store, _ledger, _terms, new WorkerHealth(), _time, NullLogger<MemoryBudgetReconciler>.Instance);
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private BudgetKey Key => BudgetKey.At("a", BudgetPeriod.Month, _time.GetUtcNow());

    public void Dispose() => _reconciler.Dispose();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task RowThatAnotherProcessClosed_IsCountedAtItsCharge(bool isReservedHere)
    {
        var id = await OpenAsync(100, isReservedHere);
        _ledger.Close(id, 30);
        _time.Advance(MemoryBudgetReconciler.Age + TimeSpan.FromMilliseconds(1));

        await _reconciler.ReconcileAsync(Cancel);
        Assert.Equal(new PicoDollars(30), await _store.ReadAsync(Key));

        // The process that admitted it may still settle it, and another round may come: both change nothing.
        await _store.SettleAsync(Key, id, new PicoDollars(100), new PicoDollars(30), isCounted: true);
        await _reconciler.ReconcileAsync(Cancel);
        Assert.Equal(new PicoDollars(30), await _store.ReadAsync(Key));
    }

    /// <summary>Such a call was admitted without the budget: before a reload added it, or by a process that does not have it.</summary>
    [Theory]
    [InlineData(100)]
    [InlineData(900)]
    public async Task CounterThatLacksASettledCall_IsCountedAnew_WhateverIsReserved(int reserved)
    {
        var own = await OpenAsync(reserved, isReservedHere: true);
        var missed = Guid.CreateVersion7(_time.GetUtcNow());
        _ledger.Begin(missed, "a", _time.GetUtcNow(), 700);
        _ledger.Close(missed, 700);
        Assert.Equal(new PicoDollars(reserved), await _store.ReadAsync(Key));

        // One round notes the settled call, a later one finds that the counter still lacks it.
        await _reconciler.ReconcileAsync(Cancel);
        await _reconciler.ReconcileAsync(Cancel);
        Assert.Equal(new PicoDollars(reserved), await _store.ReadAsync(Key));
        _time.Advance(MemoryBudgetReconciler.Age);
        await _reconciler.ReconcileAsync(Cancel);

        Assert.Equal(new PicoDollars(700 + reserved), await _store.ReadAsync(Key));
        await _store.SettleAsync(Key, own, new PicoDollars(reserved), new PicoDollars(30), isCounted: true);
        _ledger.Close(own, 30);
        Assert.Equal(new PicoDollars(730), await _store.ReadAsync(Key));
    }

    [Fact]
    public async Task CounterOfAFinishedPeriod_IsNotComparedWithTheNextOne()
    {
        var period = Key;
        var id = await OpenAsync(100, isReservedHere: true);
        _ledger.Close(id, 100);
        await _store.SettleAsync(period, id, new PicoDollars(100), new PicoDollars(100), isCounted: true);
        _time.Advance(period.End!.Value - _time.GetUtcNow() + TimeSpan.FromMinutes(1));
        var next = Guid.CreateVersion7(_time.GetUtcNow());
        _ledger.Begin(next, "a", _time.GetUtcNow(), 700);
        _ledger.Close(next, 700);

        await _reconciler.ReconcileAsync(Cancel);
        _time.Advance(MemoryBudgetReconciler.Age);
        await _reconciler.ReconcileAsync(Cancel);
        await _reconciler.ReconcileAsync(Cancel);

        Assert.Contains(period, _store.KnownKeys());
        Assert.Equal(new PicoDollars(100), _store.TryReadSettled(period));
    }

    [Fact]
    public async Task OpenRow_KeepsItsReservation()
    {
        await OpenAsync(100, isReservedHere: false);
        _time.Advance(TimeSpan.FromMinutes(30));

        await _reconciler.ReconcileAsync(Cancel);

        Assert.Equal(new PicoDollars(100), await _store.ReadAsync(Key));
    }

    [Fact]
    public async Task MissingRow_KeepsItsReservation_AndIsSettledByItsCall()
    {
        // A ledger that failed took the row into memory: it is no less a call under way.
        var id = Guid.CreateVersion7(_time.GetUtcNow());
        await _store.ReserveAsync(Key, Limit, id, new PicoDollars(100));
        _time.Advance(TimeSpan.FromMinutes(30));

        await _reconciler.ReconcileAsync(Cancel);
        Assert.Equal(new PicoDollars(100), await _store.ReadAsync(Key));

        await _store.SettleAsync(Key, id, new PicoDollars(100), new PicoDollars(30), isCounted: true);
        Assert.Equal(new PicoDollars(30), await _store.ReadAsync(Key));
    }

    [Fact]
    public async Task YoungReservation_IsLeftToItsCall()
    {
        var id = await OpenAsync(100, isReservedHere: true);
        _ledger.Close(id, 30);
        _time.Advance(MemoryBudgetReconciler.Age);
        await _reconciler.ReconcileAsync(Cancel);
        Assert.Equal(new PicoDollars(100), await _store.ReadAsync(Key));
    }

    [Fact]
    public async Task ManyReservations_AreAllCompared()
    {
        Guid[] ids = [.. Enumerable.Range(0, 2500).Select(_ => Guid.CreateVersion7(_time.GetUtcNow()))];
        foreach (var id in ids)
        {
            _ledger.Begin(id, "a", _time.GetUtcNow(), 10);
        }

        Assert.Equal(new PicoDollars(25_000), await _store.ReadAsync(Key));
        foreach (var id in ids)
        {
            _ledger.Close(id, 1);
        }

        _time.Advance(TimeSpan.FromMinutes(3));
        await _reconciler.ReconcileAsync(Cancel);
        Assert.Equal(new PicoDollars(2500), await _store.ReadAsync(Key));
    }

    [Fact]
    public async Task EveryMinute_AlsoAfterAFailure()
    {
        var id = await OpenAsync(100, isReservedHere: false);
        await _reconciler.StartAsync(Cancel);
        _time.Advance(MemoryBudgetReconciler.Age);
        _ledger.IsFailing = true;
        _time.Advance(MemoryBudgetReconciler.RoundPeriod);
        _ledger.IsFailing = false;
        _ledger.Close(id, 30);

        await Eventually.InStepsAsync(
            async () =>
            {
                _time.Advance(MemoryBudgetReconciler.RoundPeriod);
                return await _store.ReadAsync(Key) == new PicoDollars(30);
            },
            "a round");
        await _reconciler.StopAsync(Cancel);
    }

    [Fact]
    public async Task CallsOfAnotherProcess_AreCountedAtTheirReservationAndThenAtTheirCharge()
    {
        Assert.Equal(PicoDollars.Zero, await _store.ReadAsync(Key));
        var (open, closed) = (Begin(100), Begin(200));
        _ledger.Close(closed, 20);

        await _reconciler.ReconcileAsync(Cancel);
        Assert.Equal(new PicoDollars(120), await _store.ReadAsync(Key));

        _ledger.Close(open, 10);
        _time.Advance(MemoryBudgetReconciler.Age + TimeSpan.FromMilliseconds(1));
        await _reconciler.ReconcileAsync(Cancel);
        await _reconciler.ReconcileAsync(Cancel);
        Assert.Equal(new PicoDollars(30), await _store.ReadAsync(Key));
    }

    [Fact]
    public async Task CallsOfTheSeed_AreNotCountedAgain()
    {
        var (open, closed) = (Begin(100), Begin(200));
        _ledger.Close(closed, 20);
        Assert.Equal(new PicoDollars(120), await _store.ReadAsync(Key));

        await _reconciler.ReconcileAsync(Cancel);
        _ledger.Close(open, 10);
        _time.Advance(MemoryBudgetStore.Lateness);
        await _reconciler.ReconcileAsync(Cancel);
        await _reconciler.ReconcileAsync(Cancel);

        Assert.Equal(new PicoDollars(30), await _store.ReadAsync(Key));
    }

    [Fact]
    public async Task RowThatReachesTheLedgerLate_IsCounted()
    {
        Assert.Equal(PicoDollars.Zero, await _store.ReadAsync(Key));
        var (id, startedAt) = (Guid.CreateVersion7(_time.GetUtcNow()), _time.GetUtcNow());
        for (var passed = TimeSpan.Zero; passed < MemoryBudgetStore.Lateness; passed += MemoryBudgetReconciler.RoundPeriod)
        {
            await _reconciler.ReconcileAsync(Cancel);
            _time.Advance(MemoryBudgetReconciler.RoundPeriod);
        }

        _ledger.Begin(id, "a", startedAt, 100, node: Other);
        await _reconciler.ReconcileAsync(Cancel);

        Assert.Equal(new PicoDollars(100), await _store.ReadAsync(Key));
    }

    [Fact]
    public async Task CallsOfAnotherTeamOrPeriod_AreNotCounted()
    {
        _time.SetUtcNow(new DateTimeOffset(2026, 8, 31, 23, 59, 0, TimeSpan.Zero));
        var august = Key;
        Assert.Equal(PicoDollars.Zero, await _store.ReadAsync(august));
        Begin(100);
        Begin(7, team: "b");
        _time.Advance(TimeSpan.FromMinutes(2));
        Begin(30);
        Assert.Equal(new PicoDollars(30), await _store.ReadAsync(Key));

        await _reconciler.ReconcileAsync(Cancel);

        Assert.Equal((new PicoDollars(100), new PicoDollars(30)), (await _store.ReadAsync(august), await _store.ReadAsync(Key)));
    }

    [Fact]
    public async Task ManyCallsOfAnotherProcess_AreAllCounted_AlsoAfterAFailure()
    {
        Assert.Equal(PicoDollars.Zero, await _store.ReadAsync(Key));
        foreach (var _ in Enumerable.Range(0, 2500))
        {
            Begin(1);
        }

        _ledger.IsFailing = true;
        await Assert.ThrowsAsync<LedgerException>(() => _reconciler.ReconcileAsync(Cancel));
        _ledger.IsFailing = false;
        _time.Advance(TimeSpan.FromHours(3));
        await _reconciler.ReconcileAsync(Cancel);

        Assert.Equal(new PicoDollars(2500), await _store.ReadAsync(Key));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task LateBillOfAnUnresolvableRow_IsCounted(bool isReservedHere)
    {
        var id = await OpenAsync(100, isReservedHere);
        _ledger.GiveUp(id);
        _time.Advance(TimeSpan.FromMinutes(5));
        await _reconciler.ReconcileAsync(Cancel);
        Assert.Equal(new PicoDollars(100), await _store.ReadAsync(Key));

        _ledger.Close(id, 30);
        await _reconciler.ReconcileAsync(Cancel);

        Assert.Equal(new PicoDollars(30), await _store.ReadAsync(Key));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task UnresolvableRow_CountsForTheHold_AndALateBillIsAddedAfterIt(bool isReservedHere)
    {
        var id = await OpenAsync(100, isReservedHere);
        _time.Advance(TimeSpan.FromMinutes(30));
        _ledger.GiveUp(id, _time.GetUtcNow());
        await _reconciler.ReconcileAsync(Cancel);
        Assert.Equal(new PicoDollars(100), await _store.ReadAsync(Key));

        _time.Advance(TestTerms.Hold);
        await _reconciler.ReconcileAsync(Cancel);
        Assert.Equal(new PicoDollars(100), await _store.ReadAsync(Key));

        _time.Advance(TimeSpan.FromMilliseconds(1));
        await _reconciler.ReconcileAsync(Cancel);
        Assert.Empty(_store.ReadOpen(DateTimeOffset.MaxValue));
        Assert.Equal(PicoDollars.Zero, await _store.ReadAsync(Key));

        // A process that starts now seeds the same.
        var seeded = await LimitStores.SeedAsync(_ledger, _terms, Key, _time.GetUtcNow());
        Assert.Equal((PicoDollars.Zero, 0), (seeded.Charged, seeded.Open.Count));

        await _store.SettleAsync(Key, id, new PicoDollars(100), new PicoDollars(30), isCounted: true);
        await _store.SettleAsync(Key, id, new PicoDollars(100), new PicoDollars(30), isCounted: true);
        Assert.Equal(new PicoDollars(30), await _store.ReadAsync(Key));
    }

    [Fact]
    public async Task RowThatIsWrittenOff_CountsNothing()
    {
        var id = await OpenAsync(100, isReservedHere: true);
        _ledger.GiveUp(id, _time.GetUtcNow());
        _ledger.Close(id, 0);
        _time.Advance(TimeSpan.FromMinutes(3));

        await _reconciler.ReconcileAsync(Cancel);

        Assert.Equal(PicoDollars.Zero, await _store.ReadAsync(Key));
    }

    [Fact]
    public async Task RowOfARefusedCall_HoldsWhatItsRowSays()
    {
        var id = await OpenAsync(100, isReservedHere: false);
        _ledger.Hold(id, 0);
        _time.Advance(TimeSpan.FromMinutes(3));

        await _reconciler.ReconcileAsync(Cancel);
        Assert.Equal(PicoDollars.Zero, await _store.ReadAsync(Key));

        await _store.SettleAsync(Key, id, new PicoDollars(100), new PicoDollars(7), isCounted: true);
        Assert.Equal(new PicoDollars(7), await _store.ReadAsync(Key));
    }

    [Fact]
    public async Task RowThatTheRetentionRemoved_CountsNothing()
    {
        var id = await OpenAsync(100, isReservedHere: true);
        _ledger.Remove(id);
        _time.Advance(ClosedReservations.LongestQueue + TimeSpan.FromMilliseconds(1));

        await _reconciler.ReconcileAsync(Cancel);

        Assert.Equal(PicoDollars.Zero, await _store.ReadAsync(Key));
    }

    [Fact]
    public async Task TwoProcesses_AgreeWithTheLedgerAfterAnyInterleaving()
    {
        for (var seed = 0; seed < 300; seed++)
        {
            await RunTwoProcessesAsync(new TestRandom((ulong)seed), seed);
        }
    }

    private async Task RunTwoProcessesAsync(TestRandom random, int seed)
    {
        var ledger = new FakeLedger();

        // Longer than the test runs: another process does not add a bill that is later than the hold.
        var terms = TestTerms.Create(_time, TimeSpan.FromDays(1));
        Guid[] nodes = [Guid.NewGuid(), Guid.NewGuid()];
        var views = nodes.Select(ledger.AsNode).ToArray();
        var stores = views.Select(view => new MemoryBudgetStore(
            (key, recent) => LimitStores.SeedAsync(view, terms, key, recent), _time)).ToArray();
        var reconcilers = views.Zip(stores, (view, store) => new MemoryBudgetReconciler(
            store, view, terms, new WorkerHealth(), _time, NullLogger<MemoryBudgetReconciler>.Instance)).ToArray();
        var key = BudgetKey.At("a", BudgetPeriod.Total, _time.GetUtcNow());
        string[] labels = ["ci", "laptop"];
        BudgetKey[] keys = [key, .. labels.Select(label => key with { KeyLabel = label })];
        var running = new List<(Guid Id, int Node, long Reserved, BudgetKey Own)>();
        var queued = new Queue<(DateTimeOffset At, Action Write)>();

        // Entries reach the ledger in order; some wait for minutes.
        void Write(Action write)
        {
            queued.Enqueue((_time.GetUtcNow(), write));
            if (random.Next(3) > 0)
            {
                Flush(DateTimeOffset.MaxValue);
            }
        }

        void Flush(DateTimeOffset before)
        {
            while (queued.TryPeek(out var entry) && entry.At <= before)
            {
                queued.Dequeue().Write();
            }
        }

        for (var step = 0; step < 60; step++)
        {
            var node = random.Next(2);
            switch (random.Next(6))
            {
                case 0 or 1:
                    var (id, reserved, startedAt) = (Guid.CreateVersion7(_time.GetUtcNow()), 1 + random.Next(99), _time.GetUtcNow());
                    var own = keys[1 + random.Next(labels.Length)];
                    foreach (var budget in (BudgetKey[])[key, own])
                    {
                        Assert.True((await stores[node].ReserveAsync(budget, new PicoDollars(1_000_000), id, new PicoDollars(reserved))).IsGranted);
                    }

                    running.Add((id, node, reserved, own));
                    Write(() => ledger.Begin(id, "a", startedAt, reserved, node: nodes[node], keyLabel: own.KeyLabel!));
                    break;
                case 2 when running.Count > 0:
                    var call = running[random.Next(running.Count)];
                    running.Remove(call);
                    var charge = random.Next(120);

                    // Either process learns the bill. An adopted row is unresolvable until its own process reports it.
                    var settling = random.Next(2);
                    if (settling == call.Node && random.Next(3) == 0)
                    {
                        Write(() => ledger.GiveUp(call.Id));
                    }

                    await BudgetSettlement.SettleAsync(
                        stores[settling],
                        call.Id,
                        new PicoDollars(call.Reserved),
                        new BudgetCharge(key, new PicoDollars(charge), IsCounted: true),
                        new BudgetCharge(call.Own, new PicoDollars(charge), IsCounted: true));
                    Write(() => ledger.Close(call.Id, charge));
                    break;
                case 3:
                    await reconcilers[node].ReconcileAsync(Cancel);
                    break;
                case 4:
                    _time.Advance(TimeSpan.FromSeconds(1 + random.Next(199)));
                    Flush(_time.GetUtcNow() - (MemoryBudgetStore.Lateness / 2));
                    break;
                case 5:
                    await stores[node].ReadAsync(keys[random.Next(keys.Length)]);
                    break;
                default:
                    break;
            }
        }

        Flush(DateTimeOffset.MaxValue);
        _time.Advance(MemoryBudgetReconciler.Age + TimeSpan.FromSeconds(1));
        foreach (var index in (int[])[0, 1])
        {
            await reconcilers[index].ReconcileAsync(Cancel);
            foreach (var budget in keys)
            {
                var expected = (await ledger.ReadChargesAsync(
                    "a", budget.KeyLabel, DateTimeOffset.MinValue, DateTimeOffset.MaxValue, DateTimeOffset.MinValue, Cancel)).Charged;
                Assert.True(expected == await stores[index].ReadAsync(budget), $"Seed {seed}, process {index}, key {budget.KeyLabel}");
            }

            reconcilers[index].Dispose();
        }
    }

    /// <summary>Another process begins a call.</summary>
    private Guid Begin(long reserved, string team = "a")
    {
        var id = Guid.CreateVersion7(_time.GetUtcNow());
        _ledger.Begin(id, team, _time.GetUtcNow(), reserved, node: Other);
        return id;
    }

    private async Task<Guid> OpenAsync(long reserved, bool isReservedHere)
    {
        var id = Guid.CreateVersion7(_time.GetUtcNow());
        if (isReservedHere)
        {
            await _store.ReserveAsync(Key, Limit, id, new PicoDollars(reserved));
            _ledger.Begin(id, "a", _time.GetUtcNow(), reserved);
        }
        else
        {
            _ledger.Begin(id, "a", _time.GetUtcNow(), reserved);
            Assert.Equal(new PicoDollars(reserved), await _store.ReadAsync(Key));
        }

        return id;
    }
}
