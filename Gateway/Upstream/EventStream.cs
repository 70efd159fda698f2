using Gateway.Billing;
using Gateway.Errors;
using Gateway.Requests;

namespace Gateway.Upstream;

/// <summary>
/// Passes upstream's event stream to the client unchanged. Sends the response headers early when the first byte is late. When upstream
/// breaks off, sends an error event in the route's dialect before the connection is closed as failed.
/// </summary>
/// <remarks>
/// It writes to the response in these two cases only. YARP then waits in a read of this stream and does not write.
/// </remarks>
internal sealed class EventStream : Stream
{
    // Aborting the connection discards bytes that the server has not handed to the socket yet, and there is no event for that handover.
    private static readonly TimeSpan TimeToHandOver = TimeSpan.FromMilliseconds(50);

    private readonly Stream _inner;
    private readonly HttpContext _context;
    private readonly GatewayContext _request;
    private readonly TimeProvider _time;
    private readonly bool _endsWithConnection;
    private readonly bool _isEncoded;

    private bool _hasBytes;
    private bool _headersAreDue = true;

    // The last four bytes, the newest lowest: they show whether the client is between two events.
    private uint _lastBytes;

    public EventStream(Stream inner, HttpContext context, TimeProvider time, bool endsWithConnection, bool isEncoded)
    {
        _inner = inner;
        _context = context;
        _request = GatewayContext.Of(context);
        _time = time;
        _endsWithConnection = endsWithConnection;
        _isEncoded = isEncoded;
    }

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    private bool IsBetweenEvents => (_lastBytes & 0xFFFF) is 0x0A0A or 0x0D0D || _lastBytes == 0x0D0A0D0A;

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var read = _inner.ReadAsync(buffer, cancellationToken);
        if (!read.IsCompletedSuccessfully)
        {
            return AwaitReadAsync(read, buffer, cancellationToken);
        }

        var count = read.Result;
        return count == 0 && !buffer.IsEmpty ? EndAsync() : new(Pass(buffer.Span[..count]));
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
            _inner.Dispose();
        }

        base.Dispose(disposing);
    }

    private async ValueTask<int> AwaitReadAsync(ValueTask<int> read, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        int count;
        try
        {
            count = _headersAreDue ? await SendHeadersMeanwhileAsync(read, cancellationToken) : await read;
        }
        catch (Exception exception) when (!_context.RequestAborted.IsCancellationRequested)
        {
            // The client is connected, so upstream broke, or was silent for longer than the cluster's ActivityTimeout.
            await TellAsync(exception is OperationCanceledException ? RequestEnd.UpstreamTimedOut : RequestEnd.UpstreamBroke);
            throw;
        }

        return count == 0 && !buffer.IsEmpty ? await EndAsync() : Pass(buffer.Span[..count]);
    }

    /// <summary>Waits for the first byte, and sends the response headers when it is late.</summary>
    private async Task<int> SendHeadersMeanwhileAsync(ValueTask<int> pending, CancellationToken cancellationToken)
    {
        _headersAreDue = false;
        var read = pending.AsTask();
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var delay = Task.Delay(_request.Snapshot.Settings.Server.EventStreamHeaderDelay, _time, enough.Token);
        if (await Task.WhenAny(read, delay) == delay && !delay.IsCanceled)
        {
            await _context.Response.Body.FlushAsync(cancellationToken);
        }

        await enough.CancelAsync();
        return await read;
    }

    private int Pass(ReadOnlySpan<byte> bytes)
    {
        if (!bytes.IsEmpty)
        {
            if (!_hasBytes)
            {
                _hasBytes = true;
                _headersAreDue = false;
                _request.BodyBegan(_time.GetTimestamp());
            }

            foreach (var b in bytes[^Math.Min(4, bytes.Length)..])
            {
                _lastBytes = (_lastBytes << 8) | b;
            }
        }

        return bytes.Length;
    }

    /// <summary>
    /// Handles the end of the stream. Where only the end of the connection marks it, an end in the middle of an event is a broken stream.
    /// </summary>
    private async ValueTask<int> EndAsync()
    {
        if (_endsWithConnection && _hasBytes && !_isEncoded && !IsBetweenEvents)
        {
            await TellAsync(RequestEnd.UpstreamBroke);
            throw new HttpIOException(HttpRequestError.ResponseEnded, "The upstream closed the connection in the middle of an event.");
        }

        return 0;
    }

    private async Task TellAsync(RequestEnd end)
    {
        _request.EndAs(end);
        if (_request.Admission.Call is { } call)
        {
            // To the client the error event is the end of the answer: the call is settled before.
            await call.EndedAsync(end);
        }

        // Before the first byte a status can still be sent: the Errors phase sends it.
        if (!_context.Response.HasStarted)
        {
            return;
        }

        var body = _context.Response.Body;
        try
        {
            // An event cannot be appended to an encoded stream, nor to one with an announced length.
            if (!_isEncoded && _context.Response.ContentLength is null)
            {
                var error = end == RequestEnd.UpstreamTimedOut ? GatewayError.UpstreamTimedOut : GatewayError.UpstreamBroke;
                await WriteErrorAsync(body, error);
            }

            await body.FlushAsync();
            await Task.Delay(TimeToHandOver, _time);
        }
        catch (Exception exception) when (exception is IOException or OperationCanceledException)
        {
            // The client has left.
        }
    }

    private async Task WriteErrorAsync(Stream body, GatewayError error)
    {
        if (_hasBytes && !IsBetweenEvents)
        {
            // Ends the line and the event that were cut, or a parser would read the error as a part of them.
            await body.WriteAsync((_lastBytes & 0xFF) == '\n' ? "\n"u8.ToArray() : "\n\n"u8.ToArray());
        }

        await body.WriteAsync(GatewayErrorWriter.RenderEvent(GatewayErrorWriter.DialectOf(_context), error));
    }
}
