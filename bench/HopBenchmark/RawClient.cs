using System.Buffers.Text;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace HopBenchmark;

/// <summary>One connection that posts one body over and over: a client that itself allocates next to nothing.</summary>
internal sealed class RawClient : IDisposable
{
    private Socket _socket = NewSocket();
    private readonly byte[] _answer = new byte[64 * 1024];
    private readonly Uri _url;
    private readonly byte[][] _heads;
    private readonly byte[] _body;
    private int _turn;

    /// <param name="hop">Where to post; its keys take turns.</param>
    /// <param name="body">What to post.</param>
    public RawClient(Hop hop, byte[] body)
    {
        _url = hop.Url;
        _body = body;
        _heads = [.. hop.Keys.Select(key => Head(hop, key, body.Length))];
    }

    /// <summary>The head of a post.</summary>
    public static byte[] Head(Hop hop, string key, int length) => Encoding.ASCII.GetBytes(
        $"POST {hop.Url.PathAndQuery} HTTP/1.1\r\nHost: {hop.Url.Authority}\r\nAuthorization: Bearer {key}\r\n"
        + string.Concat(hop.Headers.Select(header => $"{header.Key}: {header.Value}\r\n"))
        + $"Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n");

    public Task ConnectAsync() => _socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, _url.Port));

    /// <summary>
    /// Takes a connection, in place of one that may have broken. It blocks, and so will all calls on it in the kernel itself; once connected
    /// asynchronously they would wait for the thread that polls.
    /// </summary>
    public void Connect()
    {
        _socket.Dispose();
        _socket = NewSocket();
        _socket.Connect(new IPEndPoint(IPAddress.Loopback, _url.Port));
    }

    /// <summary>Sends the whole request and reads the answer; returns whether it is a 200.</summary>
    public async ValueTask<bool> PostAsync()
    {
        await SendAsync(NextHead());
        await SendAsync(_body);
        return await ReadAnswerAsync();
    }

    /// <summary>The same with calls that block.</summary>
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

    // The answers of this benchmark are short and carry a Content-Length.
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
            ? throw new InvalidDataException("The answer has no Content-Length: " + Encoding.ASCII.GetString(answer[..end]))
            : answer.Length >= end + 4 + length;
    }
}
