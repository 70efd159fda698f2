using System.Threading.Tasks.Sources;

namespace Gateway.Metering;

/// <summary>
/// A stream whose reader waits until it is fed, and then runs on within the call that fed it: so a decoder, which can only pull, is
/// pushed without a thread or a buffer of its own.
/// </summary>
internal sealed class PushedStream : Stream, IValueTaskSource<int>
{
    private ManualResetValueTaskSourceCore<int> _source;
    private Memory<byte> _wanted;
    private bool _hasEnded;

    /// <summary>Whether somebody waits to be fed.</summary>
    public bool IsWaiting { get; private set; }

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Hands as many bytes as are wanted to whoever waits, lets it run, and returns how many these were.</summary>
    public int Feed(ReadOnlySpan<byte> bytes)
    {
        var count = Math.Min(bytes.Length, _wanted.Length);
        bytes[..count].CopyTo(_wanted.Span);
        Complete(count);
        return count;
    }

    /// <summary>Tells whoever waits, and whoever asks later, that nothing more comes.</summary>
    public void End()
    {
        _hasEnded = true;
        if (IsWaiting)
        {
            Complete(0);
        }
    }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_hasEnded || buffer.IsEmpty)
        {
            return new(0);
        }

        _source.Reset();
        _wanted = buffer;
        IsWaiting = true;
        return new(this, _source.Version);
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    int IValueTaskSource<int>.GetResult(short token) => _source.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<int>.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource<int>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);

    private void Complete(int count)
    {
        IsWaiting = false;
        _wanted = default;

        // A context that this thread may have would take the reader elsewhere.
        var context = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        try
        {
            _source.SetResult(count);
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(context);
        }
    }
}
