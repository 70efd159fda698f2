using System.Runtime.CompilerServices;

namespace Gateway.Metering;

/// <summary>Passes the bytes and the end of a stream to an observer before the reader of the stream receives them.</summary>
internal sealed class ObservedStream(Stream inner, IResponseObserver observer) : Stream
{
    private bool _hasEnded;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

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

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush() => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

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
