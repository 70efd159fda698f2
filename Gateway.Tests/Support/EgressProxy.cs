using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Text;

namespace Gateway.Tests.Support;

/// <summary>
/// A corporate egress proxy on loopback: tunnels by <c>CONNECT</c>, requests in absolute form otherwise. Records the requests that pass through it.
/// </summary>
/// <param name="credentials">User and password, <c>user:password</c>, that every request has to bring.</param>
internal sealed class EgressProxy(string? credentials = null) : LoopbackServer
{
    private readonly ConcurrentQueue<string> _requests = new();

    public string Url => $"http://127.0.0.1:{Port}";

    /// <summary>Method and target of each request: <c>GET http://127.0.0.1:1/api/v1/models</c>, <c>CONNECT 127.0.0.1:2</c>.</summary>
    public IReadOnlyCollection<string> Requests => _requests;

    protected override async Task ServeAsync(NetworkStream client, CancellationToken cancellationToken)
    {
        var lines = await ReadHeadAsync(client, cancellationToken);
        while (credentials is not null && !lines.Contains(Authorization(credentials)))
        {
            await client.WriteAsync(
                "HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm=\"egress\"\r\nContent-Length: 0\r\n\r\n"u8.ToArray(),
                cancellationToken);
            lines = await ReadHeadAsync(client, cancellationToken);
        }

        var (method, target) = lines[0].Split(' ') is [var first, var second, _] ? (first, second) : throw new IOException(lines[0]);
        _requests.Enqueue($"{method} {target}");
        var isTunnel = method == "CONNECT";
        var address = new Uri(isTunnel ? $"http://{target}" : target);
        using var server = new TcpClient();
        await server.ConnectAsync(address.Host, address.Port, cancellationToken);
        var upstream = server.GetStream();
        if (isTunnel)
        {
            await client.WriteAsync("HTTP/1.1 200 Connection established\r\n\r\n"u8.ToArray(), cancellationToken);
        }
        else
        {
            // One request a connection, so that each is seen here.
            var path = target[address.GetLeftPart(UriPartial.Authority).Length..];
            var headers = lines.Skip(1).Where(static line => !line.Contains("Connection:", StringComparison.OrdinalIgnoreCase));
            var head = string.Join("\r\n", [$"{method} {path} HTTP/1.1", "Connection: close", .. headers]) + "\r\n\r\n";
            await upstream.WriteAsync(Encoding.Latin1.GetBytes(head), cancellationToken);
        }

        await DuplexPump.RunAsync(client, upstream, cancellationToken);
    }

    private static string Authorization(string credentials) =>
        $"Proxy-Authorization: Basic {Convert.ToBase64String(Encoding.UTF8.GetBytes(credentials))}";

    /// <summary>Reads the request line and the headers, byte by byte: the bytes that follow belong to the other side.</summary>
    private static async Task<List<string>> ReadHeadAsync(NetworkStream client, CancellationToken cancellationToken)
    {
        var head = new StringBuilder();
        var next = new byte[1];
        while (head.Length < 4 || head.ToString(head.Length - 4, 4) != "\r\n\r\n")
        {
            if (await client.ReadAsync(next, cancellationToken) == 0)
            {
                throw new IOException("no request");
            }

            head.Append((char)next[0]);
        }

        return [.. head.ToString().Split("\r\n", StringSplitOptions.RemoveEmptyEntries)];
    }
}
