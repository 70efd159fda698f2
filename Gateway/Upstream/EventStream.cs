using Gateway.Billing;
using Gateway.Errors;
using Gateway.Requests;
using Gateway.Routing;

namespace Gateway.Upstream;

/// <summary>
/// Upstream's event stream on its way to the client, byte for byte. It sends the headers out when the first byte is late, and when
/// upstream breaks off it tells the client so, in its dialect, before the connection is closed as failed.
/// </summary>
/// <remarks>
/// It writes to the response by itself in these two moments only: YARP is then waiting in a read of this stream and writes nothing.
/// </remarks>
internal sealed class EventStream : Stream
{
    // Closing the connection as failed discards what the server has not yet handed to the socket, and no signal tells when it has.
    private static readonly TimeSpan TimeToHandOver = TimeSpan.FromMilliseconds(50);

    private readonly Stream _inner;
    private readonly HttpContext _context;
    private readonly GatewayContext _request;
    private readonly TimeProvider _time;
    private readonly bool _endsWithConnection;
    private readonly bool _isEncoded;

    private bool _hasBytes;
    private bool _headersAreDue = true;

    // The last bytes that went by, newest lowest: they tell whether the client stands between two events.
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
            // The client is still there, so upstream broke, or was silent for longer than the cluster's ActivityTimeout.
            await TellAsync(exception is OperationCanceledException ? RequestEnd.UpstreamTimedOut : RequestEnd.UpstreamBroke);
            throw;
        }

        return count == 0 && !buffer.IsEmpty ? await EndAsync() : Pass(buffer.Span[..count]);
    }

    /// <summary>Waits for the first byte; when it is late, lets the client have the headers.</summary>
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
                _request.FirstByteAt = _time.GetTimestamp();
            }

            foreach (var b in bytes[^Math.Min(4, bytes.Length)..])
            {
                _lastBytes = (_lastBytes << 8) | b;
            }
        }

        return bytes.Length;
    }

    /// <summary>
    /// The end of the stream: a clean one, unless the connection broke off in the middle of an event and nothing else could tell.
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
        _request.End = end;
        if (_request.Answer is { } answer)
        {
            // The error is the end of the answer to the client: what was set aside for it is given back before.
            await answer.BreakAsync(end);
        }

        // Before the first byte an honest status is still possible: the Errors phase gives it.
        if (!_context.Response.HasStarted)
        {
            return;
        }

        var body = _context.Response.Body;
        try
        {
            // An encoded stream cannot be added to, nor one that promised its length.
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
            // The client left meanwhile. There is nobody to tell.
        }
    }

    private async Task WriteErrorAsync(Stream body, GatewayError error)
    {
        if (_hasBytes && !IsBetweenEvents)
        {
            // End the line that was cut, and the event it belongs to, or the error would be read as a part of it.
            await body.WriteAsync((_lastBytes & 0xFF) == '\n' ? "\n"u8.ToArray() : "\n\n"u8.ToArray());
        }

        await body.WriteAsync(GatewayErrorWriter.RenderEvent(ErrorDialects.Of(_context.Request.Path), error));
    }
}
