using Gateway.Limits;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Gateway.Tests.Gateway.Limits;

/// <summary>The promises of <see cref="BudgetStoreTests"/> in memory, and those about the moment at which a counter is made.</summary>
public sealed class MemoryBudgetStoreTests : BudgetStoreTests
{
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 8, 15, 12, 0, 0, TimeSpan.Zero));

    private protected override DateTimeOffset Now => _time.GetUtcNow();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task SettledWhileTheCounterIsMade_IsCountedAtItsCharge(bool isClosedInTime)
    {
        var id = Guid.CreateVersion7();
        Ledger.Begin(id, "a", Now, 100);
        var gate = new TaskCompletionSource();
        Ledger.Gate = gate.Task;
        var reserving = ReserveAsync(Guid.CreateVersion7(), 10, 1000);
        Assert.True(await SettleAsync(id, 100, 30));
        Assert.True(await SettleAsync(id, 100, 30));
        if (isClosedInTime)
        {
            Ledger.Close(id, 30);
        }

        gate.SetResult();

        Assert.Equal(new BudgetResult(true, Pico(40)), await reserving);
        await SettleAsync(id, 100, 30, isCounted: false);
        Assert.Equal(Pico(40), await Store.ReadAsync(Key));
    }

    [Fact]
    public async Task SettledBeforeAnybodyReserves_AsksNobody()
    {
        var id = Guid.CreateVersion7();
        Ledger.Begin(id, "a", Now, 100);
        await SettleAsync(id, 100, 30);
        Assert.Equal(0, Ledger.ChargeQueries);

        // The ledger is told behind the budget, so it still has the row open.
        Assert.Equal(new BudgetResult(true, Pico(35)), await ReserveAsync(Guid.CreateVersion7(), 5, 100));
    }

    [Fact]
    public async Task PeriodsThatAreOver_AreDropped()
    {
        var key = Key;
        var id = Guid.CreateVersion7();
        await ReserveAsync(id, 10, 100);
        _time.Advance(TimeSpan.FromDays(40));

        await ReserveAsync(Guid.CreateVersion7(), 10, 100);

        Assert.Equal(1, ((MemoryBudgetStore)Store).CounterCount);
        Assert.True(await Store.SettleAsync(key, id, Pico(10), Pico(5), isCounted: true));
        Assert.Equal(1, ((MemoryBudgetStore)Store).CounterCount);
    }

    [Fact]
    public async Task RequestOfTheLastMoment_IsSettledInItsPeriod()
    {
        var key = Key;
        var id = Guid.CreateVersion7();
        await ReserveAsync(id, 10, 100);
        _time.SetUtcNow(key.End!.Value.AddMinutes(5));
        await ReserveAsync(Guid.CreateVersion7(), 20, 100);

        await Store.SettleAsync(key, id, Pico(10), Pico(5), isCounted: true);

        Assert.Equal(Pico(5), await Store.ReadAsync(key));
        Assert.Equal(Pico(20), await Store.ReadAsync(Key));
    }

    [Fact]
    public async Task CallThatOutlivesItsPeriod_IsSettledInItsCounter()
    {
        var key = Key;
        var id = Guid.CreateVersion7();
        await ReserveAsync(id, 10, 100);
        _time.Advance(TimeSpan.FromDays(40));

        Assert.True(await Store.SettleAsync(key, id, Pico(10), Pico(5), isCounted: true));

        Assert.Equal(Pico(5), await Store.ReadAsync(key));
    }

    [Fact]
    public async Task ForgottenCounter_IsSeededFromTheLedgerAgain()
    {
        await ReserveAsync(Guid.CreateVersion7(), 10, 100);
        Ledger.Begin(Guid.CreateVersion7(), "a", Now, 70);

        Store.Forget(Key);

        Assert.Equal(Pico(70), await Store.ReadAsync(Key));
        Assert.False((await ReserveAsync(Guid.CreateVersion7(), 31, 100)).IsGranted);
    }

    [Fact]
    public async Task Reservation_IsClosedByTheReconcilerOnce()
    {
        var store = (MemoryBudgetStore)Store;
        var id = Guid.CreateVersion7();
        var change = new ClosedReservations.Change(id, Pico(5), IsOpen: false, IsExpired: false);
        Assert.False(store.TryChange(Key, change));
        await ReserveAsync(id, 10, 100);

        Assert.True(store.TryChange(Key, change));
        Assert.False(store.TryChange(Key, change with { Charge = Pico(6) }));

        Assert.Equal(Pico(5), await store.ReadAsync(Key));
    }

    [Fact]
    public async Task SlowLedger_HoldsARequestForABoundedTime()
    {
        Ledger.Gate = new TaskCompletionSource().Task;
        var reserving = ReserveAsync(Guid.CreateVersion7(), 1, 10).AsTask();

        await Support.Eventually.InStepsAsync(
            () =>
            {
                _time.Advance(MemoryBudgetStore.SeedTimeout);
                return Task.FromResult(reserving.IsCompleted);
            },
            "the bound");
        var fault = await Assert.ThrowsAsync<LimitStoreException>(() => reserving);

        // The log has the message only.
        Assert.EndsWith($": {fault.InnerException!.Message}", fault.Message, StringComparison.Ordinal);
        Assert.IsType<TimeoutException>(fault.InnerException);
    }

    private protected override IBudgetStore Create() =>
        new MemoryBudgetStore((key, recent) => Ledger.ReadChargesAsync(key.Team, key.KeyLabel, key.Start, recent, DateTimeOffset.MinValue, CancellationToken.None), _time);

    private protected override IBudgetStore SecondNode() => Store;
}
