using System.Net.Sockets;
using System.Text.RegularExpressions;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: clients cannot use up the gateway's file descriptors. Connections above the number that these allow are closed at once. The log
/// and a metric report this, and the gateway continues to serve.
/// </summary>
public sealed partial class ConnectionLimitTests
{
    private const int Extra = 400;

    [Fact]
    public async Task IdleConnections_DoNotUseUpTheFileDescriptors()
    {
        await using var pair = await GatewayPair.StartAsync(static options =>
        {
            options.OutOfProcess = true;
            options.Settings = ShippedSettings.With(("Admin", """{ "Url": "http://127.0.0.1:0" }"""));
            options.Through = ["sh", "-c", "ulimit -n 256; exec \"$@\"", "sh"];
        });
        using var admin = await pair.Gateway.AdminClientAsync();
        var start = await pair.Gateway.Log.WaitForAsync(static line => Allowed().IsMatch(line), "the allowed connections");
        var allowed = int.Parse(Allowed().Match(start).Groups["count"].ValueSpan, null);

        List<TcpClient> connections = [.. Enumerable.Range(0, allowed + Extra).Select(static _ => new TcpClient())];
        try
        {
            var ends = connections.ConvertAll(connection => ConnectAndWaitForEndAsync(connection, pair.Gateway.Address));
            for (var i = 0; i < Extra; i++)
            {
                ends.Remove(await Task.WhenAny(ends).GuardAsync());
            }

            await pair.Gateway.Log.WaitForAsync(
                static line => line.Contains("connections are in use", StringComparison.Ordinal), "the refusal of connections");
            Assert.Equal("""{"status":"live"}""", await admin.GetStringAsync("/health/live", TestContext.Current.CancellationToken));
            Assert.Contains(
                $"gateway_connections_refused_total{{}} {Extra}\n",
                await admin.GetStringAsync("/metrics", TestContext.Current.CancellationToken),
                StringComparison.Ordinal);
            Assert.All(ends, static end => Assert.False(end.IsCompleted));
        }
        finally
        {
            connections.ForEach(static connection => connection.Dispose());
        }

        await pair.Gateway.Log.WaitForAsync(
            static line => line.Contains("Connections are accepted again", StringComparison.Ordinal), "the end of the refusals");
        Assert.Equal(200, (await pair.ChatAsync("m")).Status);
    }

    private static async Task ConnectAndWaitForEndAsync(TcpClient connection, Uri address)
    {
        try
        {
            await connection.ConnectAsync(address.Host, address.Port);
            await connection.GetStream().ReadExactlyAsync(new byte[1]);
        }
        catch (Exception exception) when (exception is IOException or SocketException)
        {
            // Closed or reset by the gateway, or by the end of the test.
        }
        catch (ObjectDisposedException)
        {
            // The end of the test.
        }
    }

    [GeneratedRegex("\"Allowed\":(?<count>\\d+),\"Limit\":256,")]
    private static partial Regex Allowed();
}
