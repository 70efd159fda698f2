using System.Text.Json;
using FakeOpenRouter;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: when the client leaves, upstream is aborted, before and after the first byte. The abort stops the bill. The answers would go on for
/// far longer than a test may last, so an abort is the only end that a test sees.
/// </summary>
public sealed class ClientLeavesTests : IClassFixture<ClientLeavesTests.Fixture>
{
    private readonly GatewayPair _pair;

    public ClientLeavesTests(Fixture fixture)
    {
        _pair = fixture.Pair;
    }

    [Theory]
    [InlineData("x-fake-delay-ms: 600000", "reset")]
    [InlineData("x-fake-delay-ms: 600000", "close")]
    [InlineData("x-fake-stall-after: 0", "reset")]
    [InlineData("x-fake-stall-after: 0", "close")]
    public async Task BeforeTheFirstByte(string script, string how)
    {
        var id = _pair.NextId();
        await using var client = await _pair.Gateway.ConnectAsync();
        await client.PostAsync("/v1/chat/completions", """{"model":"ruled","stream":true}""", script, $"x-fake-id: {id}");
        var request = await _pair.Upstream.Requests.WaitForAsync(candidate => candidate.Id == id && candidate.BodyComplete);

        await AssertAbortedAsync(client, how, request);
        Assert.Equal(0, request.EventsWritten);
    }

