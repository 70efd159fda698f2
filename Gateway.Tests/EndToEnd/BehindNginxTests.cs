using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Gateway.Configuration.Model;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: behind nginx with the lines of samples/settings/README.md, event streams pass event by event, uploads are forwarded while they
/// arrive, large bodies pass, and nginx reuses its connections to the gateway.
/// </summary>
public sealed partial class BehindNginxTests(BehindNginxTests.Running running) : IClassFixture<BehindNginxTests.Running>
{
    private const string Chat = "/v1/chat/completions";

    /// <summary>Upstream sends an event only when the client has the one before it: a buffer in between would end the test here.</summary>
    [Fact]
    public async Task Events_PassOneByOneAsTheyAreSent()
    {
        var (pair, nginx) = await running.StartAsync();
        var id = pair.NextId();
        await using var client = await RawHttpClient.ConnectAsync(nginx.Address);
        await client.PostAsync(
            Chat, """{"model":"m","stream":true}""", "x-fake-step: 1", "x-fake-events: 5", "x-fake-keepalives: 0", $"x-fake-id: {id}");
        var request = await pair.Upstream.Requests.WaitForAsync(id);
        request.Release();
        var head = await client.ReadHeadAsync();
        List<RawPiece> pieces = [];
        for (var i = 0; i < 8; i++)
        {
            pieces.Add((await client.ReadPieceAsync(head, pieces))!);
            Assert.StartsWith("data:", pieces[^1].Text, StringComparison.Ordinal);
            request.Release();
        }

        request.ReleaseAll();
        Assert.Equal(RawEnd.Complete, (await client.ReadBodyAsync(head)).End);
    }

    [Fact]
    public async Task Upload_IsForwardedBeforeItsEnd()
    {
        var (pair, nginx) = await running.StartAsync();
        var id = pair.NextId();
        await using var client = await RawHttpClient.ConnectAsync(nginx.Address);
        var half = new byte[100_000];
        await client.SendAsync(
            $"POST /v1/files HTTP/1.1\r\nHost: gateway.example\r\nAuthorization: Bearer sk-or-v1-test\r\nContent-Type: application/octet-stream\r\n"
            + $"Content-Length: {2 * half.Length}\r\nx-fake-id: {id}\r\n\r\n");
        await client.SendAsync(half);

        var request = await pair.Upstream.Requests.WaitForAsync(id);

        Assert.False(request.BodyComplete);
        await client.SendAsync(half);
        await client.ReadAsync();
        Assert.Equal(2 * half.Length, request.BodyLength);
    }

    [Fact]
    public async Task BodyAboveTheDefaultLimitOfNginx_Passes()
    {
        var (pair, nginx) = await running.StartAsync();
        var id = pair.NextId();
        var body = Encoding.UTF8.GetBytes($$"""{"model":"m","messages":[{"role":"user","content":"{{new string('x', 3_000_000)}}"}]}""");
        await using var client = await RawHttpClient.ConnectAsync(nginx.Address);

        await client.PostAsync(Chat, body, $"x-fake-id: {id}");

        Assert.Equal(200, (await client.ReadAsync()).Head.Status);
        Assert.Equal(body.Length, pair.Upstream.Requests.Find(id)!.BodyLength);
    }

    [Fact]
    public async Task CallsOfSeveralClients_ReuseAConnectionToTheGateway()
    {
        var (pair, nginx) = await running.StartAsync();
        var connections = new List<string>();
        for (var i = 0; i < 2; i++)
        {
            var path = $"/v1/models?call={pair.NextId()}";
            await using var client = await RawHttpClient.ConnectAsync(nginx.Address);
            await client.GetAsync(path, $"x-fake-id: {path}");
            var (head, _) = await client.ReadAsync();
            var line = await pair.Gateway.Log.WaitForAsync(
                line => line.Contains($"\"RequestId\":\"{head.Header("x-request-id")}\"", StringComparison.Ordinal), "the request");
            connections.Add(ConnectionId().Match(line).Groups["id"].Value);
        }

        Assert.NotEmpty(connections[0]);
        Assert.Equal(connections[0], connections[1]);
    }

    [Fact]
    public void NginxWaitsAsLongAsTheGateway()
    {
        var settings = ShippedSettings.Parse();
        var activity = TimeSpan.Parse(
            (string)settings["ReverseProxy"]!["Clusters"]!["openrouter"]!["HttpRequest"]!["ActivityTimeout"]!, CultureInfo.InvariantCulture);

        var timeouts = Timeout().Matches(NginxServer.DocumentedLines);

        Assert.Equal(["read", "send"], timeouts.Select(timeout => timeout.Groups["name"].Value));
        Assert.All(timeouts, timeout => Assert.True(
            TimeSpan.FromMinutes(int.Parse(timeout.Groups["minutes"].Value, CultureInfo.InvariantCulture)) >= activity));
    }

    /// <summary>Otherwise nginx would send requests on connections that the gateway is closing.</summary>
    [Fact]
    public void GatewayKeepsIdleConnectionsLongerThanNginx()
    {
        // The default of an upstream's keepalive_timeout.
        Assert.DoesNotContain("keepalive_timeout", NginxServer.DocumentedLines, StringComparison.Ordinal);
        Assert.True(new ServerSettings().Limits.KeepAliveTimeout > TimeSpan.FromSeconds(60));
    }

    [GeneratedRegex("proxy_(?<name>read|send)_timeout (?<minutes>\\d+)m;", RegexOptions.ExplicitCapture)]
    private static partial Regex Timeout();

    [GeneratedRegex("\"ConnectionId\":\"(?<id>[^\"]+)\"", RegexOptions.ExplicitCapture)]
    private static partial Regex ConnectionId();

    /// <summary>Upstream, gateway and nginx for all tests of the class; started by the first that asks, which is skipped without nginx.</summary>
    public sealed class Running : IAsyncDisposable
    {
        private readonly SemaphoreSlim _gate = new(1, 1);
        private GatewayPair? _pair;
        private NginxServer? _nginx;

        /// <inheritdoc />
        public async ValueTask DisposeAsync()
        {
            if (_nginx is { } nginx)
            {
                await nginx.DisposeAsync();
            }

            if (_pair is { } pair)
            {
                await pair.DisposeAsync();
            }

            _gate.Dispose();
        }

        internal async Task<(GatewayPair Pair, NginxServer Nginx)> StartAsync()
        {
            await _gate.WaitAsync();
            try
            {
                // A process, because the log of one in the test's process is off.
                _pair ??= await GatewayPair.StartAsync(static options =>
                {
                    options.OutOfProcess = true;
                    options.Settings = ShippedSettings.WithValues(Sample());
                });
                _nginx ??= await NginxServer.StartAsync(_pair.Gateway.Address);
                return (_pair, _nginx);
            }
            finally
            {
                _gate.Release();
            }
        }

        // The settings of samples/settings/behind-nginx.json; the host's flags replace its port.
        private static (string Path, string Json)[] Sample()
        {
            var text = File.ReadAllText(Path.Combine(Repository.Root, "samples", "settings", "behind-nginx.json"));
            return [.. JsonNode.Parse(text, documentOptions: new() { CommentHandling = System.Text.Json.JsonCommentHandling.Skip })!.AsObject()
                .SelectMany(section => section.Value!.AsObject().Select(member => ($"{section.Key}:{member.Key}", member.Value!.ToJsonString())))];
        }
    }
}
