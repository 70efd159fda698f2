using System.Text;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: the gateway's own errors speak the dialect of their route and are marked; upstream's pass verbatim and are not.
/// </summary>
public sealed class ErrorTests : IClassFixture<ErrorTests.Fixture>
{
    private readonly GatewayPair _pair;

    public ErrorTests(Fixture fixture)
    {
        _pair = fixture.Pair;
    }

    [Theory]
    [InlineData("POST", "/v1/chat/completions", false)]
    [InlineData("POST", "/v1/responses", false)]
    [InlineData("POST", "/v1/messages", true)]
    [InlineData("POST", "/api/v1/messages", true)]
    [InlineData("POST", "/api/messages", true)]
    [InlineData("GET", "/v1/models", false)]
    [InlineData("POST", "/v1/files", false)]
    [InlineData("GET", "/api/beta/batches/x", false)]
    public async Task CallWithoutAKey_Is401AndStaysHere(string method, string path, bool messages)
    {
        var call = await _pair.SendAsync(method, path, [], method == "POST" ? """{"model":"m"}"""u8.ToArray() : null);

        if (messages)
        {
            call.IsRefusedInMessagesDialect(401);
            Assert.Equal("authentication_error", call.Json.GetProperty("error").GetProperty("type").GetString());
        }
        else
        {
            call.IsRefused(401);
        }

        Assert.Null(call.Upstream);
    }

    [Fact]
    public async Task CallWithoutAKey_IsRefusedBeforeItsBodyIsRead()
    {
        await using var client = await _pair.Gateway.ConnectAsync();
        await client.SendAsync("POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nContent-Length: 50000000\r\n\r\n");
        var (head, body) = await client.ReadAsync();

        new Exchange(head, body, null).IsRefused(401);
    }

    [Theory]
    [InlineData("Authorization:")]
    [InlineData("x-api-key:")]
    public async Task EmptyKey_Is401(string line)
    {
        (await _pair.SendAsync("GET", "/v1/models", [line], null)).IsRefused(401);
    }

    public static TheoryData<int, string, string> UpstreamErrors() => new()
    {
        { 400, "application/json", """{"error":{"code":400,"message":"bad \u00e9","metadata":{"raw":"{\"a\":1}"}},"user_id":"u"}""" },
        { 401, "application/json", """{"error":{"message":"No auth credentials found","code":401}}""" },
        { 402, "application/json", """{ "error" : { "message" : "Insufficient credits" , "code" : 402 } }""" },
        { 403, "application/json", """{"error":{"reasons":["x"]}}""" },
        { 404, "application/json", """{"error":{"message":"No endpoints found","available_providers":["a"]}}""" },
        { 408, "application/json", "{}" },
        { 413, "text/plain", "too large" },
        { 422, "application/json", "[]" },
        { 429, "application/json", """{"error":{"code":429,"message":"Rate limit exceeded"}}""" },
        { 500, "application/json", "" },
        { 502, "text/html; charset=UTF-8", "<!DOCTYPE html><title>502</title>" },
        { 503, "text/html", "<html>Cloudflare</html>" },
        { 504, "application/json", "{\"error\":null}" },
        { 524, "text/html", "<html>timeout</html>" },
        { 529, "application/json", """{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}""" },
    };

    [Theory]
    [MemberData(nameof(UpstreamErrors))]
    public async Task UpstreamsError_PassesVerbatim(int status, string type, string body)
    {
        foreach (var path in new[] { "/v1/chat/completions", "/v1/messages", "/v1/models" })
        {
            string[] script =
            [
                $"x-fake-status: {status}",
                $"x-fake-content-type: {type}",
                $"x-fake-body-base64: {Convert.ToBase64String(Encoding.UTF8.GetBytes(body))}",
                "x-fake-header: Retry-After: 7",
                "x-fake-header-2: X-RateLimit-Remaining: 0",
                "x-fake-header-3: x-should-retry: false",
            ];
            var call = path == "/v1/models" ? await _pair.GetAsync(path, script) : await _pair.PostAsync(
                path, """{"model":"m","stream":true}""", script);

            Assert.Equal(status, call.Status);
            Assert.Equal(body, call.Body.Text);
            Assert.Equal(type, call.Head.Header("Content-Type"));
            Assert.Equal("7", call.Head.Header("Retry-After"));
            Assert.Equal("0", call.Head.Header("X-RateLimit-Remaining"));
            Assert.Equal("false", call.Head.Header("x-should-retry"));
            Assert.Null(call.Head.Header("x-gateway-error"));
        }
    }

    [Fact]
    public async Task ErrorInside200_PassesVerbatimWithItsStatus()
    {
        var call = await _pair.PostAsync("/v1/chat/completions", """{"model":"m"}""", "x-fake-error: 1");

        Assert.Equal(502, call.Status);
        Assert.Equal(502, call.Json.GetProperty("error").GetProperty("code").GetInt32());
        Assert.Null(call.Head.Header("x-gateway-error"));
    }

    [Fact]
    public async Task RefusedRequest_CarriesNoRule()
    {
        var call = await _pair.PostAsync("/v1/chat/completions", "[]");

        Assert.Null(call.Head.Header("x-gateway-rule"));
    }

    [Fact]
    public async Task RequestIds_Differ()
    {
        var first = await _pair.ChatAsync("m");
        var second = await _pair.ChatAsync("m");

        Assert.NotEqual(first.Head.Header("x-request-id"), second.Head.Header("x-request-id"));
    }

    [Fact]
    public async Task HeadOfAnUnknownPath_HasNoBody()
    {
        await using var client = await _pair.Gateway.ConnectAsync();
        await client.SendAsync(
            "HEAD /nothing HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer k\r\n\r\nGET /health/live HTTP/1.1\r\nHost: h\r\n\r\n");

        Assert.Equal(404, (await client.ReadHeadAsync()).Status);
        Assert.Equal(200, (await client.ReadHeadAsync()).Status);
    }

    [Fact]
    public async Task RefusalWithAnUnreadBody_KeepsTheConnectionUsableOrClosesIt()
    {
        await using var client = await _pair.Gateway.ConnectAsync();
        await client.SendAsync("POST /v1/chat/completions HTTP/1.1\r\nHost: h\r\nContent-Length: 13\r\n\r\n{\"model\":\"m\"}");
        var (refusal, _) = await client.ReadAsync();
        Assert.Equal(401, refusal.Status);
        if (string.Equals(refusal.Header("Connection"), "close", StringComparison.OrdinalIgnoreCase))
        {
            return;
        }

        await client.GetAsync("/v1/models");
        Assert.Equal(200, (await client.ReadHeadAsync()).Status);
    }

    public sealed class Fixture : GatewayFixture
    {
        private protected override void Configure(GatewayHostOptions options)
        {
        }
    }
}
