using Gateway.Limits;
using Gateway.Teams;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Gateway.Tests.Gateway.Limits;

/// <summary>The promises of <see cref="LimitStoreTests"/> in memory, and that memory is bounded.</summary>
public sealed class MemoryLimitStoreTests : LimitStoreTests
{
    private readonly FakeTimeProvider _time = new();

    [Fact]
    public async Task IdleHolders_AreDroppedWhenFullAgain()
    {
        var store = new MemoryLimitStore(_time);
        var held = await TakeFromAsync(store, 0, new LimitScope("team:held", null, null, null));
        for (var i = 0; i < 1000; i++)
        {
            await (await TakeFromAsync(store, 10, new LimitScope($"team:{i}", 10, 1000, 1))).Lease!.ReturnAsync(10);
        }

        await (await TakeFromAsync(store, 1000, new LimitScope("team:owes", null, 1000, null))).Lease!.ReturnAsync(5000);
        Assert.Equal(1002, store.HolderCount);

        _time.Advance(TimeSpan.FromMinutes(2));
        await TakeFromAsync(store, 0, new LimitScope("team:new", null, null, null));
        Assert.Equal(3, store.HolderCount);

        // The store has not forgotten the request in flight and the owed tokens.
        Assert.Null((await TakeFromAsync(store, 1000, new LimitScope("team:owes", null, 1000, null))).Lease);
        Assert.Equal(
            LimitKind.Concurrency, (await TakeFromAsync(store, 0, new LimitScope("team:held", null, null, 1))).RefusedBy);
        await held.Lease!.ReturnAsync(null);
        Assert.NotNull((await TakeFromAsync(store, 0, new LimitScope("team:held", null, null, 1))).Lease);
    }

    [Fact]
    public async Task TokensOfTheWholeRun_AreAtMostTheLimitAndTheRefill()
    {
        var random = new Support.TestRandom(42);
        var scope = new LimitScope("team:a", null, 6000, null);
        var open = new Queue<(ILimitLease Lease, long Truth)>();
        long used = 0;
        for (var i = 0; i < 20_000; i++)
        {
            _time.Advance(TimeSpan.FromMilliseconds(random.Next(400)));
            if ((await TakeAsync(500, scope)).Lease is { } lease)
            {
                // Never more than the estimate, so that there is no debt.
                open.Enqueue((lease, random.Next(501)));
            }

            while (open.Count > 10 || (open.Count > 0 && random.Next(2) == 0))
            {
                var (over, truth) = open.Dequeue();
                await over.ReturnAsync(truth);
                used += truth;
            }
        }

        var elapsed = (_time.GetUtcNow() - new FakeTimeProvider().GetUtcNow()).TotalMinutes;
        Assert.InRange(used, 6000 * elapsed * 0.9, 6000 + (6000 * elapsed));
    }

    [Fact]
    public async Task Holders_AreKnownByTheirNamesAsWritten()
    {
        var store = new MemoryLimitStore(_time);

        Assert.NotNull((await TakeFromAsync(store, 0, new LimitScope("team:a", 1, null, null))).Lease);
        Assert.NotNull((await TakeFromAsync(store, 0, new LimitScope("team:A", 1, null, null))).Lease);
        Assert.Null((await TakeFromAsync(store, 0, new LimitScope("team:a", 1, null, null))).Lease);
    }

    [Theory]
    [InlineData(0, 0L, 100)]
    [InlineData(10, 0L, 100)]
    [InlineData(10, -5L, 100)]
    [InlineData(10, 1L, 99)]
    [InlineData(10, null, 90)]
    public async Task UsedTokens_ReplaceTheEstimate(int estimate, long? used, int remaining)
    {
        var store = new MemoryLimitStore(_time);
        var scope = new LimitScope("team:a", null, 100, null);
        var taken = await TakeFromAsync(store, estimate, scope);
        Assert.Equal(100 - estimate, taken.Tokens!.Value.Remaining);

        await taken.Lease!.ReturnAsync(used);

        Assert.Equal(remaining, (await TakeFromAsync(store, 0, scope)).Tokens!.Value.Remaining);
    }

    private protected override ILimitStore Create() => new MemoryLimitStore(_time);

    private protected override Task<TimeSpan> NowAsync() => Task.FromResult(_time.GetUtcNow() - DateTimeOffset.UnixEpoch);

    private protected override Task PassAsync(TimeSpan time)
    {
        _time.Advance(time);
        return Task.CompletedTask;
    }

    private protected override Task DrainAsync(string holder, TimeSpan time) => PassAsync(time);
}
