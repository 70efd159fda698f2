using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: an upstream that dies mid-stream leaves the dialect's own error event and a connection that failed, never a clean end; one that
/// cannot be reached or is too slow is a 502 or 504 in the dialect of the route.
/// </summary>
public sealed class UpstreamFailureTests : IClassFixture<UpstreamFailureTests.Fixture>
{
    private readonly GatewayPair _pair;

    public UpstreamFailureTests(Fixture fixture)
    {
        _pair = fixture.Pair;
    }

    [Theory]
    [InlineData("chat/completions", 3)]
    [InlineData("completions", 2)]
    [InlineData("responses", 6)]
    [InlineData("messages", 4)]
    [InlineData("images", 2)]
    public async Task StreamCutBetweenEvents_EndsWithAnErrorEventAndAFailedConnection(string endpoint, int after)
    {
        var call = await _pair.PostAsync(
            "/v1/" + endpoint, """{"model":"m","stream":true}""", "x-fake-events: 9", $"x-fake-cut-after: {after}");

        Assert.Equal(200, call.Status);
        Assert.NotEqual(RawEnd.Complete, call.Body.End);
        Assert.DoesNotContain("[DONE]", call.Body.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("message_stop", call.Body.Text, StringComparison.Ordinal);
        var events = SseEvents.Parse(call.Body.Text);
        Assert.Equal(after + 1, events.Count);
        SseEvents.IsErrorOf(endpoint, events[^1]);
    }

    /// <summary>A request without a body is sent once, too: upstream may have processed it before the connection broke.</summary>
    [Theory]
    [InlineData("POST")]
    [InlineData("PATCH")]
    [InlineData("DELETE")]
    public async Task RequestWithoutABody_IsNotSentAgain(string method)
    {
        var requests = 0;
        await using var upstream = ScriptedSocketUpstream.Start(async connection =>
        {
            await connection.ReadRequestAsync();
            Interlocked.Increment(ref requests);
        });
        await using var gateway = await GatewayHost.StartAsync(options => options.Upstream = upstream.BaseUrl);
        await using var client = await gateway.ConnectAsync();

        await client.SendAsync($"{method} /v1/responses/x/cancel HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer k\r\n\r\n");
        var (head, _) = await client.ReadAsync();

        Assert.Equal(502, head.Status);
        Assert.Equal(1, requests);
    }

    [Theory]
    [InlineData("chat/completions", 26)]
    [InlineData("chat/completions", 100)]
    [InlineData("messages", 26)]
    public async Task StreamCutBeforeItsFirstData_Is502(string endpoint, int at)
    {
        var call = await _pair.PostAsync("/v1/" + endpoint, """{"model":"m","stream":true}""", $"x-fake-cut-at-byte: {at}");

        if (endpoint == "messages")
        {
            call.IsRefusedInMessagesDialect(502);
        }
        else
        {
            call.IsRefused(502);
        }
    }

    [Theory]
    [InlineData(400)]
    [InlineData(401)]
    [InlineData(500)]
    public async Task StreamCutWithinAnEvent_StillEndsWithAReadableErrorEvent(int at)
    {
        var call = await _pair.PostAsync("/v1/chat/completions", """{"model":"m","stream":true}""", $"x-fake-cut-at-byte: {at}");

        Assert.NotEqual(RawEnd.Complete, call.Body.End);
        Assert.DoesNotContain("[DONE]", call.Body.Text, StringComparison.Ordinal);
        SseEvents.IsErrorOf("chat/completions", SseEvents.Parse(call.Body.Text)[^1]);
    }

    [Fact]
    public async Task StreamReset_EndsTheSameWay()
    {
        var hasArrived = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var upstream = ScriptedSocketUpstream.Start(async connection =>
        {
            await connection.ReadRequestAsync();
            await connection.SendAsync("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
            await connection.SendChunkAsync("data: {\"choices\":[]}\n\n");
            await hasArrived.Task.GuardAsync();
            connection.Reset();
        });
        await using var gateway = await GatewayHost.StartAsync(options => options.Upstream = upstream.BaseUrl);
        await using var client = await gateway.ConnectAsync();
        await client.PostAsync("/v1/chat/completions", """{"model":"m","stream":true}""");
        var head = await client.ReadHeadAsync();
        var first = await client.ReadPieceAsync(head, []);
        Assert.Equal("data: {\"choices\":[]}\n\n", first!.Text);
        hasArrived.SetResult();
        var body = await client.ReadBodyAsync(head);

        Assert.NotEqual(RawEnd.Complete, body.End);
        SseEvents.IsErrorOf("chat/completions", SseEvents.Parse(body.Text)[^1]);
    }

    [Theory]
    [InlineData("zz\r\nnot a chunk\r\n")]
    [InlineData("5\r\ndata:")]
    [InlineData("ffffffffffffffffff\r\n")]
    public async Task BadChunksOfUpstream_NeverLookLikeACleanEnd(string rest)
    {
        await using var upstream = ScriptedSocketUpstream.Answering(
            "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n16\r\ndata: {\"choices\":[]}\n\n\r\n" + rest);
        await using var gateway = await GatewayHost.StartAsync(options => options.Upstream = upstream.BaseUrl);
        await using var client = await gateway.ConnectAsync();
        await client.PostAsync("/v1/chat/completions", """{"model":"m","stream":true}""");
        var head = await client.ReadHeadAsync();
        var body = await client.ReadBodyAsync(head);

        // Bad framing right behind the head may also be seen before anything went out.
        Assert.True(head.Status == 502 || body.End != RawEnd.Complete, $"{head.StatusLine}, {body.End}, {body.Text}");
    }

    [Theory]
    [InlineData("x-fake-cut-at-byte: 500", "x-fake-chunked: 0")]
    [InlineData("x-fake-cut-at-byte: 500", "x-fake-chunked: 1")]
    [InlineData("x-fake-cut-at-byte: 70000", "x-fake-chunked: 1")]
    public async Task JsonCutShort_IsAFailedConnection(string script, string other)
    {
        var call = await _pair.PostAsync("/v1/chat/completions", """{"model":"m"}""", script, other, "x-fake-size: 300000");

        Assert.Equal(200, call.Status);
        Assert.NotEqual(RawEnd.Complete, call.Body.End);
    }

    [Theory]
    [InlineData("x-fake-chunked: 0")]
    [InlineData("x-fake-chunked: 1")]
    public async Task JsonCutBeforeItsOutput_Is502(string other) =>
        (await _pair.PostAsync("/v1/chat/completions", """{"model":"m"}""", "x-fake-cut-at-byte: 100", other)).IsRefused(502);

    [Fact]
    public async Task StreamCutOnAnUntouchedRoute_IsAFailedConnection()
    {
        var call = await _pair.PostAsync("/v1/audio/speech", new byte[1000], "x-fake-echo: 1", "x-fake-cut-at-byte: 500");

        Assert.NotEqual(RawEnd.Complete, call.Body.End);
        Assert.Equal(new byte[500], call.Body.Bytes);
    }

    [Fact]
    public async Task ClosedWithoutAnAnswer_Is502()
    {
        (await _pair.PostAsync("/v1/chat/completions", """{"model":"m","stream":true}""", "x-fake-close: 1")).IsRefused(502);
        (await _pair.PostAsync("/v1/messages", """{"model":"m"}""", "x-fake-close: 1")).IsRefusedInMessagesDialect(502);
        (await _pair.PostAsync("/v1/files", "x", "x-fake-close: 1")).IsRefused(502);
    }

    [Fact]
    public async Task ClosedWithoutAnAnswer_IsNotTriedAgain()
    {
        var before = _pair.Upstream.Requests.All.Count(request => request.Path == "/api/v1/rerank");

        await _pair.PostAsync("/v1/rerank", """{"model":"m"}""", "x-fake-close: 1");

        Assert.Equal(before + 1, _pair.Upstream.Requests.All.Count(request => request.Path == "/api/v1/rerank"));
    }

    [Theory]
    [InlineData("garbage\r\n\r\n")]
    [InlineData("HTTP/1.1 abc OK\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nbad header\r\n\r\n")]
    [InlineData("HTTP/1.1 200 OK\r\nContent-Length: x\r\nContent-Length: y")]
    [InlineData("")]
    public async Task NonsenseOfUpstream_Is502(string answer)
    {
        await using var upstream = ScriptedSocketUpstream.Answering(answer);
        await using var gateway = await GatewayHost.StartAsync(options => options.Upstream = upstream.BaseUrl);
        await using var client = await gateway.ConnectAsync();
        await client.PostAsync("/v1/chat/completions", "{}");
        var (head, body) = await client.ReadAsync();

        new Exchange(head, body, null).IsRefused(502);
    }

    [Theory]
    [InlineData(204)]
    [InlineData(205)]
    public async Task BodyThatTheStatusForbids_IsLeftOut(int status)
    {
        await using var upstream = ScriptedSocketUpstream.Answering($"HTTP/1.1 {status} Nothing\r\nContent-Length: 5\r\n\r\nhello");
        await using var gateway = await GatewayHost.StartAsync(options => options.Upstream = upstream.BaseUrl);
        await using var client = await gateway.ConnectAsync();
        for (var i = 0; i < 2; i++)
        {
            await client.PostAsync("/v1/chat/completions", "{}");
            var (head, body) = await client.ReadAsync();

            Assert.Equal(status, head.Status);
            Assert.Empty(body.Bytes);

            // The gateway has read the body of a 205, so that the next call could take the connection before its end has arrived.
            await upstream.WhenClosedAsync();
        }
    }

    [Fact]
    public async Task UpgradeThatNobodyAskedFor_Is502WithoutItsHeaders()
    {
        await using var upstream = ScriptedSocketUpstream.Answering(
            "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: other\r\nX-Other: 1\r\n\r\n");
        await using var gateway = await GatewayHost.StartAsync(options => options.Upstream = upstream.BaseUrl);
        await using var client = await gateway.ConnectAsync();
        await client.PostAsync("/v1/chat/completions", "{}");
        var (head, body) = await client.ReadAsync();

        new Exchange(head, body, null).IsRefused(502);
        Assert.Null(head.Header("Upgrade"));
        Assert.Null(head.Header("X-Other"));
    }

    [Theory]
    [InlineData("Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", "hello")]
    [InlineData("Content-Length: 100\r\n\r\ndata: [1]\n\n", "data: [1]\n\n")]
    [InlineData("Content-Length: 100\r\n\r\ndata: [DONE]\n\n", "data: [DONE]\n\n")]
    public async Task StreamThatCannotBeAddedTo_BringsWhatCameBeforeTheCut(string rest, string came)
    {
        await using var upstream = ScriptedSocketUpstream.Answering("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n" + rest);
        await using var gateway = await GatewayHost.StartAsync(options => options.Upstream = upstream.BaseUrl);
        await using var client = await gateway.ConnectAsync();
        await client.PostAsync("/v1/chat/completions", """{"model":"m","stream":true}""");
        var (_, body) = await client.ReadAsync();

        Assert.Equal(came, body.Text);
        Assert.NotEqual(RawEnd.Complete, body.End);
    }

    [Theory]
    [InlineData("/v1/chat/completions", false)]
    [InlineData("/v1/messages", true)]
    [InlineData("/api/v1/messages", true)]
    [InlineData("/v1/responses", false)]
    [InlineData("/v1/files", false)]
    public async Task UnreachableUpstream_Is502InTheDialectOfTheRoute(string path, bool messages)
    {
        await using var gateway = await GatewayHost.StartAsync(options => options.Upstream = ScriptedSocketUpstream.RefusingBaseUrl);
        await using var client = await gateway.ConnectAsync();
        await client.PostAsync(path, """{"model":"m","stream":true}""");
        var (head, body) = await client.ReadAsync();

        var call = new Exchange(head, body, null);
        if (messages)
        {
            call.IsRefusedInMessagesDialect(502);
        }
        else
        {
            call.IsRefused(502);
        }

        Assert.DoesNotContain("127.0.0.1", body.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("Exception", body.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task UnresolvableUpstream_Is502()
    {
        await using var gateway = await GatewayHost.StartAsync(options => options.Upstream = "http://no-such-host.invalid/api/v1");
        await using var client = await gateway.ConnectAsync();
        await client.PostAsync("/v1/chat/completions", "{}");
        var (head, body) = await client.ReadAsync();

        new Exchange(head, body, null).IsRefused(502);
    }

    [Fact]
    public async Task SilentUpstream_Is504AfterTheActivityTimeout()
    {
        await using var pair = await GatewayPair.StartAsync(Impatient);

        var calls = await Task.WhenAll(
            pair.PostAsync("/v1/chat/completions", """{"model":"m"}""", "x-fake-delay-ms: 600000"),
            pair.PostAsync("/v1/messages", """{"model":"m"}""", "x-fake-delay-ms: 600000"));

        calls[0].IsRefused(504);
        calls[1].IsRefusedInMessagesDialect(504);
    }

    [Fact]
    public async Task ConnectionThatUpstreamClosedMeanwhile_CostsNoRequest()
    {
        // A kept-alive connection that upstream closes while it is idle: the next call must find a new one.
        await using var upstream = ScriptedSocketUpstream.Start(async connection =>
        {
            await connection.ReadRequestAsync();
            await connection.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
        });
        await using var gateway = await GatewayHost.StartAsync(options => options.Upstream = upstream.BaseUrl);
        await using var client = await gateway.ConnectAsync();
        for (var i = 0; i < 5; i++)
        {
            await client.PostAsync("/v1/chat/completions", "{}");
            var (head, _) = await client.ReadAsync();
            Assert.Equal(200, head.Status);

            // A close that crosses the next call on its way is lost to any client; one that has arrived must be seen.
            await upstream.WhenClosedAsync();
        }

        Assert.Equal(5, upstream.Connections);
    }

    // Long enough for a busy machine to pass on the events before the silence.
    private static void Impatient(GatewayHostOptions options)
    {
        options.Settings = ShippedSettings.WithValues(("ReverseProxy:Clusters:openrouter:HttpRequest:ActivityTimeout", "\"00:00:10\""));
    }

    public sealed class Fixture : GatewayFixture
    {
        // A response that is cut before its first data is an error, however long the cut takes.
        private protected override void Configure(GatewayHostOptions options) =>
            options.Settings = ShippedSettings.WithValues(("Server:EventStreamHeaderDelay", "\"01:00:00\""));
    }
}
