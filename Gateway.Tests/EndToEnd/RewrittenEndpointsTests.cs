using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>Promise: the rewrite applies to the named POST endpoints under every prefix, and to nothing else.</summary>
public sealed class RewrittenEndpointsTests : IClassFixture<RewrittenEndpointsTests.Fixture>
{
    private const string Body = """{"model":"ruled","input":"x","provider_options":{}}""";

    private readonly GatewayPair _pair;

    public RewrittenEndpointsTests(Fixture fixture)
    {
        _pair = fixture.Pair;
    }

    public static TheoryData<string, string> Rewritten()
    {
        var data = new TheoryData<string, string>();
        foreach (var prefix in new[] { "/v1/", "/api/v1/", "/api/" })
        {
            foreach (var endpoint in new[]
                     {
                         "chat/completions", "completions", "responses", "messages", "embeddings", "rerank", "images", "images/generations",
                     })
            {
                data.Add(prefix, endpoint);
            }
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Rewritten))]
    public async Task InferenceEndpoint_GetsTheProvider(string prefix, string endpoint)
    {
        var call = await _pair.PostAsync(prefix + endpoint, Body);

        Assert.Equal(200, call.Status);
        Assert.Equal("/api/v1/" + endpoint, call.Forwarded.Path);
        Assert.Equal(
            """{"order":["a","b"]}""", call.ForwardedJson.GetProperty("provider").GetRawText().Replace(" ", "", StringComparison.Ordinal));
        Splice.Inserted(Body, call.Forwarded.Body!);
        Assert.Equal(
            call.Forwarded.BodyLength.ToString(System.Globalization.CultureInfo.InvariantCulture), call.Forwarded.Header("Content-Length"));
        Assert.Null(call.Forwarded.Header("Transfer-Encoding"));
        Assert.Equal("r", call.Head.Header("x-gateway-rule"));
    }

    [Theory]
    [InlineData("/v1/audio/speech")]
    [InlineData("/v1/audio/transcriptions")]
    [InlineData("/v1/videos")]
    [InlineData("/v1/files")]
    [InlineData("/v1/byok")]
    [InlineData("/v1/presets/mine/chat/completions")]
    [InlineData("/v1/presets/mine/messages")]
    [InlineData("/v1/presets/mine/responses")]
    [InlineData("/api/beta/batches")]
    [InlineData("/v1/messages/count_tokens")]
    [InlineData("/v1/cursor/chat/completions")]
    [InlineData("/v1/unheard-of")]
    public async Task OtherEndpoint_PassesUntouched(string path)
    {
        var call = await _pair.PostAsync(path, Body);

        Assert.Equal(Body, call.Forwarded.BodyText);
        Assert.Null(call.Head.Header("x-gateway-rule"));
    }

    [Theory]
    [InlineData("text/plain")]
    [InlineData("application/x-www-form-urlencoded")]
    [InlineData(null)]
    public async Task ContentType_DoesNotDecideWhatABodyIs(string? contentType)
    {
        List<string> headers = ["Authorization: Bearer k"];
        if (contentType is not null)
        {
            headers.Add($"Content-Type: {contentType}");
        }

        var call = await _pair.SendAsync("POST", "/v1/chat/completions", headers, System.Text.Encoding.UTF8.GetBytes(Body));

        Assert.Equal("r", call.Head.Header("x-gateway-rule"));
        Assert.True(call.ForwardedJson.TryGetProperty("provider", out _));
        Assert.Equal(contentType, call.Forwarded.Header("Content-Type"));
    }

    [Fact]
    public async Task Upgrade_Is426ThatNamesTheProtocol()
    {
        var call = await _pair.SendAsync(
            "GET",
            "/v1/responses",
            ["Authorization: Bearer k", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"],
            null);

        call.IsRefused(426);
        Assert.Equal("upgrade_not_supported", call.Json.GetProperty("error").GetProperty("code").GetString());
        Assert.Equal("HTTP/1.1", call.Head.Header("Upgrade"));
        Assert.Equal("Upgrade, close", call.Head.Header("Connection"));
        Assert.Null(call.Upstream);
    }

    [Theory]
    [InlineData("multipart/form-data; boundary=b")]
    [InlineData("multipart/json; application/json")]
    [InlineData("Multipart/Related;boundary=b")]
    [InlineData("application/json, multipart/mixed")]
    [InlineData("application/json", "multipart/form-data; boundary=b")]
    public async Task MultipartType_IsRefusedOnARewrittenRoute(params string[] types)
    {
        foreach (var path in (string[])["/v1/chat/completions", "/v1/images", "/api/v1/responses"])
        {
            var call = await _pair.SendAsync(
                "POST",
                path,
                ["Authorization: Bearer k", .. types.Select(type => "Content-Type: " + type)],
                System.Text.Encoding.UTF8.GetBytes(Body));

            call.IsRefused(415);
            Assert.Equal("unsupported_media_type", call.Json.GetProperty("error").GetProperty("code").GetString());
            Assert.Null(call.Upstream);
        }
    }

    [Theory]
    [InlineData("/v1/audio/transcriptions")]
    [InlineData("/v1/files")]
    [InlineData("/v1/images/edits")]
    public async Task Multipart_PassesUntouchedOnOtherRoutes(string path)
    {
        byte[] body = [.. "--b\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\nruled\r\n--b\r\n\r\n"u8, 0, 255, 254, 13, 10, .. "--b--\r\n"u8];

        var call = await _pair.SendAsync("POST", path, ["Authorization: Bearer k", "Content-Type: multipart/form-data; boundary=b"], body);

        Assert.Equal(200, call.Status);
        Assert.Equal(body, call.Forwarded.Body!);
        Assert.Equal("multipart/form-data; boundary=b", call.Forwarded.Header("Content-Type"));
    }

    [Fact]
    public async Task BinaryAnswer_PassesToTheByte()
    {
        var audio = new byte[100_000];
        new Prng(5).Fill(audio);

        var call = await _pair.PostAsync("/v1/audio/speech", audio, "x-fake-echo: 1", "x-fake-content-type: audio/mpeg");

        Assert.Equal("audio/mpeg", call.Head.Header("Content-Type"));
        Assert.Equal(audio, call.Body.Bytes);
    }

    [Fact]
    public async Task UntouchedRoute_StreamsWhileTheBodyIsStillOnItsWay()
    {
        // If the route buffered, nothing would arrive upstream before the body is complete.
        await using var client = await _pair.Gateway.ConnectAsync();
        var id = _pair.NextId();
        await client.SendAsync(
            $"POST /v1/files HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer k\r\nx-fake-id: {id}\r\nContent-Length: 300000\r\n\r\n" + new string('x', 100_000));
        var request = await _pair.Upstream.Requests.WaitForAsync(id);
        Assert.False(request.BodyComplete);

        await client.SendAsync(new string('x', 200_000));
        var (head, _) = await client.ReadAsync();

        Assert.Equal(200, head.Status);
        Assert.Equal(300_000, request.BodyLength);
    }

    public sealed class Fixture : GatewayFixture
    {
        private protected override void Configure(GatewayHostOptions options)
        {
            options.Rules("""[{ "Name": "r", "Model": "ruled", "Provider": { "order": ["a", "b"] } }]""");
        }
    }
}
