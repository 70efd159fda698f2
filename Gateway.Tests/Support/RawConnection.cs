using System.Globalization;
using System.Net.Sockets;
using System.Text;
using Xunit;

namespace Gateway.Tests.Support;

/// <summary>One HTTP/1.1 connection, written by hand: it can send bytes that no well-behaved client would send, and it shows reuse.</summary>
internal sealed class RawConnection : IAsyncDisposable
{
    private readonly TcpClient _client = new() { NoDelay = true };
    private readonly CancellationTokenSource _deadline = HangGuard.Start();
    private Stream _stream = Stream.Null;

    private RawConnection()
    {
    }

    public sealed record Answer(int Status, IReadOnlyDictionary<string, string> Headers, string Body);

    public static async Task<RawConnection> OpenAsync(Uri address)
    {
        var connection = new RawConnection();
        await connection._client.ConnectAsync(address.Host, address.Port, connection._deadline.Token);
        connection._stream = connection._client.GetStream();
        return connection;
    }

    public Task SendAsync(string latin1) => SendAsync(Encoding.Latin1.GetBytes(latin1));

    public async Task SendAsync(byte[] bytes) => await _stream.WriteAsync(bytes, _deadline.Token);

    public Task SendHeadAsync(string headers) => SendAsync($"POST {MappingHost.Path} HTTP/1.1\r\nHost: gateway\r\n{headers}\r\n");

    public async Task<Answer> SendBodyAsync(byte[] body, string headers = "")
    {
        await SendHeadAsync($"Content-Length: {body.Length}\r\n{headers}");
        await SendAsync(body);
        return await ReadAnswerAsync();
    }

    public async Task<Answer> ReadAnswerAsync()
    {
        var status = await ReadLineAsync();
        Assert.StartsWith("HTTP/1.1 ", status, StringComparison.Ordinal);
        var headers = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase);
        while (await ReadLineAsync() is { Length: > 0 } line)
        {
            var colon = line.IndexOf(':', StringComparison.Ordinal);
            headers[line[..colon]] = line[(colon + 1)..].Trim();
        }

        var body = new StringBuilder();
        if (headers.TryGetValue("Content-Length", out var length))
        {
            body.Append(await ReadExactlyAsync(int.Parse(length, CultureInfo.InvariantCulture)));
        }
        else if (headers.ContainsKey("Transfer-Encoding"))
        {
            while (int.Parse(await ReadLineAsync(), NumberStyles.HexNumber, CultureInfo.InvariantCulture) is > 0 and var size)
            {
                body.Append(await ReadExactlyAsync(size));
                await ReadLineAsync();
            }

            await ReadLineAsync();
        }

        return new Answer(int.Parse(status.AsSpan(9, 3), CultureInfo.InvariantCulture), headers, body.ToString());
    }

    /// <summary>Drops the connection with a reset, as a killed client does.</summary>
    public void Reset()
    {
        _client.LingerState = new LingerOption(enable: true, seconds: 0);
        _client.Dispose();
    }

    public ValueTask DisposeAsync()
    {
        _client.Dispose();
        _deadline.Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task<string> ReadLineAsync()
    {
        var line = new StringBuilder();
        while (true)
        {
            var next = await ReadExactlyAsync(1);
            if (next == "\n")
            {
                return line.ToString().TrimEnd('\r');
            }

            line.Append(next);
        }
    }

    private async Task<string> ReadExactlyAsync(int count)
    {
        var bytes = new byte[count];
        await _stream.ReadExactlyAsync(bytes, _deadline.Token);
        return Encoding.UTF8.GetString(bytes);
    }
}
