using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace HopBenchmark;

/// <summary>
/// A connection to the stream upstream. Requests are processed one after another; each is read completely before the response.
/// </summary>
internal sealed class UpstreamConnection
{
    private static readonly byte[] Chat = Json(
        """
        {"id":"gen-1767225600-00000000","provider":"Azure","model":"openai/gpt-4o-mini","object":"chat.completion","created":1767225600,
        "choices":[{"finish_reason":"stop","index":0,"message":{"role":"assistant","content":"Hello."}}],
        "usage":{"prompt_tokens":187,"completion_tokens":2,"total_tokens":189,"cost":0.000029}}
        """u8);

    private static readonly byte[] NotFound = "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"u8.ToArray();

    private readonly Socket _socket;
    private readonly StreamUpstream _upstream;
    private byte[] _buffer = new byte[4096];
    private int _received;

    public UpstreamConnection(Socket socket, StreamUpstream upstream)
    {
        _socket = socket;
        _socket.NoDelay = true;
        _socket.Blocking = false;
        _upstream = upstream;
    }

    /// <summary>Serves requests until the other side closes.</summary>
    public async Task ServeAsync()
    {
        using var socket = _socket;
        try
        {
            while (await ReadRequestAsync() is { } request)
            {
                if (!await AnswerAsync(request))
                {
                    return;
                }
            }
        }
        catch (Exception gone) when (gone is SocketException or ObjectDisposedException or HttpRequestException)
        {
            // The other side closed the connection, or the run is over.
        }
    }

    private async Task<bool> AnswerAsync(Request request)
    {
        if (request.WantsStream)
        {
            var stream = new UpstreamStream(_socket, _upstream.Schedule);
            _upstream.Wheel.Add(stream);
            return await stream.Ended;
        }

        var answer = request.IsPost ? Chat : await _upstream.AskScriptedAsync(request.Target) is { } body ? Json(body) : NotFound;
        for (ReadOnlyMemory<byte> rest = answer; !rest.IsEmpty;)
        {
            rest = rest[await _socket.SendAsync(rest)..];
        }

        return true;
    }

    private async Task<Request?> ReadRequestAsync()
    {
        _received = 0;
        while (true)
        {
            if (_received == _buffer.Length)
            {
                Array.Resize(ref _buffer, 2 * _buffer.Length);
            }

            var count = await _socket.ReceiveAsync(_buffer.AsMemory(_received));
            if (count == 0)
            {
                return null;
            }

            _received += count;
            if (Parse(_buffer.AsSpan(0, _received)) is { } request)
            {
                return request;
            }
        }
    }

    private static Request? Parse(ReadOnlySpan<byte> bytes)
    {
        var end = bytes.IndexOf("\r\n\r\n"u8);
        if (end < 0)
        {
            return null;
        }

        var body = bytes[(end + 4)..];
        var lines = Encoding.ASCII.GetString(bytes[..end]).Split("\r\n");
        var isWhole = Header(lines, "Transfer-Encoding") is not null
            ? body.EndsWith("0\r\n\r\n"u8)
            : body.Length >= int.Parse(Header(lines, "Content-Length") ?? "0", CultureInfo.InvariantCulture);
        var first = lines[0].Split(' ');
        return isWhole ? new Request(first[0] == "POST", first[1], body.IndexOf("\"stream\":true"u8) >= 0) : null;
    }

    private static string? Header(string[] lines, string name)
    {
        var line = Array.Find(lines, line => line.StartsWith(name + ":", StringComparison.OrdinalIgnoreCase));
        return line?[(name.Length + 1)..];
    }

    private static byte[] Json(ReadOnlySpan<byte> body) =>
    [
        .. Encoding.ASCII.GetBytes($"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {body.Length}\r\n\r\n"),
        .. body,
    ];

    /// <summary>The needed parts of a request.</summary>
    private sealed record Request(bool IsPost, string Target, bool WantsStream);
}
