using System.Net;
using System.Net.Sockets;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: after SIGTERM, streams in flight finish within a set time, nothing new is accepted, and the exit code is 0. A stream that is cut
/// ends with an error. A second signal ends the gateway at once.
/// </summary>
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
    public async Task StreamsThatNeverEnd_AreCutAfterTheSetTimeWithAnErrorOfTheirDialect()
    {
        await using var pair = await GatewayPair.StartAsync(options =>
        {
            options.OutOfProcess = true;
            options.Settings = ShippedSettings.WithValues(("Server:ShutdownTimeout", "\"00:00:01\""));
        });
        (string Path, string End)[] streams =
        [
            ("/v1/chat/completions", """data: {"error":{"message":"Connection error: premature close. The gateway is stopping. Try again.","type":"server_error","code":"gateway_stopping","param":null}}"""),
            ("/v1/messages", "event: error\ndata: " + """{"type":"error","error":{"type":"api_error","message":"Connection error: premature close. The gateway is stopping. Try again."}}"""),
            ("/v1/responses", "event: error\ndata: " + """{"type":"error","code":"gateway_stopping","message":"Connection error: premature close. The gateway is stopping. Try again.","param":null,"sequence_number":2}"""),
        ];
        var clients = new List<(RawHttpClient Client, RawResponse Head)>();
        foreach (var (path, _) in streams)
        {
            var client = await pair.Gateway.ConnectAsync();
            await client.PostAsync(path, """{"model":"m","stream":true}""", "x-fake-stall-after: 2");
            clients.Add((client, await client.ReadHeadAsync()));
        }

        await using var mute = await pair.Gateway.ConnectAsync();
        await mute.PostAsync("/v1/chat/completions", """{"model":"m"}""", "x-fake-delay-ms: 600000", "x-fake-id: mute");
        await pair.Upstream.Requests.WaitForAsync(request => request.Id == "mute" && request.BodyComplete);

        // Needs a restart: the requests have the time of the start, and the line says so.
        await pair.Gateway.ReloadAsync(ShippedSettings.WithValues(("Server:ShutdownTimeout", "\"00:10:00\"")));
        await pair.Gateway.Process.TerminateAsync();

        for (var i = 0; i < streams.Length; i++)
        {
            var body = await clients[i].Client.ReadBodyAsync(clients[i].Head);
            Assert.NotEqual(RawEnd.Complete, body.End);
            Assert.EndsWith("\n\n" + streams[i].End + "\n\n", body.Text, StringComparison.Ordinal);
            await clients[i].Client.DisposeAsync();
        }

        var refused = await mute.ReadAsync();
        Assert.Equal((503, "1"), (refused.Head.Status, refused.Head.Header("retry-after")));
        Assert.Contains("\"gateway_stopping\"", refused.Body.Text, StringComparison.Ordinal);

        var output = await pair.Gateway.Process.WaitForExitAsync();
        Assert.Equal(0, output.ExitCode);
        var ends = output.Out.Split('\n').Where(static line => line.Contains("\"End\":\"Shutdown\"", StringComparison.Ordinal)).ToList();
        Assert.Equal(4, ends.Count);
        Assert.All(ends, static line => Assert.Contains("\"Code\":\"gateway_stopping\"", line, StringComparison.Ordinal));
        Assert.Contains("\"InFlight\":4,\"TimeToFinish\":\"00:00:01\"", output.Out, StringComparison.Ordinal);
        foreach (var request in pair.Upstream.Requests.All)
        {
            await request.WaitForEndAsync();
            Assert.Equal(FakeOpenRouter.ReceivedEnd.ClientAborted, request.End);
        }
    }

    [Theory]
    [InlineData("TERM", "INT", 130)]
    [InlineData("INT", "TERM", 143)]
    [InlineData("INT", "INT", 130)]
    [InlineData("INT", "QUIT", 131)]
    public async Task SecondSignal_EndsTheGatewayAtOnce(string first, string second, int exitCode)
    {
        // Without the second signal, the stream would keep the gateway for longer than the test waits.
        await using var pair = await GatewayPair.StartAsync(options =>
        {
            options.OutOfProcess = true;
            options.Settings = ShippedSettings.WithValues(("Server:ShutdownTimeout", "\"00:10:00\""));
        });
        await using var client = await pair.Gateway.ConnectAsync();
        await client.PostAsync("/v1/chat/completions", """{"model":"m","stream":true}""", "x-fake-stall-after: 2");
        await client.ReadHeadAsync();

        await pair.Gateway.Process.TerminateAsync(first);
        var line = await pair.Gateway.Log.WaitForAsync(
            line => line.Contains("\"InFlight\"", StringComparison.Ordinal), "the requests in flight");
        Assert.Contains($"\"Signal\":\"SIG{first}\",\"InFlight\":1,\"TimeToFinish\":\"00:10:00\"", line, StringComparison.Ordinal);
        await pair.Gateway.Process.TerminateAsync(second);

        Assert.Equal(exitCode, (await pair.Gateway.Process.WaitForExitAsync()).ExitCode);
    }

    [Fact]
    public async Task Readiness_TurnsOffWhileTheListenerStaysForTheLoadBalancer()
    {
        await using var pair = await GatewayPair.StartAsync(options =>
        {
            options.OutOfProcess = true;
            options.Settings = ShippedSettings.WithValues(("Server:ShutdownDelay", "\"00:10:00\""));
        });

        // The gateway listens before it is ready.
        await Eventually.TrueAsync(async () => (await pair.GetAsync("/health/ready")).Status == 200, "readiness");

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
