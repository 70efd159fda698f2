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
