using System.Net;
using System.Net.Sockets;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>Promise: SIGTERM lets streams in flight finish within a set time, takes nothing new, and the exit code is 0.</summary>
public sealed class ShutdownTests
{
    [Theory]
    [InlineData("TERM")]
    [InlineData("INT")]
    public async Task IdleGateway_ExitsWithZeroAndWaitsForNoIdleConnection(string signal)
    {
        // The time for requests in flight outlasts the test; that for load balancers passes.
        await using var pair = await GatewayPair.StartAsync(options =>
        {
            options.OutOfProcess = true;
            options.Settings = ShippedSettings.WithValues(
                ("Server:ShutdownTimeout", "\"00:10:00\""), ("Server:ShutdownDelay", "\"00:00:01\""));
        });
        await using var idle = await pair.Gateway.ConnectAsync();
        await idle.GetAsync("/v1/models");
        await idle.ReadAsync();

        await pair.Gateway.Process.TerminateAsync(signal);
        var output = await pair.Gateway.Process.WaitForExitAsync();

        Assert.Equal(0, output.ExitCode);
        Assert.DoesNotContain("   at ", output.All, StringComparison.Ordinal);
    }

    [Fact]
    public async Task StreamInFlight_FinishesAndThenTheProcessEnds()
    {
        await using var pair = await GatewayPair.StartAsync(options => options.OutOfProcess = true);
        await using var client = await pair.Gateway.ConnectAsync();
        await client.PostAsync("/v1/chat/completions", """{"model":"m","stream":true}""", "x-fake-step: 1", "x-fake-events: 30");
        var head = await client.ReadHeadAsync();
        var request = await pair.Upstream.Requests.WaitForAsync(request => request.BodyComplete);
        request.Release(4);
        await pair.Upstream.Requests.WaitForAsync(request => request.EventsWritten == 3);

        await pair.Gateway.Process.TerminateAsync();
        await Eventually.TrueAsync(async () => !await AcceptsAsync(pair.Gateway.Address), "the listener to close");
        Assert.False(pair.Gateway.Process.HasExited);
        request.ReleaseAll();
        var body = await client.ReadBodyAsync(head);
        var output = await pair.Gateway.Process.WaitForExitAsync();

        Assert.Equal(RawEnd.Complete, body.End);
        Assert.Equal("[DONE]", SseEvents.Parse(body.Text)[^1].Data);
        Assert.Equal(33, SseEvents.Parse(body.Text).Count);
        Assert.Equal(0, output.ExitCode);
    }

    [Fact]
    public async Task StreamThatNeverEnds_IsCutAfterTheSetTimeAndUpstreamIsAborted()
    {
        await using var pair = await GatewayPair.StartAsync(options =>
        {
            options.OutOfProcess = true;
            options.Settings = ShippedSettings.WithValues(("Server:ShutdownTimeout", "\"00:00:01\""));
        });
        await using var client = await pair.Gateway.ConnectAsync();
        await client.PostAsync("/v1/chat/completions", """{"model":"m","stream":true}""", "x-fake-stall-after: 2");
        var head = await client.ReadHeadAsync();
        await pair.Upstream.Requests.WaitForAsync(request => request.EventsWritten == 2);

        await pair.Gateway.Process.TerminateAsync();
        var body = await client.ReadBodyAsync(head);
        var output = await pair.Gateway.Process.WaitForExitAsync();

        Assert.NotEqual(RawEnd.Complete, body.End);
        Assert.DoesNotContain("[DONE]", body.Text, StringComparison.Ordinal);
        Assert.Equal(0, output.ExitCode);
        await pair.Upstream.Requests.Last.WaitForEndAsync();
        Assert.Equal(FakeOpenRouter.ReceivedEnd.ClientAborted, pair.Upstream.Requests.Last.End);
    }

    [Fact]
    public async Task Readiness_TurnsOffWhileTheListenerStaysForTheLoadBalancer()
    {
        await using var pair = await GatewayPair.StartAsync(options =>
        {
            options.OutOfProcess = true;
            options.Settings = ShippedSettings.WithValues(("Server:ShutdownDelay", "\"00:10:00\""));
        });
        Assert.Equal(200, (await pair.GetAsync("/health/ready")).Status);

        await pair.Gateway.Process.TerminateAsync();
        await Eventually.TrueAsync(
            async () => (await pair.GetAsync("/health/ready")).Status == 503, "readiness to turn off");
        var head = await pair.SendAsync("HEAD", "/health/ready", ["Connection: close"], []);
        Assert.Equal(503, head.Status);
        Assert.Null(head.Head.Header("x-gateway-error"));
        Assert.Equal(200, (await pair.GetAsync("/health/live")).Status);
        Assert.Equal(200, (await pair.ChatAsync("m")).Status);
        Assert.False(pair.Gateway.Process.HasExited);
    }

    [Theory]
    [InlineData("TERM")]
    [InlineData("INT")]
    public async Task SignalDuringTheStart_ExitsWithZero(string signal)
    {
        // A PostgreSQL server that accepts the connection and sends nothing: the start waits for the ledger.
        using var silent = new TcpListener(IPAddress.Loopback, 0);
        silent.Start();
        var port = ((IPEndPoint)silent.LocalEndpoint).Port;
        using var folder = new TempFolder();
        folder.Write("search.key", TeamSetup.UpstreamKey);
        folder.Write("appsettings.json", ShippedSettings.With(
            ("Teams", $"[ {TeamSetup.Team(reference: "file:" + folder.File("search.key"))} ]"),
            ("Usage", $$"""
                { "Store": "Postgres", "Postgres": { "ConnectionString": "Host=127.0.0.1;Port={{port}};Username=u;Timeout=600;SSL Mode=Disable" } }
                """)));
        await using var process = GatewayProcess.Start(["--ip", "127.0.0.1", "--port", "0"], folder.Path);
        using var accepted = await silent.AcceptTcpClientAsync(TestContext.Current.CancellationToken).AsTask().GuardAsync();

        await process.TerminateAsync(signal);
        var output = await process.WaitForExitAsync();

        Assert.Equal((0, ""), (output.ExitCode, output.Error));
        Assert.DoesNotContain("   at ", output.All, StringComparison.Ordinal);
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
}
