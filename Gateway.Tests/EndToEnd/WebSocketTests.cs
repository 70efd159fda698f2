using System.Net;
using System.Net.WebSockets;
using System.Text;
using Gateway.Tests.Support;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: without teams a WebSocket passes in both directions, over either version of HTTP on either side, but not on a rewritten endpoint.
/// </summary>
public sealed class WebSocketTests
{
    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public async Task Messages_PassInBothDirections(bool isClientOnHttp2, bool isUpstreamOnHttp2)
    {
        await using var upstream = await StartEchoAsync(isUpstreamOnHttp2 ? HttpProtocols.Http2 : HttpProtocols.Http1);
        await using var gateway = await GatewayHost.StartAsync(options =>
        {
            options.Certificate = isClientOnHttp2 ? TestCertificate.Create() : null;
            options.Settings = ShippedSettings.With(
                ("ReverseProxy", Destinations.Section(
                    $$""", "HttpRequest": { "Version": "{{(isUpstreamOnHttp2 ? 2 : 1.1)}}", "VersionPolicy": "RequestVersionExact" } """,
                    ("a", $$"""{ "Address": "{{upstream.Urls.Single()}}" }"""))),
                ("Upstream", """{ "TotalTimeout": "01:00:00", "FirstEventTimeout": "00:30:00" }"""));
        });
        using var handler = Handler();
        using var invoker = new HttpMessageInvoker(handler);
        using var socket = Socket(isClientOnHttp2);
        using var limit = HangGuard.Start();

        await socket.ConnectAsync(AddressOf(gateway, isClientOnHttp2, "/v1/realtime"), invoker, limit.Token);
        foreach (var message in new[] { "one", "two" })
        {
            await socket.SendAsync(Encoding.UTF8.GetBytes(message), WebSocketMessageType.Text, endOfMessage: true, limit.Token);
            var buffer = new byte[16];
            var received = await socket.ReceiveAsync(buffer, limit.Token);
            Assert.Equal(message, Encoding.UTF8.GetString(buffer, 0, received.Count));
        }

        await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, limit.Token);
        Assert.Equal(WebSocketCloseStatus.NormalClosure, socket.CloseStatus);
    }

    /// <summary>Fault B6: the messages would pass an enforced rule unread. Over HTTP/2 the client sends an extended CONNECT.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task UpgradeOfARewrittenEndpoint_IsRefusedWithoutTeams(bool isClientOnHttp2)
    {
        await using var pair = await GatewayPair.StartAsync(options =>
        {
            options.Certificate = isClientOnHttp2 ? TestCertificate.Create() : null;
            options.Settings = ShippedSettings.With((
                "ProviderMapping",
                """{ "Rules": [ { "Name": "eu", "Model": "*", "WhenClientSetsProvider": "Enforce", "Provider": { "only": ["mistral"] } } ] }"""));
        });
        using var handler = Handler();
        using var invoker = new HttpMessageInvoker(handler);
        using var socket = Socket(isClientOnHttp2);
        socket.Options.CollectHttpResponseDetails = true;
        using var limit = HangGuard.Start();

        await Assert.ThrowsAsync<WebSocketException>(
            () => socket.ConnectAsync(AddressOf(pair.Gateway, isClientOnHttp2, "/v1/responses"), invoker, limit.Token));

        Assert.Equal((HttpStatusCode)426, socket.HttpStatusCode);
        Assert.DoesNotContain(pair.Upstream.Requests.All, static request => request.Path.Contains("responses", StringComparison.Ordinal));
    }

    /// <summary>
    /// Fault D6: Codex asks for a WebSocket first. The refusal makes it send its call as a POST at once. It counts under no limit, and says
    /// that it ends the connection.
    /// </summary>
    [Fact]
    public async Task UpgradeOfCodex_IsRefusedWithTeamsToo_AndItsCallIsServed()
    {
        await using var team = await TeamGateway.StartAsync(
            """ "Limits": { "RequestsPerMinute": 1, "ConcurrentRequests": 1 }, "ServerTools": ["*"] """);
        await using var client = await team.Gateway.ConnectAsync();
        await client.SendAsync(
            $"GET /v1/responses HTTP/1.1\r\nHost: {client.Authority}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nOpenAI-Beta: responses_websockets=2026-02-06\r\n"
            + $"{TeamSetup.Bearer}\r\n\r\n");
        var (refusal, error) = await client.ReadAsync();
        Assert.Equal((426, RawEnd.Complete), (refusal.Status, error.End));
        Assert.Contains("\"upgrade_not_supported\"", error.Text, StringComparison.Ordinal);
        Assert.Contains("close", refusal.Header("Connection"), StringComparison.Ordinal);
        Assert.True(await client.IsClosedByPeerAsync());

        var (path, body) = await AgentRequest.ReadAsync("codex");
        var call = await team.PostAsync(path, body);

        Assert.Equal((200, RawEnd.Complete), (call.Status, call.Body.End));
        Assert.Contains("response.completed", call.Body.Text, StringComparison.Ordinal);
        Assert.Equal("/api/v1/responses", call.Forwarded.Path);
        Assert.DoesNotContain(team.Upstream.Requests.All, static request => request.Method == "GET" && request.Path == "/api/v1/responses");
    }

    private static SocketsHttpHandler Handler() => new() { SslOptions = { RemoteCertificateValidationCallback = TestCertificate.Accept } };

    private static ClientWebSocket Socket(bool isOnHttp2)
    {
        var socket = new ClientWebSocket
        {
            Options =
            {
                HttpVersion = isOnHttp2 ? HttpVersion.Version20 : HttpVersion.Version11,
                HttpVersionPolicy = HttpVersionPolicy.RequestVersionExact,
            },
        };
        socket.Options.SetRequestHeader("Authorization", "Bearer k");
        return socket;
    }

    private static Uri AddressOf(GatewayHost gateway, bool isOnHttp2, string path) =>
        new UriBuilder(gateway.Address) { Scheme = isOnHttp2 ? "wss" : "ws", Path = path }.Uri;

    private static async Task<WebApplication> StartEchoAsync(HttpProtocols protocol)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(
            kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen => listen.Protocols = protocol));
        builder.Logging.ClearProviders();
        var app = builder.Build();
        app.UseWebSockets();
        app.Run(static async context =>
        {
            using var socket = await context.WebSockets.AcceptWebSocketAsync();
            var buffer = new byte[16];
            while (await socket.ReceiveAsync(buffer.AsMemory(), context.RequestAborted) is { MessageType: not WebSocketMessageType.Close } received)
            {
                await socket.SendAsync(buffer.AsMemory(0, received.Count), received.MessageType, received.EndOfMessage, context.RequestAborted);
            }

            await socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, context.RequestAborted);
        });
        await app.StartAsync(TestContext.Current.CancellationToken);
        return app;
    }
}
