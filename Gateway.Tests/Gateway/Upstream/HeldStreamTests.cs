using Gateway.Tests.Support;
using Gateway.Upstream;
using Xunit;

namespace Gateway.Tests.Gateway.Upstream;

/// <summary>Promise: bytes that arrive while the time to hold ends are held, in either order.</summary>
public sealed class HeldStreamTests
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(3);

    [Fact]
    public async Task ReadThatCompletesWhileTheTimeEnds_IsHeld()
    {
        var inner = new OneRead();
        await using var held = new HeldStream(inner, timers: null);

        Assert.True(await held.TryHoldMoreAsync(Limit, new EndingTime(() => inner.Next.SetResult(1)), CancellationToken.None));

        Assert.Equal(1, held.Held.Length);
    }

    [Fact]
    public async Task ReadThatFailsWhileTheTimeEnds_FailsAsItself()
    {
        var inner = new OneRead();
        await using var held = new HeldStream(inner, timers: null);

        await Assert.ThrowsAsync<IOException>(async () =>
            await held.TryHoldMoreAsync(Limit, new EndingTime(() => inner.Next.SetException(new IOException())), CancellationToken.None));
    }

    [Fact]
    public async Task ReadThatIsCancelledWhenTheTimeEnds_FailsAsItself()
    {
        using var source = new CancellationTokenSource();
        var inner = new OneRead();
        await using var held = new HeldStream(inner, timers: null);
        var holding = held.TryHoldMoreAsync(Limit, new EndingTime(source.Cancel), source.Token).AsTask();
        inner.Next.SetCanceled(source.Token);

        await Assert.ThrowsAsync<TaskCanceledException>(() => holding.GuardAsync());
    }

    [Fact]
    public async Task ReadThatOutlastsTheTime_GoesToTheReader()
    {
        var inner = new OneRead();
        await using var held = new HeldStream(inner, timers: null);

        Assert.False(await held.TryHoldMoreAsync(Limit, new EndingTime(static () => { }), CancellationToken.None));
        inner.Next.SetResult(1);

        Assert.Equal(1, await held.ReadAsync(new byte[8], TestContext.Current.CancellationToken));
    }

    /// <summary>A stream of a single read, which the test completes.</summary>
    private sealed class OneRead : MemoryStream
    {
        public TaskCompletionSource<int> Next { get; } = new();

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => new(Next.Task);
    }

    /// <summary>A clock whose timers fire as they are created. The action that follows has no part in the decision that the time is over.</summary>
    private sealed class EndingTime(Action then) : TimeProvider
    {
        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            callback(state);
            then();
            return System.CreateTimer(static _ => { }, null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }
}
