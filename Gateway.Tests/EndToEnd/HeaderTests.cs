using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: headers pass as they are, but nothing that is meant for this hop, and nothing that tells upstream who is behind it.
/// </summary>
public sealed class HeaderTests : IClassFixture<HeaderTests.Fixture>
{
    private const string Chat = "/v1/chat/completions";

    private readonly GatewayPair _pair;

    public HeaderTests(Fixture fixture)
    {
        _pair = fixture.Pair;
    }

    [Fact]
    public async Task HeadersThatOpenRouterKnows_Pass()
    {
        string[] lines =
        [
            "HTTP-Referer: https://app.example/",
            "X-Title: App",
            "X-OpenRouter-Title: App",
            "X-OpenRouter-Metadata: enabled",
            "X-OpenRouter-Cache: true",
            "x-session-id: s-1",
            "x-anthropic-beta: a,b",
            "anthropic-version: 2023-06-01",
            "anthropic-beta: c",
            "x-stainless-lang: js",
            "User-Agent: OpenAI/JS 7.5.0",
            "X-Provider-API-Keys: {\"a\":\"b\"}",
            "Accept: application/json, text/event-stream",
            "Accept-Encoding: gzip, br",
            "Cookie: a=1; b=2",
            "x-multi: one",
            "x-multi: two",
            "x-empty:",
        ];

        var call = await _pair.PostAsync(Chat, """{"model":"ruled"}""", lines);

        Assert.All(
            lines.Select(line => line.Split(':', 2)).GroupBy(pair => pair[0], pair => pair[1].Trim()),
            group => Assert.Equal(string.Join(", ", group), string.Join(", ", call.Forwarded.HeaderValues(group.Key))));
    }

    [Fact]
    public async Task NothingIsAdded()
    {
        var call = await _pair.PostAsync(Chat, """{"model":"ruled"}""");

        string[] expected = ["authorization", "content-length", "content-type", "host", "x-fake-id"];
        Assert.Equal(expected, call.Forwarded.Headers.Select(header => header.Key.ToLowerInvariant()).Order(StringComparer.Ordinal));
    }

    /// <summary>SDKs send a <c>Content-Type</c> with each GET. The request goes on without a body.</summary>
    [Fact]
    public async Task ContentTypeWithoutABody_AddsNoBody()
    {
        var call = await _pair.SendAsync("GET", "/v1/models", ["Authorization: Bearer k", "Content-Type: application/json"], body: null);

        Assert.Equal(200, call.Status);
        Assert.Equal("application/json", call.Forwarded.Header("Content-Type"));
        Assert.Null(call.Forwarded.Header("Transfer-Encoding"));
    }

    [Theory]
    [InlineData("/v1/chat/completions")]
    [InlineData("/v1/files")]
    public async Task ForwardingHeadersOfClientAndGateway_DoNotReachUpstream(string path)
    {
        var call = await _pair.PostAsync(
            path,
            """{"model":"ruled"}""",
            "X-Forwarded-For: 10.1.2.3",
            "X-Forwarded-Host: inner.example",
            "X-Forwarded-Proto: https",
            "X-Forwarded-Prefix: /x",
            "X-Forwarded-Port: 1",
            "Forwarded: for=10.1.2.3",
            "X-Real-IP: 10.1.2.3",
            "X-Envoy-Original-Path: /x");

        Assert.DoesNotContain(call.Forwarded.Headers, header => header.Key.StartsWith("X-Forwarded", StringComparison.OrdinalIgnoreCase));
        Assert.Null(call.Forwarded.Header("Forwarded"));
        Assert.Null(call.Forwarded.Header("X-Envoy-Original-Path"));
        Assert.Null(call.Forwarded.Header("Via"));
    }

    [Theory]
    [InlineData("/v1/chat/completions")]
    [InlineData("/v1/files")]
    public async Task HeadersThatTellOfTheClient_DoNotReachUpstream(string path)
    {
        var call = await _pair.PostAsync(
            path, """{"model":"ruled"}""", [.. HostileRequests.HiddenHeaders.Select(name => name + ": 203.0.113.7"), "CF-AIG-Metadata: {}"]);

        Assert.DoesNotContain(
            call.Forwarded.Headers, header => HostileRequests.HiddenHeaders.Contains(header.Key, StringComparer.OrdinalIgnoreCase));

        // Cloudflare's AI gateway may be the upstream.
        Assert.Equal("{}", call.Forwarded.Header("CF-AIG-Metadata"));
    }

