using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Soak;

/// <summary>A client connection with abilities that HTTP libraries lack: it can stop anywhere and disconnect in either way.</summary>
internal sealed class ClientConnection : IDisposable
{
    private readonly Socket _socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
    private byte[] _bytes = new byte[8 * 1024];
    private int _from;
    private int _to;

    private ClientConnection()
    {
    }

    /// <summary>The number of received bytes.</summary>
    public long Received { get; private set; }

    /// <summary>Connects to a port of 127.0.0.1.</summary>
    public static async Task<ClientConnection> OpenAsync(int port, CancellationToken cancellationToken)
    {
        var connection = new ClientConnection();
        try
        {
            await connection._socket.ConnectAsync(new IPEndPoint(IPAddress.Loopback, port), cancellationToken);
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    public Task SendAsync(string text, CancellationToken cancellationToken) => SendAsync(Encoding.UTF8.GetBytes(text), cancellationToken);

    public async Task SendAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        while (!bytes.IsEmpty)
        {
            bytes = bytes[await _socket.SendAsync(bytes, cancellationToken)..];
        }
    }

    /// <summary>Reads a whole response, or as much of it as arrives.</summary>
    public async Task<Answer> ReadAnswerAsync(CancellationToken cancellationToken)
    {
        int end;
        while ((end = _bytes.AsSpan(_from, _to - _from).IndexOf("\r\n\r\n"u8)) < 0)
        {
            if (!await ReadMoreAsync(cancellationToken))
            {
                return Answer.None;
            }
        }

        var (status, headers) = Parse(Encoding.Latin1.GetString(_bytes, _from, end));
        _from += end + 4;
        using var body = new MemoryStream();
        var isComplete = headers.ContainsKey("Transfer-Encoding")
            ? await ReadChunksAsync(body, cancellationToken)
            : headers.TryGetValue("Content-Length", out var text)
                && await ReadAsync(body, long.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture), cancellationToken);
        return new Answer(status, headers, body.ToArray(), isComplete);
    }

    /// <summary>Reads until the given number of bytes has arrived, or the connection ends.</summary>
    public async Task ReadSomeAsync(int bytes, CancellationToken cancellationToken)
    {
        while (_to - _from < bytes && await ReadMoreAsync(cancellationToken))
        {
            // The loop condition does the work.
        }
    }

    /// <summary>Disconnects: with a reset like a killed client, or in good order.</summary>
    public void Leave(bool reset)
    {
        if (reset)
        {
            _socket.LingerState = new LingerOption(enable: true, seconds: 0);
        }

        _socket.Close();
    }

    public void Dispose() => _socket.Dispose();

    private async Task<bool> ReadChunksAsync(MemoryStream body, CancellationToken cancellationToken)
    {
        while (await ReadLineAsync(cancellationToken) is { } line)
        {
            var size = long.Parse(line, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
            if (!await ReadAsync(body, size, cancellationToken) || await ReadLineAsync(cancellationToken) is not "")
            {
                return false;
            }

            if (size == 0)
            {
                return true;
            }
        }

        return false;
    }

    private async Task<string?> ReadLineAsync(CancellationToken cancellationToken)
    {
        int end;
        while ((end = _bytes.AsSpan(_from, _to - _from).IndexOf("\r\n"u8)) < 0)
        {
            if (!await ReadMoreAsync(cancellationToken))
            {
                return null;
            }
        }

        var line = Encoding.Latin1.GetString(_bytes, _from, end);
        _from += end + 2;
        return line;
    }

    private async Task<bool> ReadAsync(MemoryStream body, long count, CancellationToken cancellationToken)
    {
        while (count > 0)
        {
            if (_from == _to && !await ReadMoreAsync(cancellationToken))
            {
                return false;
            }

            var piece = (int)Math.Min(count, _to - _from);
            body.Write(_bytes, _from, piece);
            _from += piece;
            count -= piece;
        }

        return true;
    }

    private async Task<bool> ReadMoreAsync(CancellationToken cancellationToken)
    {
        if (_from == _to)
        {
            _from = _to = 0;
        }
        else if (_to == _bytes.Length)
        {
            Array.Resize(ref _bytes, _bytes.Length * 2);
        }

        try
        {
            var read = await _socket.ReceiveAsync(_bytes.AsMemory(_to), cancellationToken);
            _to += read;
            Received += read;
            return read > 0;
        }
        catch (SocketException)
        {
            // A reset is an end like any other: bytes received before it count.
            return false;
        }
    }

    private static (int Status, Dictionary<string, string> Headers) Parse(string head)
    {
        var lines = head.Split("\r\n");
        var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        foreach (var line in lines.AsSpan(1))
        {
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            headers[line[..colon]] = line[(colon + 1)..].Trim();
        }

        return (int.Parse(lines[0].AsSpan(9, 3), NumberStyles.None, CultureInfo.InvariantCulture), headers);
    }
}
