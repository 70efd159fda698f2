using System.Runtime.CompilerServices;
using OpenRouterGateway.Transforms.RequestBody;

namespace Gateway.Metering;

/// <summary>Passes the bytes and the end of a stream to an observer before the reader of the stream receives them.</summary>
internal sealed class ObservedStream(Stream inner, IResponseObserver observer) : AsyncReadStream
{
    private bool _hasEnded;

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var read = inner.ReadAsync(buffer, cancellationToken);
        if (!read.IsCompletedSuccessfully)
        {
            return AwaitReadAsync(read, buffer);
        }

        var count = read.Result;
        var observed = ObserveAsync(buffer, count);
        if (!observed.IsCompletedSuccessfully)
        {
            return AwaitObserverAsync(observed, count);
        }

        observed.GetAwaiter().GetResult();
        return new(count);
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            inner.Dispose();
        }

        base.Dispose(disposing);
    }

    // Runs once per event of a stream, so its state machine is pooled.
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<int> AwaitReadAsync(ValueTask<int> read, Memory<byte> buffer)
    {
        var count = await read;
        await ObserveAsync(buffer, count);
        return count;
    }

    private static async ValueTask<int> AwaitObserverAsync(ValueTask observed, int count)
    {
        await observed;
        return count;
    }

    private ValueTask ObserveAsync(Memory<byte> buffer, int count)
    {
        if (count > 0)
        {
            return observer.ObserveAsync(buffer[..count]);
        }

        // A read into an empty buffer waits for data and returns zero. It is not the end.
        if (buffer.IsEmpty || _hasEnded)
        {
            return default;
        }

        _hasEnded = true;
        return observer.EndAsync();
    }
}
