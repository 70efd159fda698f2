using System.Buffers.Text;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace HopBenchmark;

/// <summary>A connection that posts one body repeatedly: a client that allocates almost nothing itself.</summary>
internal sealed class RawClient : IDisposable
{
    private Socket _socket = NewSocket();
    private readonly byte[] _answer = new byte[64 * 1024];
    private readonly Uri _url;
    private readonly byte[][] _heads;
    private readonly byte[] _body;
    private int _turn;

    /// <param name="hop">The hop; its keys are used in rotation.</param>
    /// <param name="body">The body.</param>
    public RawClient(Hop hop, byte[] body)
    {
        _url = hop.Url;
        _body = body;
        _heads = [.. hop.Keys.Select(key => Head(hop, key, body.Length))];
    }

    /// <summary>The head of a request.</summary>
    public static byte[] Head(Hop hop, string key, int length) => Encoding.ASCII.GetBytes(
        $"POST {hop.Url.PathAndQuery} HTTP/1.1\r\nHost: {hop.Url.Authority}\r\nAuthorization: Bearer {key}\r\n"
        + string.Concat(hop.Headers.Select(header => $"{header.Key}: {header.Value}\r\n"))
        + $"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n");

    public Task ConnectAsync() => _socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, _url.Port));

    /// <summary>
    /// Opens a connection, replacing a broken one. It connects with a blocking call, so that later calls block in the kernel: on a socket
    /// connected asynchronously they would wait for the polling thread.
    /// </summary>
    public void Connect()
    {
        _socket.Dispose();
        _socket = NewSocket();
        _socket.Connect(new IPEndPoint(IPAddress.Loopback, _url.Port));
    }

    /// <summary>Sends the whole request and reads the response. Returns whether it is a 200.</summary>
    public async ValueTask<bool> PostAsync()
    {
        await SendAsync(NextHead());
        await SendAsync(_body);
        return await ReadAnswerAsync();
    }

    /// <summary>The same with blocking calls.</summary>
    public bool Post()
    {
        Send(NextHead());
        Send(_body);
        var received = 0;
        while (true)
        {
            received += Received(_socket.Receive(_answer.AsSpan(received)));
            if (IsWhole(_answer.AsSpan(0, received), out var isSuccess))
            {
                return isSuccess;
            }
        }
    }

    public void Dispose() => _socket.Dispose();

    private static Socket NewSocket() => new(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };

    private byte[] NextHead()
    {
        _turn = (_turn + 1) % _heads.Length;
        return _heads[_turn];
    }

    private void Send(ReadOnlySpan<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            bytes = bytes[_socket.Send(bytes)..];
        }
    }

    private async ValueTask SendAsync(ReadOnlyMemory<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            bytes = bytes[await _socket.SendAsync(bytes)..];
        }
    }

    private async ValueTask<bool> ReadAnswerAsync()
    {
        var received = 0;
        while (true)
        {
            received += Received(await _socket.ReceiveAsync(_answer.AsMemory(received)));
            if (IsWhole(_answer.AsSpan(0, received), out var isSuccess))
            {
                return isSuccess;
            }
        }
    }

    private static int Received(int count) => count > 0 ? count : throw new IOException("The connection was closed.");

    // The responses of this benchmark are short and have a Content-Length.
    private static bool IsWhole(ReadOnlySpan<byte> answer, out bool isSuccess)
    {
        isSuccess = answer.StartsWith("HTTP/1.1 200 "u8);
        var end = answer.IndexOf("\r\n\r\n"u8);
        if (end < 0)
        {
            return false;
        }

        var name = "Content-Length: "u8;
        var at = answer[..end].IndexOf(name);
        return at < 0 || !Utf8Parser.TryParse(answer[(at + name.Length)..], out int length, out _)
            ? throw new InvalidDataException("The response has no Content-Length: " + Encoding.ASCII.GetString(answer[..end]))
            : answer.Length >= end + 4 + length;
    }
}
