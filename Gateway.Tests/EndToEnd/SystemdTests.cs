using System.Net.Sockets;
using System.Text;
using FakeOpenRouter;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: under systemd the gateway serves the socket of its .socket unit in place of the address of its settings, and reports that it is
/// ready and that it is stopping.
/// </summary>
public sealed class SystemdTests
{
    [Fact]
    public async Task PassedSocket_ReplacesTheAddressOfTheSettings()
    {
        const string Activator = "systemd-socket-activate";
        Assert.SkipUnless(Programs.Find(Activator) is not null, Activator + " is not installed (Debian's package systemd).");
        await using var upstream = await FakeOpenRouterServer.StartAsync();
        using var folder = new TempFolder();
        folder.Write("appsettings.json", ShippedSettings.Text);
        using var port = LoopbackPort.Claim();
        var address = new Uri($"http://127.0.0.1:{port}");
        await using var process = GatewayProcess.Start(
            ["--ip", "127.0.0.1", "--port", "0", "--openrouter-base-url", upstream.BaseUrl],
            folder.Path,
            through: [Activator, "--listen", address.Authority]);

        // The program starts at the first connection, which waits for it.
        await process.Printed.WaitForAsync(line => line.StartsWith("Listening on", StringComparison.Ordinal), "the socket");
        await using var client = await RawHttpClient.ConnectAsync(address);
        await client.PostAsync("/v1/chat/completions", """{"model":"m"}""");

        Assert.Equal(200, (await client.ReadAsync()).Head.Status);
        await process.Printed.WaitForAsync(
            line => line.Contains($"\"Addresses\":\"{address.GetLeftPart(UriPartial.Authority)}\"", StringComparison.Ordinal), "the only address");
        await process.TerminateAsync();
        Assert.Equal(0, (await process.WaitForExitAsync()).ExitCode);
    }

    [Fact]
    public async Task ReadyAndStopping_AreReported()
    {
        using var folder = new TempFolder();
        using var systemd = new Socket(AddressFamily.Unix, SocketType.Dgram, ProtocolType.Unspecified);
        systemd.Bind(new UnixDomainSocketEndPoint(folder.File("notify")));
        await using var pair = await GatewayPair.StartAsync(options => options.Environment["NOTIFY_SOCKET"] = folder.File("notify"));

        Assert.Equal("READY=1", await ReceiveAsync(systemd));
        Assert.Equal(200, (await pair.GetAsync("/health/ready")).Status);
        await pair.Gateway.Process.TerminateAsync();
        Assert.Equal("STOPPING=1", await ReceiveAsync(systemd));
        Assert.Equal(0, (await pair.Gateway.Process.WaitForExitAsync()).ExitCode);
    }

    private static async Task<string> ReceiveAsync(Socket socket)
    {
        var message = new byte[1024];
        var length = await socket.ReceiveAsync(message, SocketFlags.None).GuardAsync();
        return Encoding.UTF8.GetString(message, 0, length);
    }
}