    [Theory]
    [InlineData("/v1/chat/completions")]
    [InlineData("/v1/files")]
    public async Task HeadersNamedInConnection_EndHere(string path)
    {
        var call = await _pair.PostAsync(
            path,
            """{"model":"ruled"}""",
            "Connection: keep-alive, X-Hop, x-other",
            "Connection: X-Third",
            "X-Hop: 1",
            "X-Other: 2",
            "x-third: 3",
            "x-stays: 4",
            "Keep-Alive: timeout=5",
            "Proxy-Connection: keep-alive",
            "Proxy-Authorization: Basic eDp5",
            "TE: trailers",
            "Upgrade: h2c");

        string[] ended = ["X-Hop", "X-Other", "X-Third", "Keep-Alive", "Proxy-Connection", "Proxy-Authorization", "Upgrade", "Connection"];
        Assert.All(ended, name => Assert.Null(call.Forwarded.Header(name)));
        Assert.Equal("4", call.Forwarded.Header("x-stays"));
    }

    [Fact]
    public async Task ConnectionHeader_CannotTakeTheBearerOrTheLengthAway()
    {
        var call = await _pair.PostAsync(
            Chat, """{"model":"ruled"}""", "Connection: close, Authorization, Content-Length, Host, Content-Type");

        // Whether a client may drop its own bearer that way is its own affair; a body without its length or with another host is not.
        Assert.True(
            call.Upstream is null || (
                call.Upstream.Header("Host") is not null && call.Upstream.BodyText.Contains("provider", StringComparison.Ordinal)),
            "forwarded without host or rewrite");
    }

    [Fact]
    public async Task Host_IsUpstreams()
    {
        var call = await _pair.PostAsync(Chat, """{"model":"ruled"}""");

        Assert.Equal(new Uri(_pair.Upstream.RootUrl).Authority, call.Forwarded.Header("Host"));
    }

    [Theory]
    [InlineData("traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")]
    [InlineData("tracestate: a=b")]
    [InlineData("baggage: user=1")]
    [InlineData("Request-Id: |a.b.")]
    [InlineData("Correlation-Context: a=b")]
    [InlineData("x-none: 0")]
    public async Task TraceHeaders_AreNotMadeByDefault(string line)
    {
        var call = await _pair.PostAsync(Chat, """{"model":"ruled"}""", line);

        Assert.Null(call.Forwarded.Header("traceparent"));
    }

    [Theory]
    [InlineData("Authorization: Bearer sk-or-1")]
    [InlineData("Authorization: bearer sk-or-1")]
    [InlineData("authorization: BEARER sk-or-1")]
    [InlineData("x-api-key: sk-or-1")]
    [InlineData("X-Api-Key: sk-or-1")]
    public async Task Credentials_PassAsTheyAre(string line)
    {
        var call = await _pair.SendAsync("POST", Chat, [line], """{"model":"ruled"}"""u8.ToArray());

        var (name, value) = (line.Split(": ")[0], line.Split(": ")[1]);
        Assert.Equal(200, call.Status);
        Assert.Equal(value, call.Forwarded.Header(name));
    }

    [Fact]
    public async Task BothCredentials_PassTogether()
    {
        var call = await _pair.SendAsync(
            "POST", "/v1/messages", ["Authorization: Bearer a", "x-api-key: b"], """{"model":"ruled"}"""u8.ToArray());

        Assert.Equal("Bearer a", call.Forwarded.Header("Authorization"));
        Assert.Equal("b", call.Forwarded.Header("x-api-key"));
    }

    [Theory]
    [InlineData("/v1/chat/completions")]
    [InlineData("/v1/files")]
    public async Task ExpectContinue_EndsHere(string path)
    {
        const string Body = """{"model":"ruled","messages":[]}""";
        var id = _pair.NextId();
        await using var client = await _pair.Gateway.ConnectAsync();
        await client.SendAsync(
            $"POST {path} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer k\r\nx-fake-id: {id}\r\nExpect: 100-continue\r\nContent-Length: {Body.Length}\r\n\r\n");
        var interim = await client.ReadHeadAsync();
        Assert.Equal(100, interim.Status);
        await client.SendAsync(Body);
        var (head, _) = await client.ReadAsync();

        Assert.Equal(200, head.Status);
        Assert.Null(_pair.Upstream.Requests.Find(id)!.Header("Expect"));
    }

