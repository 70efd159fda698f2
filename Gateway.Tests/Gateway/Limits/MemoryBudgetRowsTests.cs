using Gateway.Billing;
using Gateway.Ledger;
using Gateway.Limits;
using Gateway.Primitives;
using Gateway.Tests.Gateway.Configuration;
using Gateway.Workers;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Gateway.Tests.Gateway.Limits;

/// <summary>Promise: each row that another process has begun is added once, to the counters of its team and of its period.</summary>
public sealed class MemoryBudgetRowsTests : IAsyncDisposable
{
    private static readonly DateTimeOffset Start = new(2026, 8, 15, 12, 0, 0, TimeSpan.Zero);
    private static readonly Guid Other = new("11111111-1111-1111-1111-111111111111");

    private readonly FakeTimeProvider _time = new(Start);
    private readonly FakeLedger _ledger = new();
    private readonly BudgetTerms _terms;
    private readonly MemoryBudgetStore _store;

    public MemoryBudgetRowsTests()
    {
        _terms = TestTerms.Create(_time);
        _store = new MemoryBudgetStore((key, recent) => LimitStores.SeedAsync(_ledger, _terms, key, recent), _time);
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync() => _ledger.DisposeAsync();

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public async Task Rows_AreCountedOnceHoweverFew(int count)
    {
        var key = await SeedAsync(BudgetPeriod.Month);
        RowCharge[] rows = [.. Enumerable.Range(0, count).Select(_ => Row("a", Start))];

        Assert.Equal(0, _store.AddBegun([], AsIs));
        Assert.Equal(count, _store.AddBegun(rows, AsIs));
        Assert.Equal(0, _store.AddBegun(rows, AsIs));

        Assert.Equal(new PicoDollars(7 * count), await _store.ReadAsync(key));
    }

    [Fact]
    public async Task RowOfAnotherTeam_IsNotCounted()
    {
        var key = await SeedAsync(BudgetPeriod.Month);

        Assert.Equal(0, _store.AddBegun([Row("b", Start), Row("A", Start)], AsIs));

        Assert.Equal(PicoDollars.Zero, await _store.ReadAsync(key));
    }

    [Fact]
    public async Task Row_CountsInThePeriodInWhichItsRequestArrived()
    {
        var day = await SeedAsync(BudgetPeriod.Day);
        var total = await SeedAsync(BudgetPeriod.Total);
        var millisecond = TimeSpan.FromMilliseconds(1);

        _store.AddBegun(
        [
            Row("a", day.Start - millisecond), Row("a", day.Start), Row("a", day.End!.Value - millisecond), Row("a", day.End.Value),
        ], AsIs);

        Assert.Equal(new PicoDollars(2 * 7), await _store.ReadAsync(day));
        Assert.Equal(new PicoDollars(4 * 7), await _store.ReadAsync(total));
    }

    [Fact]
    public async Task RowOlderThanTheSeedReadsAgain_IsNotAddedTwice()
    {
        var old = new RowCharge(
            Guid.CreateVersion7(Start - MemoryBudgetStore.Lateness - TimeSpan.FromMinutes(1)), "a", Start, IsOpen: true, new PicoDollars(7));
        _ledger.Begin(old.Id, "a", Start, 7, node: Other);
        var key = await SeedAsync(BudgetPeriod.Month);

        Assert.Equal(0, _store.AddBegun([old], AsIs));

        Assert.Equal(new PicoDollars(7), await _store.ReadAsync(key));
    }

    [Fact]
    public async Task OldRowWithoutAReservation_IsSettledOnce()
    {
        var id = Guid.CreateVersion7(Start - TimeSpan.FromHours(2));
        _ledger.Begin(id, "a", Start - TimeSpan.FromHours(2), 50, isCounted: false);
        var key = await SeedAsync(BudgetPeriod.Month);

        await _store.SettleAsync(key, id, new PicoDollars(50), new PicoDollars(20), isCounted: false);
        await _store.SettleAsync(key, id, new PicoDollars(50), new PicoDollars(20), isCounted: false);

        Assert.Equal(new PicoDollars(20), await _store.ReadAsync(key));
    }

    [Fact]
    public async Task FirstUnreadRow_IsTheLowestOfAllCountersAndMovesWithEachRound()
    {
        Assert.Null(_store.FirstUnread());
        await SeedAsync(BudgetPeriod.Day);
        _time.Advance(TimeSpan.FromHours(1));
        await SeedAsync(BudgetPeriod.Week);
        Assert.Equal(LedgerKeys.FirstAt(Start - MemoryBudgetStore.Lateness), _store.FirstUnread());

        _store.MarkRead(_time.GetUtcNow());
        Assert.Equal(LedgerKeys.FirstAt(_time.GetUtcNow() - MemoryBudgetStore.Lateness), _store.FirstUnread());

        // A round that began earlier moves nothing back.
        _store.MarkRead(Start);
        Assert.Equal(LedgerKeys.FirstAt(_time.GetUtcNow() - MemoryBudgetStore.Lateness), _store.FirstUnread());
    }

    [Fact]
    public async Task Counter_IsDroppedAfterItsGrace()
    {
        var day = await SeedAsync(BudgetPeriod.Day);
        var grace = TimeSpan.FromHours(1);
        _time.SetUtcNow(day.End!.Value + grace - TimeSpan.FromTicks(1));
        await SeedAsync(BudgetPeriod.Day);
        Assert.Equal(2, _store.CounterCount);

        _time.SetUtcNow(day.End.Value + grace);
        await SeedAsync(BudgetPeriod.Week);
        Assert.Equal(2, _store.CounterCount);
    }

    [Fact]
    public async Task Round_LogsWhatItCorrected()
    {
        var logs = new ListLogger<MemoryBudgetReconciler>();
        using var reconciler = new MemoryBudgetReconciler(_store, _ledger, _terms, new WorkerHealth(), _time, logs);
        await reconciler.ReconcileAsync(Cancel);
        var key = await SeedAsync(BudgetPeriod.Month);
        await reconciler.ReconcileAsync(Cancel);
        Assert.Empty(logs.At(LogLevel.Information));

        var id = Guid.CreateVersion7(_time.GetUtcNow());
        _ledger.Begin(id, "a", _time.GetUtcNow(), 100, node: Other);
        await reconciler.ReconcileAsync(Cancel);
        Assert.Contains(" 1 calls of other processes added, 0 reservations changed", Assert.Single(logs.At(LogLevel.Information)), StringComparison.Ordinal);
        Assert.Equal(new PicoDollars(100), await _store.ReadAsync(key));

        _ledger.Close(id, 30);
        _time.Advance(MemoryBudgetReconciler.Age + TimeSpan.FromMilliseconds(1));
        await reconciler.ReconcileAsync(Cancel);
        Assert.Contains(" 0 calls of other processes added, 1 reservations changed", logs.At(LogLevel.Information)[1], StringComparison.Ordinal);
        Assert.Equal(new PicoDollars(30), await _store.ReadAsync(key));
        Assert.Equal(LedgerKeys.FirstAt(_time.GetUtcNow() - MemoryBudgetStore.Lateness), _store.FirstUnread());
    }

    private static RowCharge AsIs(BudgetKey key, RowCharge row) => row;

    private RowCharge Row(string team, DateTimeOffset startedAt) =>
        new(Guid.CreateVersion7(_time.GetUtcNow()), team, startedAt, IsOpen: true, new PicoDollars(7));

    private async Task<BudgetKey> SeedAsync(BudgetPeriod period)
    {
        var key = BudgetKey.At("a", period, _time.GetUtcNow());
        await _store.ReadAsync(key);
        return key;
    }
}