    [Theory]
    [InlineData("x-fake-stall-after: 3", "reset")]
    [InlineData("x-fake-stall-after: 3", "close")]
    [InlineData("x-fake-interval-ms: 50", "reset")]
    [InlineData("x-fake-interval-ms: 50", "close")]
    public async Task AfterTheFirstByte(string script, string how)
    {
        var id = _pair.NextId();
        await using var client = await _pair.Gateway.ConnectAsync();
        await client.PostAsync(
            "/v1/chat/completions", """{"model":"ruled","stream":true}""", script, "x-fake-events: 100000", $"x-fake-id: {id}");
        var request = await _pair.Upstream.Requests.WaitForAsync(candidate => candidate.Id == id && candidate.EventsWritten >= 3);
        await client.ReadHeadAsync();

        await AssertAbortedAsync(client, how, request);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task WhileUpstreamsHeadersWaitForAFirstByte(bool stream)
    {
        // Nothing outside of the gateway shows when upstream's headers have reached it: each call leaves a little later.
        await Task.WhenAll(Enumerable.Range(0, 20).Select(async moment =>
        {
            var id = _pair.NextId();
            await using var client = await _pair.Gateway.ConnectAsync();
            var body = $$"""{"model":"ruled","stream":{{(stream ? "true" : "false")}}}""";
            await client.PostAsync("/v1/chat/completions", body, "x-fake-first-byte-delay-ms: 600000", $"x-fake-id: {id}");
            var request = await _pair.Upstream.Requests.WaitForAsync(candidate => candidate.Id == id && candidate.BodyComplete);
            await StepAsideAsync(moment * 50);

            await AssertAbortedAsync(client, "reset", request);
        }));
    }

    [Fact]
    public async Task WithoutAStream()
    {
        // Without teams nothing is metered, so there is no reason to read such an answer to its end.
        var id = _pair.NextId();
        await using var client = await _pair.Gateway.ConnectAsync();
        await client.PostAsync("/v1/chat/completions", """{"model":"ruled"}""", "x-fake-delay-ms: 600000", $"x-fake-id: {id}");
        var request = await _pair.Upstream.Requests.WaitForAsync(candidate => candidate.Id == id && candidate.BodyComplete);

        await AssertAbortedAsync(client, "reset", request);
    }

    [Fact]
    public async Task OnAnUntouchedRoute()
    {
        var id = _pair.NextId();
        await using var client = await _pair.Gateway.ConnectAsync();
        await client.PostAsync("/v1/audio/speech", """{"model":"ruled"}""", "x-fake-delay-ms: 600000", $"x-fake-id: {id}");
        var request = await _pair.Upstream.Requests.WaitForAsync(candidate => candidate.Id == id && candidate.BodyComplete);

        await AssertAbortedAsync(client, "reset", request);
    }

    [Fact]
    public async Task MidBody_NothingIsForwarded()
    {
        var id = _pair.NextId();
        await using (var client = await _pair.Gateway.ConnectAsync())
        {
            await client.SendAsync(
                "POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer k\r\n"
                + $"x-fake-id: {id}\r\nContent-Length: 100\r\n\r\n{{\"model\":");
            client.Reset();
        }

        // Another call on the same gateway shows that it is well and has had its time.
        Assert.Equal(200, (await _pair.ChatAsync("ruled")).Status);
        Assert.Null(_pair.Upstream.Requests.Find(id));
    }

    /// <summary>YARP sets the status of an error, which no client gets.</summary>
    [Fact]
    public async Task BeforeTheResponse_TheStatusIs499AndTheSpanNoError()
    {
        await using var collector = await OtlpReceiver.StartAsync(isGrpc: false);
        await using var pair = await GatewayPair.StartAsync(options =>
        {
            options.OutOfProcess = true;
            options.Environment["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] = collector.Address + "/v1/traces";
            options.Environment["OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"] = "http/protobuf";
            options.Environment["OTEL_BSP_SCHEDULE_DELAY"] = "100";
        });
        await LeaveAsync("/v1/chat/completions", "x-fake-delay-ms: 600000");
        await LeaveAsync("/v1/audio/speech", "x-fake-delay-ms: 600000");
        await LeaveAsync("/v1/completions", "x-fake-stall-after: 1", static client => client.ReadHeadAsync());
        await using (var client = await pair.Gateway.ConnectAsync())
        {
            await client.SendAsync(
                "POST /v1/embeddings HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer k\r\nContent-Type: application/json\r\n"
                + "Expect: 100-continue\r\nContent-Length: 100\r\n\r\n");
            Assert.Equal(100, (await client.ReadHeadAsync()).Status);
            client.Reset();
        }

        (string Path, int Status)[] expected =
        [
            ("/v1/chat/completions", 499), ("/v1/audio/speech", 499), ("/v1/completions", 200), ("/v1/embeddings", 499),
        ];
        foreach (var (path, status) in expected)
        {
            var line = await pair.Gateway.Log.WaitForAsync(
                line => line.Contains($"\"Path\":\"{path}\"", StringComparison.Ordinal), $"the request for {path}");
            using var json = JsonDocument.Parse(line);
            Assert.Equal((status, "ClientLeft"), (json.RootElement.GetProperty("Status").GetInt32(), json.RootElement.GetProperty("End").GetString()));
        }

        await Eventually.TrueAsync(
            () => expected.All(one => collector.Spans.Any(span => span.Attributes.GetValueOrDefault("url.path") == one.Path)), "the spans");
        await pair.Gateway.Process.TerminateAsync();
        await pair.Gateway.Process.WaitForExitAsync();
        foreach (var (path, status) in expected)
        {
            var span = Assert.Single(collector.Spans, span => span.Attributes.GetValueOrDefault("url.path") == path);
            Assert.Equal(
                ($"{status}", "client_left", 0UL),
                (span.Attributes["http.response.status_code"], span.Attributes["error.type"], span.Status));
        }

        async Task LeaveAsync(string path, string script, Func<RawHttpClient, Task>? read = null)
        {
            var id = pair.NextId();
            await using var client = await pair.Gateway.ConnectAsync();
            await client.PostAsync(path, """{"model":"ruled","stream":true}""", script, $"x-fake-id: {id}");
            var request = await pair.Upstream.Requests.WaitForAsync(candidate => candidate.Id == id && candidate.BodyComplete);
            await (read?.Invoke(client) ?? Task.CompletedTask);
            await AssertAbortedAsync(client, "reset", request);
        }
    }

    [Theory]
    [InlineData("x-fake-stall-after: 2")]
    [InlineData("x-fake-interval-ms: 7")]
    public async Task ManyAtOnce(string script)
    {
        // With this many, some leave while the gateway reads, some while it writes, some in between.
        var ids = Enumerable.Range(0, 40).Select(_ => _pair.NextId()).ToList();
        var clients = await Task.WhenAll(ids.Select(async id =>
        {
            var client = await _pair.Gateway.ConnectAsync();
            await client.PostAsync(
                "/v1/chat/completions", """{"model":"ruled","stream":true}""", script, "x-fake-events: 1000000", $"x-fake-id: {id}");
            await client.ReadHeadAsync();
            return client;
        }));
        foreach (var client in clients)
        {
            client.Reset();
        }

        foreach (var request in ids.Select(id => _pair.Upstream.Requests.Find(id)!))
        {
            await request.WaitForEndAsync();
            Assert.Equal(ReceivedEnd.ClientAborted, request.End);
        }

        foreach (var client in clients)
        {
            await client.DisposeAsync();
        }
    }

    [Theory]
    [InlineData("x-fake-stall-after: 0")]
    [InlineData("x-fake-interval-ms: 3")]
    public async Task AtAnyMoment(string script)
    {
        // Each leaves a little later than the one before it, so that every step between the request and the first events is met.
        await Task.WhenAll(Enumerable.Range(0, 60).Select(async moment =>
        {
            var id = _pair.NextId();
            await using var client = await _pair.Gateway.ConnectAsync();
            await client.PostAsync(
                "/v1/chat/completions", """{"model":"ruled","stream":true}""", script, "x-fake-events: 1000000", $"x-fake-id: {id}");
            var request = await _pair.Upstream.Requests.WaitForAsync(candidate => candidate.Id == id && candidate.BodyComplete);
            await StepAsideAsync(moment * 20);
            await AssertAbortedAsync(client, "reset", request);
        }));
    }

    /// <summary>Lets others on this machine go on for so many turns: a scatter of moments, which stands for no event.</summary>
    private static async Task StepAsideAsync(int turns)
    {
        for (var i = 0; i < turns; i++)
        {
            await Task.Yield();
        }
    }

    private static async Task AssertAbortedAsync(RawHttpClient client, string how, ReceivedRequest request)
    {
        Assert.Equal(ReceivedEnd.Open, request.End);
        if (how == "reset")
        {
            client.Reset();
        }
        else
        {
            await client.DisposeAsync();
        }

        await request.WaitForEndAsync();
        Assert.Equal(ReceivedEnd.ClientAborted, request.End);
    }

    public sealed class Fixture : GatewayFixture
    {
        private protected override void Configure(GatewayHostOptions options)
        {
            options.Rules("""[{ "Model": "ruled", "Provider": { "order": ["a"] } }]""");
        }
    }
}
