using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using Microsoft.AspNetCore.Connections;

namespace FakeOpenRouter;

/// <summary>
/// Records the bytes that Kestrel consumes as a request's head: its header dictionary loses the order and the spelling of names.
/// </summary>
internal sealed class HeadTap : PipeReader
{
    private readonly PipeReader _inner;
    private readonly ArrayBufferWriter<byte> _head = new();
    private ReadOnlySequence<byte> _unread;
    private bool _listening = true;

    private HeadTap(PipeReader inner)
    {
        _inner = inner;
    }

    /// <summary>Installs a tap in a connection. A request finds it among its features.</summary>
    public static void Install(ConnectionContext connection)
    {
        var tap = new HeadTap(connection.Transport.Input);
        connection.Transport = new TappedTransport(tap, connection.Transport.Output);
        connection.Features.Set(tap);
    }

    /// <summary>The headers of the request whose head was just consumed. The body that follows is not recorded.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> TakeHeaders()
    {
        _listening = false;
        var lines = Encoding.Latin1.GetString(_head.WrittenSpan).Split("\r\n");
        _head.ResetWrittenCount();

        var headers = new List<KeyValuePair<string, string>>(lines.Length);
        foreach (var line in lines.Skip(1))
        {
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            if (colon > 0)
            {
                headers.Add(new(line[..colon], line[(colon + 1)..].Trim(' ', '\t')));
            }
        }

        return headers;
    }

    /// <summary>Records again, from the next request's head on.</summary>
    public void Rearm() => _listening = true;

    public override void AdvanceTo(SequencePosition consumed)
    {
        Note(consumed);
        _inner.AdvanceTo(consumed);
    }

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        Note(consumed);
        _inner.AdvanceTo(consumed, examined);
    }

    public override async ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        var result = await _inner.ReadAsync(cancellationToken);
        _unread = result.Buffer;
        return result;
    }

    public override bool TryRead(out ReadResult result)
    {
        var read = _inner.TryRead(out result);
        if (read)
        {
            _unread = result.Buffer;
        }

        return read;
    }

    public override void CancelPendingRead() => _inner.CancelPendingRead();

    public override void Complete(Exception? exception = null) => _inner.Complete(exception);

    private void Note(SequencePosition consumed)
    {
        if (_listening)
        {
            foreach (var segment in _unread.Slice(0, consumed))
            {
                _head.Write(segment.Span);
            }
        }

        _unread = default;
    }

    private sealed class TappedTransport(PipeReader input, PipeWriter output) : IDuplexPipe
    {
        public PipeReader Input => input;

        public PipeWriter Output => output;
    }
}
