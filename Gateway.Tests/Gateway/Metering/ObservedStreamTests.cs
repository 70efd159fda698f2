using System.IO.Pipelines;
using Gateway.Billing;
using Gateway.Metering;
using Gateway.Requests;
using Gateway.Tests.Support;
using Gateway.Upstream;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Gateway.Tests.Gateway.Metering;

/// <summary>An observer sees bytes and end before the reader does, and holds them up as long as it takes.</summary>
public sealed class ObservedStreamTests
{
    [Fact]
    public async Task Bytes_AreShownBeforeTheyAreRead()
    {
        var observer = new Observer();
        await using var stream = new ObservedStream(new MemoryStream([1, 2, 3]), observer);

        Assert.Equal(0, await stream.ReadAsync(Memory<byte>.Empty, TestContext.Current.CancellationToken));
        Assert.Empty(observer.Seen);
        Assert.Equal(2, await stream.ReadAsync(new byte[2], TestContext.Current.CancellationToken));
        Assert.Equal([1, 2], observer.Seen);
        Assert.Equal(1, await stream.ReadAsync(new byte[2], TestContext.Current.CancellationToken));
        Assert.Equal(0, observer.Ends);
        Assert.Equal(0, await stream.ReadAsync(new byte[2], TestContext.Current.CancellationToken));
        Assert.Equal(0, await stream.ReadAsync(new byte[2], TestContext.Current.CancellationToken));
        Assert.Equal([1, 2, 3], observer.Seen);
        Assert.Equal(1, observer.Ends);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Reader_WaitsForTheObserver(bool isLate)
    {
        var pipe = new Pipe();
        var observer = new Observer { Gate = new TaskCompletionSource() };
        await using var stream = new ObservedStream(pipe.Reader.AsStream(), observer);
        if (!isLate)
        {
            await pipe.Writer.WriteAsync(new byte[] { 7 }, TestContext.Current.CancellationToken);
        }

        var read = stream.ReadAsync(new byte[10], TestContext.Current.CancellationToken).AsTask();
        if (isLate)
        {
            Assert.Empty(observer.Seen);
            await pipe.Writer.WriteAsync(new byte[] { 7 }, TestContext.Current.CancellationToken);
        }

        await observer.Shown.Task;
        Assert.False(read.IsCompleted);
        observer.Gate.SetResult();
        Assert.Equal(1, await read);
    }

    [Fact]
    public async Task Failure_OfTheObserverReachesTheReader()
    {
        var observer = new Observer { Gate = new TaskCompletionSource() };
        observer.Gate.SetException(new InvalidOperationException("no store"));
        await using var stream = new ObservedStream(new MemoryStream([1]), observer);

        await Assert.ThrowsAsync<InvalidOperationException>(
            () => stream.ReadAsync(new byte[1], 0, 1, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Answer_ThatBreaksOffHasNoEnd()
    {
        var pipe = new Pipe();
        var observer = new Observer();
        await using var stream = new ObservedStream(pipe.Reader.AsStream(), observer);
        await pipe.Writer.CompleteAsync(new IOException("broken"));

        await Assert.ThrowsAsync<IOException>(() => stream.ReadAsync(new byte[1], 0, 1, TestContext.Current.CancellationToken));
        Assert.Equal(0, observer.Ends);
    }

    [Fact]
    public async Task BytesAtHand_CostNoMemory()
    {
        var buffer = new byte[64];
        await using var stream = new ObservedStream(new MemoryStream(new byte[1 << 20]), new Observer { Keeps = false });
        Assert.Equal(64, ReadNow());

        Assert.Equal(0, Allocations.Least(() =>
        {
            for (var i = 0; i < 1000; i++)
            {
                ReadNow();
            }
        }));

        int ReadNow()
        {
            var read = stream.ReadAsync(buffer, CancellationToken.None);
            return read.IsCompletedSuccessfully ? read.GetAwaiter().GetResult() : throw new InvalidOperationException("It had to wait.");
        }
    }

    [Fact]
    public async Task Content_ShowsWhatItsStreamHolds()
    {
        var observer = new Observer();
        var inner = new ByteArrayContent([1, 2, 3, 4]);
        using (var content = new ObservedContent(inner, observer))
        {
            await using var stream = await content.ReadAsStreamAsync(TestContext.Current.CancellationToken);
            using var copy = new MemoryStream();
            await stream.CopyToAsync(copy, TestContext.Current.CancellationToken);
            Assert.Equal([1, 2, 3, 4], copy.ToArray());
        }

        Assert.Equal([1, 2, 3, 4], observer.Seen);
        Assert.Equal(1, observer.Ends);
        await Assert.ThrowsAsync<ObjectDisposedException>(() => inner.ReadAsStreamAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task EventStream_NotesItsFirstByteBeforeTheObserverHoldsItUp()
    {
        var (context, time) = (Context(), new FakeTimeProvider());
        var observer = new Observer { Gate = new TaskCompletionSource() };
        var events = new EventStream(
            new MemoryStream("data: x\n\n"u8.ToArray()), Timers(time), context, time, endsWithConnection: true, isEncoded: false);
        await using var stream = new ObservedStream(events, observer);

        var firstByteAt = time.GetTimestamp();
        var read = stream.ReadAsync(new byte[100], TestContext.Current.CancellationToken).AsTask();
        time.Advance(TimeSpan.FromSeconds(5));
        Assert.False(read.IsCompleted);
        observer.Gate.SetResult();

        Assert.Equal(9, await read);
        Assert.Equal(firstByteAt, GatewayContext.Of(context).FirstByteAt);
        Assert.Equal(0, await stream.ReadAsync(new byte[100], TestContext.Current.CancellationToken));
        Assert.Equal(1, observer.Ends);
    }

    [Fact]
    public async Task EventStream_CutInAnEventHasNoEnd()
    {
        var context = Context();
        var observer = new Observer();
        var events = new EventStream(
            new MemoryStream("data: x\n"u8.ToArray()), Timers(TimeProvider.System), context, TimeProvider.System, endsWithConnection: true, isEncoded: false);
        await using var stream = new ObservedStream(events, observer);

        Assert.Equal(8, await stream.ReadAsync(new byte[100], TestContext.Current.CancellationToken));
        await Assert.ThrowsAsync<HttpIOException>(() => stream.ReadAsync(new byte[1], 0, 1, TestContext.Current.CancellationToken));
        Assert.Equal(0, observer.Ends);
        Assert.Equal(RequestEnd.UpstreamBroke, GatewayContext.Of(context).End);
    }

    private static AnswerTimers Timers(TimeProvider time) => new(null, TimeSpan.FromMinutes(1), null, time);

    private static DefaultHttpContext Context()
    {
        var context = new DefaultHttpContext();
        context.Features.Set(new GatewayContext { StartedAt = 0, Admission = default });
        return context;
    }

    private sealed class Observer : IResponseObserver
    {
        public List<byte> Seen { get; } = [];

        public int Ends { get; private set; }

        public bool Keeps { get; init; } = true;

        public TaskCompletionSource? Gate { get; init; }

        public TaskCompletionSource Shown { get; } = new();

        public ValueTask ObserveAsync(ReadOnlyMemory<byte> bytes)
        {
            if (Keeps)
            {
                Seen.AddRange(bytes.Span);
            }

            Shown.TrySetResult();
            return Gate is null ? default : new(Gate.Task);
        }

        public ValueTask EndAsync()
        {
            Ends++;
            return default;
        }
    }
}
