using System.Net;
using System.Net.Sockets;
using System.Text;
using Gateway.Tests.Support;

namespace Gateway.Tests.EndToEnd;

/// <summary>One connection for one call, which reads as many bytes as it is told and leaves with a reset.</summary>
internal sealed class StormConnection : IDisposable
{
    private readonly Socket _socket = new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    private readonly CancellationTokenSource _deadline = HangGuard.Start();
    private byte[] _bytes = new byte[16 * 1024];
    private int _count;

    /// <summary>All bytes that came so far.</summary>
    public ReadOnlySpan<byte> Received => _bytes.AsSpan(0, _count);

    /// <summary>The head, once it came whole.</summary>
    public RawResponse? Head => HeadLength is { } length ? RawResponse.Parse(_bytes.AsSpan(0, length)) : null;

    /// <summary>Whether the answer ended as its framing promised.</summary>
    public bool IsComplete
    {
        get
        {
            if (Head is not { } head)
            {
                return false;
            }

            var body = Received[(HeadLength!.Value + 4)..];
            return head.IsChunked ? body.EndsWith("0\r\n\r\n"u8) : body.Length == head.ContentLength;
        }
    }

    private int? HeadLength => Received.IndexOf("\r\n\r\n"u8) is >= 0 and var at ? at : null;

    public Task ConnectAsync(Uri address) => _socket.ConnectAsync(IPAddress.Loopback, address.Port, _deadline.Token).AsTask();

    public async Task SendAsync(string latin1)
    {
        ReadOnlyMemory<byte> rest = Encoding.Latin1.GetBytes(latin1);
        while (!rest.IsEmpty)
        {
            rest = rest[await _socket.SendAsync(rest, _deadline.Token)..];
        }
    }

    /// <summary>Reads until there are so many bytes, or nothing has come for a time, or the peer ends the connection.</summary>
    public async Task ReadAsync(int bytes = int.MaxValue, TimeSpan? silence = null)
    {
        while (_count < bytes)
        {
            if (_count == _bytes.Length)
            {
                Array.Resize(ref _bytes, _bytes.Length * 2);
            }

            var most = Math.Min(_bytes.Length - _count, bytes - _count);
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(_deadline.Token);
            if (silence is { } pause)
            {
#pragma warning disable RS0030 // How long this client bears silence before it leaves; nothing is judged by it.
                limit.CancelAfter(pause);
#pragma warning restore RS0030
            }

            int read;
            try
            {
                read = await _socket.ReceiveAsync(_bytes.AsMemory(_count, most), limit.Token);
            }
            catch (OperationCanceledException) when (silence is not null && !_deadline.IsCancellationRequested)
            {
                return;
            }

            if (read == 0)
            {
                return;
            }

            _count += read;
        }
    }

    /// <summary>Leaves with a reset, as a killed client does.</summary>
    public void Reset()
    {
        _socket.LingerState = new LingerOption(enable: true, seconds: 0);
        _socket.Close();
    }

    public void Dispose()
    {
        _socket.Dispose();
        _deadline.Dispose();
    }
}
