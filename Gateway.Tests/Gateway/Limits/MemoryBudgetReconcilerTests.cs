using Gateway.Billing;
using Gateway.Limits;
using Gateway.Primitives;
using Gateway.Tests.Support;
using Gateway.Workers;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Gateway.Tests.Gateway.Limits;

/// <summary>Promise: a reservation whose row was closed by another process does not stay in a memory budget's counter.</summary>
public sealed class MemoryBudgetReconcilerTests : IDisposable
{
    private static readonly PicoDollars Limit = new(1000);

    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 8, 15, 12, 0, 0, TimeSpan.Zero));
    private readonly FakeLedger _ledger = new();
    private readonly MemoryBudgetStore _store;
    private readonly MemoryBudgetReconciler _reconciler;

    public MemoryBudgetReconcilerTests()
    {
        _store = new MemoryBudgetStore(key => _ledger.ReadChargesAsync(key.Team, key.Start, CancellationToken.None), _time);
        _reconciler = new MemoryBudgetReconciler(_store, _ledger, new WorkerHealth(), _time, NullLogger<MemoryBudgetReconciler>.Instance);
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

        await Eventually.TrueAsync(
            async () =>
            {
                _time.Advance(MemoryBudgetReconciler.RoundPeriod);
                return await _store.ReadAsync(Key) == new PicoDollars(30);
            },
            "a round");
        await _reconciler.StopAsync(Cancel);
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
