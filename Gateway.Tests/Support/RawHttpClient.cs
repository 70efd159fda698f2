using System.Globalization;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;

namespace Gateway.Tests.Support;

/// <summary>An HTTP/1.1 client that sends exactly the bytes it is given and shows exactly the bytes that came back.</summary>
internal sealed class RawHttpClient : IAsyncDisposable
{
    private readonly TcpClient _tcp;
    private readonly Stream _stream;
    private readonly byte[] _buffer = new byte[64 * 1024];
    private int _start;
    private int _end;
    private bool _reset;

    private RawHttpClient(TcpClient tcp, Stream stream, string authority)
    {
        _tcp = tcp;
        _stream = stream;
        Authority = authority;
    }

    /// <summary>Host and port, for a Host header.</summary>
    public string Authority { get; }

    /// <summary>Connects; with TLS when the address says https, to any certificate; from another address of the loopback net if wanted.</summary>
    public static async Task<RawHttpClient> ConnectAsync(
        Uri address, RemoteCertificateValidationCallback? validate = null, IPAddress? from = null)
    {
        var tcp = from is null ? new TcpClient() : new TcpClient(new IPEndPoint(from, 0));
        tcp.NoDelay = true;
        await tcp.ConnectAsync(address.Host, address.Port);
        Stream stream = tcp.GetStream();
        if (address.Scheme == Uri.UriSchemeHttps)
        {
            var tls = new SslStream(stream, leaveInnerStreamOpen: false, validate ?? TestCertificate.Accept);
            await tls.AuthenticateAsClientAsync(new SslClientAuthenticationOptions { TargetHost = "localhost" });
            stream = tls;
        }

        return new RawHttpClient(tcp, stream, $"{address.Host}:{address.Port}");
    }

    public async Task SendAsync(ReadOnlyMemory<byte> bytes)
    {
        await _stream.WriteAsync(bytes);
        await _stream.FlushAsync();
    }

    public Task SendAsync(string text) => SendAsync(Encoding.Latin1.GetBytes(text));

    /// <summary>
    /// Sends a POST with Host, a bearer, JSON as its content type and an exact Content-Length; more header lines may be given.
    /// </summary>
    public async Task PostAsync(string target, byte[] body, params string[] headerLines)
    {
        // In one write: a test that is stopped between head and body would be a slow upload.
        var head = $"POST {target} HTTP/1.1\r\nHost: {Authority}\r\nAuthorization: Bearer sk-or-v1-test\r\nContent-Type: application/json\r\n"
            + $"Content-Length: {body.Length}\r\n{string.Concat(headerLines.Select(line => line + "\r\n"))}\r\n";
        await SendAsync((byte[])[.. Encoding.Latin1.GetBytes(head), .. body]);
    }

    /// <summary>The same with a body of text.</summary>
    public Task PostAsync(string target, string body, params string[] headerLines) => PostAsync(
        target, Encoding.UTF8.GetBytes(body), headerLines);

    /// <summary>Sends a GET with Host and a bearer.</summary>
    public Task GetAsync(string target, params string[] headerLines)
    {
        return SendAsync(
            $"GET {target} HTTP/1.1\r\nHost: {Authority}\r\nAuthorization: Bearer sk-or-v1-test\r\n"
            + $"{string.Concat(headerLines.Select(line => line + "\r\n"))}\r\n");
    }

    /// <summary>Reads a head, interim ones (1xx) included.</summary>
    public async Task<RawResponse> ReadHeadAsync()
    {
        while (true)
        {
            var end = _buffer.AsSpan(_start, _end - _start).IndexOf("\r\n\r\n"u8);
            if (end >= 0)
            {
                var head = RawResponse.Parse(_buffer.AsSpan(_start, end));
                _start += end + 4;
                return head;
            }

            if (!await FillAsync())
            {
                throw new IOException($"The connection ended ({(_reset ? "reset" : "closed")}) before an answer's head was complete.");
            }
        }
    }

    /// <summary>Reads a head and the body that it announces.</summary>
    public async Task<(RawResponse Head, RawBody Body)> ReadAsync()
    {
        var head = await ReadHeadAsync();
        return (head, await ReadBodyAsync(head));
    }

