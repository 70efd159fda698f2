using System.Buffers;
using OpenRouterGateway.Transforms.RequestBody;

namespace Gateway.Upstream;

/// <summary>
/// Reads the beginning of a response ahead of its reader, which then receives the same bytes from the beginning. Holds a bounded number of
/// bytes.
/// </summary>
/// <param name="inner">Upstream's stream.</param>
/// <param name="timers">The time limits of the response, which this stream owns and reads under; <see langword="null"/> for none.</param>
/// <param name="memory">Counts what is held.</param>
/// <param name="context">The request.</param>
/// <remarks>Not thread-safe. Nothing is held any more once the reader has begun to read.</remarks>
internal sealed class HeldStream(Stream inner, AnswerTimers? timers, ResponseMemory memory, HttpContext context) : AsyncReadStream
{
    /// <summary>The largest beginning that is held.</summary>
    public const int MaxSize = 64 * 1024;

    /// <summary>
    /// The largest beginning of an event stream that is held: the events that open a response repeat its instructions and tools.
    /// </summary>
    public const int MaxEventsSize = 1024 * 1024;

    /// <summary>
    /// The size of the first buffer, which is not counted: it is no larger than the buffers of the request's connections, and the decision
    /// about most responses needs no more.
    /// </summary>
    private const int FirstSize = 4 * 1024;

    private byte[]? _buffer;
    private int _start;
    private int _end;

    // A read into the free part of the buffer that has outlasted the time to hold.
    private Task<int>? _pending;

    // The failure that broke the response; its reader sees it behind the held bytes.
    private Exception? _failure;

    private ResponseMemory.Count _count;

    /// <summary>The bytes that are held.</summary>
    public ReadOnlyMemory<byte> Held => _buffer.AsMemory(_start, _end - _start);

    /// <summary>Whether they are the whole response.</summary>
    public bool IsWhole { get; private set; }

    /// <summary>Makes room for the bytes that arrive next.</summary>
    /// <returns>Whether there is room; if not, the memory of bodies is used up, and no more can be held.</returns>
    public bool TryMakeRoom()
    {
        if (_buffer is null)
        {
            _buffer = ArrayPool<byte>.Shared.Rent(FirstSize);
        }
        else if (_end == _buffer.Length)
        {
            if (!memory.TryCount(context, 2 * _buffer.Length, ref _count))
            {
                return false;
            }

            var larger = ArrayPool<byte>.Shared.Rent(2 * _buffer.Length);
            _buffer.AsSpan(0, _end).CopyTo(larger);
            ArrayPool<byte>.Shared.Return(_buffer);
            _buffer = larger;
        }

        return true;
    }

    /// <summary>Holds the bytes that arrive next, for which <see cref="TryMakeRoom"/> has made room.</summary>
    /// <returns>Whether something has arrived, or the end, before the time was over.</returns>
    public async ValueTask<bool> TryHoldMoreAsync(TimeSpan limit, TimeProvider time, CancellationToken cancellationToken)
    {
        var token = TokenOf(cancellationToken);
        var read = inner.ReadAsync(_buffer.AsMemory(_end), token);
        int count;
        if (read.IsCompletedSuccessfully)
        {
            count = read.Result;
        }
        else
        {
            var pending = read.AsTask();
            try
            {
                count = await pending.WaitAsync(limit, time, CancellationToken.None);
            }
            catch (TimeoutException)
            {
                // The read may complete while the time ends, and a cancelled read is about to fail: both decide more than the time.
                if (!pending.IsCompleted && !token.IsCancellationRequested)
                {
                    _pending = pending;
                    return false;
                }

                count = await pending;
            }
        }

        Note(count);
        return true;
    }

    /// <summary>Leaves the held bytes counted until the end of the request, for copies of them that outlive this stream.</summary>
    public void CountUntilTheEnd()
    {
        if (_count != default)
        {
            context.Response.RegisterForDispose(new CountedCopy(memory, _count));
            _count = default;
        }
    }

    /// <summary>Ends the response behind the held bytes: its reader receives them, and then the failure.</summary>
    public void Break(Exception failure) => _failure = failure;

    /// <summary>
    /// Holds the whole response, or as much of it as may be held, has room and arrives in time. A response that breaks ends there.
    /// </summary>
    /// <returns>Whether it has not broken.</returns>
    public async ValueTask<bool> HoldAllAsync(TimeSpan limit, TimeProvider time, CancellationToken cancellationToken)
    {
        var beganAt = time.GetTimestamp();
        try
        {
            while (!IsWhole && _failure is null && _end - _start < MaxSize && TryMakeRoom())
            {
                var left = limit - time.GetElapsedTime(beganAt);
                if (!await TryHoldMoreAsync(left > TimeSpan.Zero ? left : TimeSpan.Zero, time, cancellationToken))
                {
                    break;
                }
            }

            return true;
        }
        catch (Exception exception) when (exception is IOException or HttpRequestException or OperationCanceledException
            && !cancellationToken.IsCancellationRequested)
        {
            IsWhole = true;
            return false;
        }
    }

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        _pending is not null ? AwaitPendingAsync(buffer)
        : _end > _start ? new(Take(buffer.Span))
        : IsWhole ? new(0)
        : _failure is not null ? ValueTask.FromException<int>(_failure)
        : inner.ReadAsync(buffer, TokenOf(cancellationToken));

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            inner.Dispose();
            timers?.Dispose();

            // A read that is still pending may write to the buffer.
            if (_pending is null)
            {
                Release();
            }

            memory.End(ref _count);
        }

        base.Dispose(disposing);
    }

    private CancellationToken TokenOf(CancellationToken reader) => timers?.Token ?? reader;

    private async ValueTask<int> AwaitPendingAsync(Memory<byte> buffer)
    {
        // The bytes that were held before the read began go first.
        if (_end > _start)
        {
            return Take(buffer.Span);
        }

        var count = await _pending!;
        _pending = null;
        Note(count);
        return Take(buffer.Span);
    }

    private int Take(Span<byte> buffer)
    {
        var count = Math.Min(buffer.Length, _end - _start);
        _buffer.AsSpan(_start, count).CopyTo(buffer);
        _start += count;
        if (_start == _end && _pending is null)
        {
            Release();
        }

        return count;
    }

    private void Note(int count)
    {
        IsWhole = count == 0;
        _end += count;
    }

    private void Release()
    {
        if (_buffer is { } buffer)
        {
            _buffer = null;
            _start = _end = 0;
            ArrayPool<byte>.Shared.Return(buffer);
            memory.End(ref _count);
        }
    }

    /// <summary>The count of bytes that a request holds until its end.</summary>
    private sealed class CountedCopy(ResponseMemory memory, ResponseMemory.Count count) : IDisposable
    {
        private ResponseMemory.Count _count = count;

        public void Dispose() => memory.End(ref _count);
    }
}