    [Theory]
    [InlineData(Chat)]
    [InlineData("/v1/files")]
    public async Task ExpectContinue_IsNotAskedOfAMuteUpstream(string path)
    {
        // Kestrel upstream answers the interim 100 by itself; a server that never does keeps the body of a client that asks for it.
        var received = "";
        await using var upstream = ScriptedSocketUpstream.Start(async connection =>
        {
            (received, _) = await connection.ReadRequestAsync();
            await connection.SendAsync("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}");
        });
        await using var gateway = await GatewayHost.StartAsync(options => options.Upstream = upstream.BaseUrl);
        await using var client = await gateway.ConnectAsync();
        await client.PostAsync(path, "{}", "Expect: 100-continue");
        var head = await client.ReadHeadAsync();
        if (head.Status == 100)
        {
            head = await client.ReadHeadAsync();
        }

        Assert.Equal(200, head.Status);
        Assert.DoesNotContain("expect:", received, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public async Task AnswerHeaders_PassWithTheirDuplicates()
    {
        var call = await _pair.PostAsync(
            Chat,
            """{"model":"ruled"}""",
            "x-fake-header: Set-Cookie: a=1; Path=/",
            "x-fake-header-2: Set-Cookie: b=2, c",
            "x-fake-header-3: X-OpenRouter-Cache-Status: MISS",
            "x-fake-header-4: cf-ray: 123-FRA",
            "x-fake-header-5: Access-Control-Allow-Origin: *");

        Assert.Equal(["a=1; Path=/", "b=2, c"], call.Head.HeaderValues("Set-Cookie"));
        Assert.Equal("MISS", call.Head.Header("X-OpenRouter-Cache-Status"));
        Assert.Equal("123-FRA", call.Head.Header("cf-ray"));
        Assert.Equal("*", call.Head.Header("Access-Control-Allow-Origin"));
        Assert.StartsWith("gen-", call.Head.Header("X-Generation-Id"), StringComparison.Ordinal);
        Assert.Null(call.Head.Header("x-gateway-error"));
        Assert.NotEmpty(call.Head.Header("x-request-id") ?? "");
    }

    [Fact]
    public async Task HeadersNamedInUpstreamsConnection_EndHere()
    {
        await using var upstream = ScriptedSocketUpstream.Answering(
            "HTTP/1.1 200 OK\r\nConnection: close, X-Inner\r\nX-Inner: 1\r\nX-Outer: 2\r\nKeep-Alive: timeout=1\r\nContent-Length: 2\r\n\r\n{}");
        await using var gateway = await GatewayHost.StartAsync(options => options.Upstream = upstream.BaseUrl);
        await using var client = await gateway.ConnectAsync();
        await client.PostAsync(Chat, "{}");
        var (head, _) = await client.ReadAsync();

        Assert.Equal("2", head.Header("X-Outer"));
        Assert.Null(head.Header("X-Inner"));
        Assert.Null(head.Header("Keep-Alive"));
    }

    [Fact]
    public async Task UpstreamsRequestId_IsNotDoubled()
    {
        var call = await _pair.PostAsync(Chat, """{"model":"ruled"}""", "x-fake-header: x-request-id: from-upstream");

        Assert.Single(call.Head.HeaderValues("x-request-id"));
    }

    [Fact]
    public async Task ForgedGatewayHeadersOfUpstream_DoNotPassForOurs()
    {
        var call = await _pair.ChatAsync("unruled", "x-fake-header: x-gateway-error: 1", "x-fake-header-2: x-gateway-rule: forged");

        Assert.Null(call.Head.Header("x-gateway-error"));
        Assert.Null(call.Head.Header("x-gateway-rule"));
    }

    [Fact]
    public async Task Redirect_IsNotFollowed()
    {
        var call = await _pair.GetAsync("/v1/models", "x-fake-status: 302", "x-fake-header: Location: https://elsewhere.example/x");

        Assert.Equal(302, call.Status);
        Assert.Equal("https://elsewhere.example/x", call.Head.Header("Location"));
        Assert.Equal(1, _pair.Upstream.Requests.All.Count(request => request.Id == call.Forwarded.Id));
    }

    [Fact]
    public async Task CompressedAnswer_PassesCompressed()
    {
        var call = await _pair.PostAsync(Chat, """{"model":"ruled"}""", "Accept-Encoding: gzip", "x-fake-gzip: 1");

        Assert.Equal("gzip", call.Head.Header("Content-Encoding"));
        Assert.Equal(new byte[] { 0x1F, 0x8B }, call.Body.Bytes[..2]);
    }

    [Fact]
    public async Task ServerHeader_IsNotOurs()
    {
        var call = await _pair.PostAsync(Chat, """{"model":"ruled"}""");

        Assert.Null(call.Head.Header("Server"));
    }

    public sealed class Fixture : GatewayFixture
    {
        private protected override void Configure(GatewayHostOptions options)
        {
            options.Rules("""[{ "Model": "ruled", "Provider": { "order": ["a"] } }]""");
        }
    }
}
