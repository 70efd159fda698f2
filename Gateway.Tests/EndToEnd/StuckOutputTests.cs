using System.Net.Sockets;
using System.Text.RegularExpressions;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>Promise: a reader of standard output that is stuck stops neither the requests nor the end, and dropped lines are counted.</summary>
public sealed partial class StuckOutputTests
{
    // A pipe holds 64 KB, and the gateway buffers as much; a line has more than 300 bytes.
    private const int Requests = 1500;

    [Fact]
    public async Task OutputThatNobodyReads_StopsNeitherRequestsNorTheEnd()
    {
        using var folder = new TempFolder();
        folder.Write("appsettings.json", ShippedSettings.Text);
        await NamedPipe.CreateAsync(folder.File("output"));

        // Open for both, so that the open does not wait for the other side.
        await using var unread = new FileStream(folder.File("output"), FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        using var port = LoopbackPort.Claim();
        await using var process = GatewayProcess.Start(
            ["--ip", "127.0.0.1", "--port", port.ToString()],
            folder.Path,

            // Two threads of the pool wait for the output. Without another one the line may miss the end.
            new Dictionary<string, string> { ["DOTNET_ThreadPool_ForceMinWorkerThreads"] = "10" },
            through: ["sh", "-c", "exec \"$@\" >\"$0\"", folder.File("output")]);
        var address = new Uri($"http://127.0.0.1:{port}");
        await Eventually.TrueAsync(() => AcceptsAsync(address), "the gateway to listen");

        await using (var client = await RawHttpClient.ConnectAsync(address))
        {
            for (var i = 0; i < Requests; i++)
            {
                await client.GetAsync("/no/such/path");
                Assert.Equal(404, (await client.ReadAsync()).Head.Status);
            }
        }

        await process.TerminateAsync();
        var output = await process.WaitForExitAsync();

        Assert.Equal(0, output.ExitCode);
        var line = Assert.Single(output.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.Matches(DroppedLines(), line);
    }

    private static async Task<bool> AcceptsAsync(Uri address)
    {
        try
        {
            using var client = new TcpClient();
            await client.ConnectAsync(address.Host, address.Port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    [GeneratedRegex(@"^Standard output is not read; [1-9]\d* log lines were dropped\.$")]
    private static partial Regex DroppedLines();
}
