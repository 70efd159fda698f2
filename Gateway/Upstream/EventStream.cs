using System.Runtime.CompilerServices;
using Gateway.Billing;
using Gateway.Errors;
using Gateway.Requests;
using OpenRouterGateway.Transforms.RequestBody;

namespace Gateway.Upstream;

/// <summary>
/// Passes upstream's event stream to the client unchanged. If upstream fails or the gateway stops after the headers were sent, sends an error
/// event in the route's dialect before the connection is aborted.
/// </summary>
/// <remarks>Writes to the response in this case only, while YARP waits in a read of this stream and does not write.</remarks>
internal sealed class EventStream : AsyncReadStream
{
    // An abort discards bytes that Kestrel has not yet handed to the socket. Kestrel does not report the handover, so the abort is delayed.
    private static readonly TimeSpan AbortDelay = TimeSpan.FromMilliseconds(50);

    private readonly Stream _inner;
    private readonly AnswerTimers _timers;
    private readonly HttpContext _context;
    private readonly GatewayContext _request;
    private readonly TimeProvider _time;
    private readonly bool _endsWithConnection;
    private readonly bool _isEncoded;

    private EventScanner _events = new();
    private bool _hasBytes;

    // The bytes that the last event lacks, after the end of upstream's stream.
    private bool _hasEnded;
    private ReadOnlyMemory<byte> _missing;

    // The last four bytes, the newest lowest. They show whether the stream is between two events.
    private uint _lastBytes;

    /// <summary>Creates the stream.</summary>
    /// <param name="inner">Upstream's stream, which owns <paramref name="timers"/> and reads under their token.</param>
    /// <param name="timers">The time limits.</param>
    /// <param name="context">The request.</param>
    /// <param name="time">The host's clock.</param>
    /// <param name="endsWithConnection">Whether only the end of the connection marks the end of the stream.</param>
    /// <param name="isEncoded">Whether the stream is compressed.</param>
    public EventStream(
        Stream inner, AnswerTimers timers, HttpContext context, TimeProvider time, bool endsWithConnection, bool isEncoded)
    {
        _inner = inner;
        _timers = timers;
        _context = context;
        _request = GatewayContext.Of(context);
        _time = time;
        _endsWithConnection = endsWithConnection;
        _isEncoded = isEncoded;
    }

    private bool IsBetweenEvents => (_lastBytes & 0xFFFF) is 0x0A0A or 0x0D0D || _lastBytes == 0x0D0A0D0A;

    /// <summary>The bytes that end a truncated line and event.</summary>
    private ReadOnlyMemory<byte> EndOfEvent => (_lastBytes & 0xFF) == '\n' ? "\n"u8.ToArray() : "\n\n"u8.ToArray();

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (_hasEnded)
        {
            return new(TakeMissing(buffer.Span));
        }

        _timers.BeginRead();
        var read = _inner.ReadAsync(buffer, cancellationToken);
        if (!read.IsCompletedSuccessfully)
        {
            return AwaitReadAsync(read, buffer);
        }

        var count = read.Result;
        return count == 0 && !buffer.IsEmpty ? EndAsync(buffer, isBroken: false) : new(Pass(buffer.Span[..count]));
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _inner.Dispose();
        }

        base.Dispose(disposing);
    }

    // Runs once per event, so its state machine is pooled.
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    private async ValueTask<int> AwaitReadAsync(ValueTask<int> read, Memory<byte> buffer)
    {
        int count;
        var isBroken = false;
        try
        {
            count = await read;
        }
        catch (Exception exception) when (_request.IsCutByShutdown() || !_context.RequestAborted.IsCancellationRequested)
        {
            // The client is connected, so the shutdown has cut the request, upstream has broken off, or a time limit is over.
            if (!IsComplete() || _context.Response.ContentLength is not null)
            {
                await FailAsync(_request.End == RequestEnd.Shutdown ? RequestEnd.Shutdown
                    : exception is OperationCanceledException ? RequestEnd.UpstreamTimedOut : RequestEnd.UpstreamBroke);
                throw;
            }

            count = 0;
            isBroken = true;
        }

        return count == 0 && !buffer.IsEmpty ? await EndAsync(buffer, isBroken) : Pass(buffer.Span[..count]);
    }

    private int Pass(ReadOnlySpan<byte> bytes)
    {
        if (!bytes.IsEmpty)
        {
            if (!_hasBytes)
            {
                _hasBytes = true;
                _request.BodyBegan(_time.GetTimestamp());
            }

            foreach (var b in bytes[^Math.Min(4, bytes.Length)..])
            {
                _lastBytes = (_lastBytes << 8) | b;
            }

            if (_isEncoded || _events.Read(bytes))
            {
                _timers.NoteData();
            }
        }

        return bytes.Length;
    }

    /// <summary>
    /// Handles the end of the stream. If only the end of the connection marks the end of the stream, a stream that ends in the middle of an
    /// event is broken, unless it was the last one. A last event that lacks only its blank line is completed.
    /// </summary>
    private async ValueTask<int> EndAsync(Memory<byte> buffer, bool isBroken)
    {
        if (_endsWithConnection && _hasBytes && !_isEncoded && !IsBetweenEvents && !IsComplete())
        {
            await FailAsync(RequestEnd.UpstreamBroke);
            throw new HttpIOException(HttpRequestError.ResponseEnded, "The upstream closed the connection in the middle of an event.");
        }

        _hasEnded = true;
        if ((isBroken || _endsWithConnection) && !_isEncoded && _events.LacksBlankLine)
        {
            _missing = EndOfEvent;
        }

        return TakeMissing(buffer.Span);
    }

    private int TakeMissing(Span<byte> buffer)
    {
        var count = Math.Min(buffer.Length, _missing.Length);
        _missing.Span[..count].CopyTo(buffer);
        _missing = _missing[count..];
        return count;
    }

    /// <summary>Whether the stream has ended for its client, however its connection ends.</summary>
    private bool IsComplete()
    {
        _events.End();
        return _events.IsComplete;
    }

    private async Task FailAsync(RequestEnd end)
    {
        _request.EndAs(end);
        if (_request.Admission.Call is { } call)
        {
            // The error event is the end of the response for the client, so the call is settled first.
            await call.EndedAsync(end);
        }

        // If the response has not started, the Errors phase sends an error response.
        if (!_context.Response.HasStarted)
        {
            return;
        }

        var body = _context.Response.Body;
        try
        {
            // An event cannot be appended to an encoded stream or to a stream with an announced length.
            if (!_isEncoded && _context.Response.ContentLength is null)
            {
                var error = end switch
                {
                    RequestEnd.Shutdown => GatewayError.Stopping,
                    RequestEnd.UpstreamTimedOut => GatewayError.UpstreamTimedOut,
                    _ => GatewayError.UpstreamBroke,
                };
                await WriteErrorAsync(body, error);
            }

            await body.FlushAsync();
            await Task.Delay(AbortDelay, _time);
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException)
        {
            // The client has disconnected.
        }
    }

    private async Task WriteErrorAsync(Stream body, GatewayError error)
    {
        if (_hasBytes && !IsBetweenEvents)
        {
            // Otherwise a parser would read the error as a part of the truncated event.
            await body.WriteAsync(EndOfEvent);
        }

        await GatewayErrorWriter.WriteEventAsync(_context, body, error, _events.DataCount);
    }
}
