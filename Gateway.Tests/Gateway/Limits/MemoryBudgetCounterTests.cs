using Gateway.Billing;
using Gateway.Ledger;
using Gateway.Limits;
using Gateway.Primitives;
using Xunit;

namespace Gateway.Tests.Gateway.Limits;

/// <summary>Promise: what a counter remembers of calls that it does not reserve for has a bound, however many there are.</summary>
public sealed class MemoryBudgetCounterTests
{
    private const int Calls = MemoryBudgetCounter.MaxRemembered + (MemoryBudgetCounter.MaxRemembered / 4);

    private static readonly DateTimeOffset Now = new(2026, 8, 15, 12, 0, 0, TimeSpan.Zero);
    private static readonly PicoDollars One = new(1);

    [Fact]
    public void ChargesBeforeTheSeed_AreBounded()
    {
        var counter = new MemoryBudgetCounter();
        for (var i = 0; i < Calls; i++)
        {
            counter.Settle(Guid.NewGuid(), One, isCounted: true);
        }

        Assert.InRange(counter.RememberedCount, LedgerQueue.MaxKept, MemoryBudgetCounter.MaxRemembered);
    }

    [Fact]
    public async Task ChargesWithoutAReservation_AreBounded()
    {
        var counter = await SeededAsync([]);
        for (var i = 0; i < Calls; i++)
        {
            counter.Settle(Guid.NewGuid(), One, isCounted: false);
        }

        Assert.InRange(counter.RememberedCount, LedgerQueue.MaxKept, MemoryBudgetCounter.MaxRemembered);
        Assert.True(counter.TryRead(out var charged));
        Assert.Equal(new PicoDollars(Calls), charged);
    }

    [Fact]
    public async Task CallsThatDoNotCountAnyMore_AreBounded_AndTheLatestAreStillAdded()
    {
        var ids = Enumerable.Range(0, Calls).Select(static _ => Guid.NewGuid()).ToList();
        var counter = await SeededAsync(ids);

        Assert.InRange(counter.RememberedCount, LedgerQueue.MaxKept, MemoryBudgetCounter.MaxRemembered);
        counter.Settle(ids[^1], One, isCounted: true);
        counter.Settle(ids[^1], One, isCounted: true);
        Assert.True(counter.TryRead(out var charged));
        Assert.Equal(One, charged);
    }

    private static async Task<MemoryBudgetCounter> SeededAsync(IReadOnlyCollection<Guid> expired)
    {
        var counter = new MemoryBudgetCounter();
        await counter.SeedAsync(
            BudgetKey.At("a", BudgetPeriod.Total, Now),
            (_, _) => Task.FromResult(new TeamCharges(PicoDollars.Zero, new Dictionary<Guid, PicoDollars>(), []) { Expired = expired }),
            Now);
        return counter;
    }
}