    /// <summary>Reads a body to its end, however it ends.</summary>
    public async Task<RawBody> ReadBodyAsync(RawResponse head)
    {
        var pieces = new List<RawPiece>();
        while (await ReadPieceAsync(head, pieces) is { } piece)
        {
            pieces.Add(piece);
        }

        return new RawBody(pieces, LastEnd);
    }

    /// <summary>How the last body ended, once <see cref="ReadPieceAsync"/> returned nothing.</summary>
    public RawEnd LastEnd { get; private set; }

    /// <summary>Reads the next piece of a body; <see langword="null"/> at its end.</summary>
    public async Task<RawPiece?> ReadPieceAsync(RawResponse head, IReadOnlyList<RawPiece> before)
    {
        LastEnd = RawEnd.Complete;
        if (head.IsChunked)
        {
            return await ReadChunkAsync();
        }

        var rest = (head.ContentLength ?? long.MaxValue) - before.Sum(piece => (long)piece.Bytes.Length);
        if (rest == 0 || head.Status is 204 or 304)
        {
            return null;
        }

        if (_start == _end && !await FillAsync())
        {
            LastEnd = _reset ? RawEnd.Reset : head.ContentLength is null ? RawEnd.Complete : RawEnd.Truncated;
            return null;
        }

        return new RawPiece(Take((int)Math.Min(rest, _end - _start)));
    }

    /// <summary>Whether the peer closes the connection, without sending another byte, while the caller waits.</summary>
    public async Task<bool> IsClosedByPeerAsync() => _start == _end && !await FillAsync();

    /// <summary>Says that nothing more will be sent; answers can still be read.</summary>
    public void HalfClose() => _tcp.Client.Shutdown(SocketShutdown.Send);

    /// <summary>Leaves with a reset instead of a polite close.</summary>
    public void Reset()
    {
        _tcp.Client.LingerState = new LingerOption(true, 0);
        _tcp.Client.Close();
    }

    public async ValueTask DisposeAsync()
    {
        await _stream.DisposeAsync();
        _tcp.Dispose();
    }

    private async Task<RawPiece?> ReadChunkAsync()
    {
        if (await ReadLineAsync() is not { } line)
        {
            return Broken();
        }

        var length = int.Parse(line.Split(';')[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        if (length == 0)
        {
            // Trailers, up to the empty line.
            while (await ReadLineAsync() is { } trailer)
            {
                if (trailer.Length == 0)
                {
                    return null;
                }
            }

            return Broken();
        }

        var bytes = new byte[length];
        for (var filled = 0; filled < length;)
        {
            if (_start == _end && !await FillAsync())
            {
                return Broken();
            }

            var part = Take(Math.Min(length - filled, _end - _start));
            part.CopyTo(bytes, filled);
            filled += part.Length;
        }

        var piece = new RawPiece(bytes);
        return await ReadLineAsync() is "" ? piece : Broken();
    }

    private RawPiece? Broken()
    {
        LastEnd = _reset ? RawEnd.Reset : RawEnd.Truncated;
        return null;
    }

    private async Task<string?> ReadLineAsync()
    {
        while (true)
        {
            var end = _buffer.AsSpan(_start, _end - _start).IndexOf("\r\n"u8);
            if (end >= 0)
            {
                var line = Encoding.Latin1.GetString(Take(end));
                _start += 2;
                return line;
            }

            if (!await FillAsync())
            {
                return null;
            }
        }
    }

    private byte[] Take(int count)
    {
        var bytes = _buffer[_start..(_start + count)];
        _start += count;
        return bytes;
    }

    private async Task<bool> FillAsync()
    {
        if (_start > 0)
        {
            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            _end -= _start;
            _start = 0;
        }

        if (_end == _buffer.Length)
        {
            throw new InvalidOperationException("A head or a line is longer than the client's buffer.");
        }

        try
        {
            var read = await _stream.ReadAsync(_buffer.AsMemory(_end)).AsTask().GuardAsync();
            _end += read;
            return read > 0;
        }
        catch (IOException)
        {
            _reset = true;
            return false;
        }
    }
}
