using System.Threading.Tasks.Sources;
using OpenRouterGateway.Transforms.RequestBody;

namespace Gateway.Metering;

/// <summary>
/// Adapts a pull-based decoder to pushed input, without a thread or a buffer. <see cref="Feed"/> completes the pending read and runs the
/// reader's continuation inline.
/// </summary>
internal sealed class PushedStream : AsyncReadStream, IValueTaskSource<int>
{
    private ManualResetValueTaskSourceCore<int> _source;
    private Memory<byte> _buffer;
    private bool _hasEnded;

    /// <summary>Whether a read is pending.</summary>
    public bool IsWaiting { get; private set; }

    /// <summary>Completes the pending read with as many bytes as fit its buffer, and runs its continuation.</summary>
    /// <returns>The number of consumed bytes.</returns>
    public int Feed(ReadOnlySpan<byte> bytes)
    {
        var count = Math.Min(bytes.Length, _buffer.Length);
        bytes[..count].CopyTo(_buffer.Span);
        Complete(count);
        return count;
    }

    /// <summary>Ends the stream. The pending read and every later read return zero.</summary>
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
        _buffer = buffer;
        IsWaiting = true;
        return new(this, _source.Version);
    }

    public override void Flush()
    {
    }

    int IValueTaskSource<int>.GetResult(short token) => _source.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<int>.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource<int>.OnCompleted(
        Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);

    private void Complete(int count)
    {
        IsWaiting = false;
        _buffer = default;

        // With a synchronization context the continuation would not run inline.
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
