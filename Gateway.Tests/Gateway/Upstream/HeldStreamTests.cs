using Gateway.Tests.Support;
using Gateway.Upstream;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Options;
using OpenRouterGateway.Transforms.ProviderMapping;
using OpenRouterGateway.Transforms.RequestBody;
using Xunit;

namespace Gateway.Tests.Gateway.Upstream;

/// <summary>
/// Promise: bytes that arrive while the time to hold ends are held, in either order, and what is held beyond the first 4 KB counts in the
/// memory of bodies.
/// </summary>
public sealed class HeldStreamTests : IDisposable
{
    private const int Kilobyte = 1024;

    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(3);

    private readonly RequestBodyMemory _memory;
    private readonly ResponseFeature _response = new();
    private int _capacity = 1024 * Kilobyte;

    public HeldStreamTests() => _memory = new RequestBodyMemory(() => _capacity, static () => 256, TimeProvider.System);

    public void Dispose() => _memory.Dispose();

    [Fact]
    public async Task ReadThatCompletesWhileTheTimeEnds_IsHeld()
    {
        var inner = new OneRead();
        await using var held = Hold(inner);

        Assert.True(await held.TryHoldMoreAsync(Limit, new EndingTime(() => inner.Next.SetResult(1)), CancellationToken.None));

        Assert.Equal(1, held.Held.Length);
    }

    [Fact]
    public async Task ReadThatFailsWhileTheTimeEnds_FailsAsItself()
    {
        var inner = new OneRead();
        await using var held = Hold(inner);

        await Assert.ThrowsAsync<IOException>(async () =>
            await held.TryHoldMoreAsync(Limit, new EndingTime(() => inner.Next.SetException(new IOException())), CancellationToken.None));
    }

    [Fact]
    public async Task ReadThatIsCancelledWhenTheTimeEnds_FailsAsItself()
    {
        using var source = new CancellationTokenSource();
        var inner = new OneRead();
        await using var held = Hold(inner);
        var holding = held.TryHoldMoreAsync(Limit, new EndingTime(source.Cancel), source.Token).AsTask();
        inner.Next.SetCanceled(source.Token);

        await Assert.ThrowsAsync<TaskCanceledException>(() => holding.GuardAsync());
    }

    [Fact]
    public async Task ReadThatOutlastsTheTime_GoesToTheReader()
    {
        var inner = new OneRead();
        await using var held = Hold(inner);

        Assert.False(await held.TryHoldMoreAsync(Limit, new EndingTime(static () => { }), CancellationToken.None));
        inner.Next.SetResult(1);

        Assert.Equal(1, await held.ReadAsync(new byte[8], TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task FirstBuffer_IsHeldWithoutRoom_AndTheRestPasses()
    {
        _capacity = 0;
        var bytes = Bytes(10 * Kilobyte);
        await using var held = Hold(new MemoryStream(bytes));

        Assert.True(await held.HoldAllAsync(Limit, TimeProvider.System, CancellationToken.None));

        Assert.Equal(4 * Kilobyte, held.Held.Length);
        Assert.Equal(bytes, await ReadAsync(held));
    }

    [Theory]
    [InlineData(4, 0)]
    [InlineData(64, 0)]
    [InlineData(65, 128)]
    [InlineData(129, 256)]
    public async Task BufferBeyondTheSmallOnes_IsReservedUntilItIsRead(int kilobytes, int reserved)
    {
        var bytes = Bytes(kilobytes * Kilobyte);
        await using var held = Hold(new MemoryStream(bytes));

        await HoldAsync(held, bytes.Length);

        Assert.Equal(reserved * Kilobyte, _memory.HeldBytes);
        Assert.Equal(bytes, await ReadAsync(held));
        Assert.Equal(0, _memory.HeldBytes);
    }

    /// <summary>Small buffers are counted together, up to a quarter of the memory; further ones need a reservation.</summary>
    [Fact]
    public async Task SmallBuffers_AreCountedTogether()
    {
        _capacity = 128 * Kilobyte;
        await using var first = Hold(new MemoryStream(Bytes(16 * Kilobyte)));
        await HoldAsync(first, 16 * Kilobyte);
        Assert.Equal(0, _memory.HeldBytes);

        await using var second = Hold(new MemoryStream(Bytes(16 * Kilobyte)));
        await HoldAsync(second, 16 * Kilobyte);
        Assert.Equal(16 * Kilobyte, _memory.HeldBytes);

        await first.DisposeAsync();
        await second.DisposeAsync();
        Assert.Equal(0, _memory.HeldBytes);
        await using var third = Hold(new MemoryStream(Bytes(16 * Kilobyte)));
        await HoldAsync(third, 16 * Kilobyte);
        Assert.Equal(0, _memory.HeldBytes);
    }

    [Fact]
    public async Task CopiesOfTheHeldBytes_AreCountedUntilTheEndOfTheRequest()
    {
        await using (var held = Hold(new MemoryStream(Bytes(100 * Kilobyte))))
        {
            await HoldAsync(held, 100 * Kilobyte);
            held.CountUntilTheEnd();
        }

        Assert.Equal(128 * Kilobyte, _memory.HeldBytes);
        await _response.CompleteAsync();
        Assert.Equal(0, _memory.HeldBytes);
    }

    private static byte[] Bytes(int count) => [.. Enumerable.Range(0, count).Select(static i => (byte)i)];

    private static async Task HoldAsync(HeldStream held, int count)
    {
        while (held.Held.Length < count)
        {
            Assert.True(held.TryMakeRoom());
            Assert.True(await held.TryHoldMoreAsync(Limit, TimeProvider.System, CancellationToken.None));
        }
    }

    private static async Task<byte[]> ReadAsync(HeldStream held)
    {
        using var all = new MemoryStream();
        await held.CopyToAsync(all, TestContext.Current.CancellationToken);
        return all.ToArray();
    }

    private HeldStream Hold(MemoryStream inner)
    {
        var context = new DefaultHttpContext();
        context.Features.Set<IHttpResponseFeature>(_response);
        var stream = new HeldStream(
            inner, timers: null, new ResponseMemory(_memory, Options.Create(new ProviderMappingOptions())), context);
        Assert.True(stream.TryMakeRoom());
        return stream;
    }

    /// <summary>A response whose end the test decides.</summary>
    private sealed class ResponseFeature : HttpResponseFeature
    {
        private readonly List<Func<Task>> _completed = [];

        public override void OnCompleted(Func<object, Task> callback, object state) => _completed.Add(() => callback(state));

        public async Task CompleteAsync()
        {
            foreach (var callback in _completed)
            {
                await callback();
            }
        }
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
