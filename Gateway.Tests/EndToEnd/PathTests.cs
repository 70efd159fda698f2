using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: <c>/v1/X</c>, <c>/api/v1/X</c> and <c>/api/X</c> reach <c>{base}/X</c>, for any X, with the query as it came.
/// </summary>
public sealed class PathTests : IClassFixture<PathTests.Fixture>
{
    private readonly GatewayPair _pair;

    public PathTests(Fixture fixture)
    {
        _pair = fixture.Pair;
    }

    [Theory]
    [InlineData("/v1/models", "/api/v1/models")]
    [InlineData("/api/v1/models", "/api/v1/models")]
    [InlineData("/api/models", "/api/v1/models")]
    [InlineData("/v1/models/openai/gpt-4o/endpoints", "/api/v1/models/openai/gpt-4o/endpoints")]
    [InlineData("/v1/models/meta-llama/llama-3.1-8b-instruct:free/endpoints", "/api/v1/models/meta-llama/llama-3.1-8b-instruct:free/endpoints")]
    [InlineData("/v1/generation?id=gen-1&x=", "/api/v1/generation?id=gen-1&x=")]
    [InlineData("/v1/models?q=a%20b%2Fc&q=d+e&&z=%C3%A4&empty=&flag", "/api/v1/models?q=a%20b%2Fc&q=d+e&&z=%C3%A4&empty=&flag")]
    [InlineData("/v1/key", "/api/v1/key")]
    [InlineData("/api/v1/files/file-1/content", "/api/v1/files/file-1/content")]
    [InlineData("/api/beta/batches/b-1", "/api/beta/batches/b-1")]
    [InlineData("/api/beta/batches?limit=1", "/api/beta/batches?limit=1")]
    [InlineData("/api/alpha/things/t-1?limit=1", "/api/alpha/things/t-1?limit=1")]
    [InlineData("/v1/cursor/chat/completions", "/api/v1/cursor/chat/completions")]
    [InlineData("http://HOST/v1/models?q=a%20b%2Fc", "/api/v1/models?q=a%20b%2Fc")]
    [InlineData("http://HOST/v1/x/.well-known/..a/b..", "/api/v1/x/.well-known/..a/b..")]
    [InlineData("/v1/x/.well-known/..a/b..", "/api/v1/x/.well-known/..a/b..")]
    [InlineData("/v1/x/a%20b%C3%A4", "/api/v1/x/a%20b%C3%A4")]
    public async Task Get_ReachesTheSamePathBelowTheBase(string asked, string arrived)
    {
        var call = await _pair.GetAsync(OnThisHost(asked));

        Assert.Equal(arrived, call.Forwarded.Target);
        Assert.Equal("GET", call.Forwarded.Method);
        Assert.Equal(0, call.Forwarded.BodyLength);
    }

    [Theory]
    [InlineData("/v1/messages?beta=true", "/api/v1/messages?beta=true")]
    [InlineData("/api/v1/messages?beta=true", "/api/v1/messages?beta=true")]
    [InlineData("/v1/chat/completions?a=%2F&b", "/api/v1/chat/completions?a=%2F&b")]
    [InlineData("/v1/messages/count_tokens?beta=true", "/api/v1/messages/count_tokens?beta=true")]
    [InlineData("/v1/chat/completions?q=%41%7E|%zz&r=%3A[]{}\"'^`<>", "/api/v1/chat/completions?q=%41%7E|%zz&r=%3A[]{}\"'^`<>")]
    [InlineData("/api/beta/batches?q=%41/../b", "/api/beta/batches?q=%41/../b")]
    [InlineData("/api/alpha/responses?a=%2F", "/api/alpha/responses?a=%2F")]
    public async Task Post_KeepsItsQuery(string asked, string arrived)
    {
        var call = await _pair.PostAsync(asked, """{"model":"m"}""");

        Assert.Equal(arrived, call.Forwarded.Target);
    }

    [Theory]
    [InlineData("DELETE", "/v1/keys/abc")]
    [InlineData("PUT", "/v1/anything")]
    [InlineData("PATCH", "/v1/keys/abc")]
    [InlineData("OPTIONS", "/v1/chat/completions")]
    public async Task OtherMethods_PassWithTheirBody(string method, string path)
    {
        var call = await _pair.SendAsync(method, path, ["Authorization: Bearer k", "Content-Type: text/plain"], "{ not json"u8.ToArray());

        Assert.Equal(method, call.Forwarded.Method);
        Assert.Equal("{ not json", call.Forwarded.BodyText);
    }

    [Theory]
    [InlineData("/nothing")]
    [InlineData("/v2/models")]
    [InlineData("/chat/completions")]
    [InlineData("/v1//models")]
    [InlineData("//v1/models")]
    [InlineData("/v1/models//")]
    [InlineData("/v1/models%2Fopenai")]
    [InlineData("/v1%2fmodels")]
    [InlineData("/v1/a\\b")]
    [InlineData("/v1/a%5Cb")]
    [InlineData("/api//v1/chat/completions")]
    public async Task UnknownOrDoubtfulPath_Is404AndStaysHere(string path)
    {
        var call = await _pair.GetAsync(path);

        call.IsRefused(404);
        Assert.Null(call.Upstream);
    }

    [Theory]
    [InlineData("/v1/chat//completions")]
    [InlineData("/v1/chat%2Fcompletions")]
    [InlineData("/v1/chat\\completions")]
    [InlineData("/v1/chat%5ccompletions")]
    [InlineData("http://HOST/v1/x%2F..%2Fchat/completions")]
    [InlineData("http://HOST/v1/x%5C..%5Cchat/completions")]
    [InlineData("http://HOST/v1/chat\\completions")]
    public async Task DoubtfulSpellingOfARewrittenPath_Is404AndStaysHere(string path)
    {
        var call = await _pair.PostAsync(OnThisHost(path), """{"model":"m"}""");

        call.IsRefused(404);
        Assert.Null(call.Upstream);
    }

    [Theory]
    [InlineData("/v1/../../internal")]
    [InlineData("/v1/%2e%2e/%2e%2e/internal")]
    [InlineData("/v1/models/../../../internal")]
    [InlineData("/v1/%252e%252e/%252e%252e/internal")]
    [InlineData("http://HOST/v1/../../internal")]
    [InlineData("http://HOST/v1/%2e%2e/%2e%2e/internal")]
    [InlineData("http://HOST/v1/%252e%252e/%252e%252e/internal")]
    [InlineData("http://HOST/v1/x%2F..%2F..%2F..%2Finternal")]
    [InlineData("http://HOST/v1/..%5C..%5Cinternal")]
    public async Task DotSegments_DoNotLeaveTheBase(string path)
    {
        var call = await _pair.GetAsync(OnThisHost(path));

        Assert.True(
            call.Upstream is null || call.Upstream.Target.StartsWith("/api/v1/", StringComparison.Ordinal),
            $"{path} arrived as {call.Upstream?.Target}");
    }

    [Theory]
    [InlineData("CONNECT")]
    [InlineData("connect")]
    public async Task Tunnel_IsRefused(string method)
    {
        var call = await _pair.SendAsync(method, "/v1/models", ["Authorization: Bearer k"], null);

        call.IsRefused(405);
        Assert.Null(call.Upstream);
    }

    [Fact]
    public async Task UpperCasePath_IsNotAWayAroundARule()
    {
        // Routing does not look at case, or the path is unknown; either way a rule is not dodged by spelling the path in capitals.
        var call = await _pair.PostAsync("/v1/Chat/Completions", """{"model":"ruled","messages":[]}""");

        Assert.True(
            call.Upstream is null || call.ForwardedJson.TryGetProperty("provider", out _),
            $"arrived as {call.Upstream?.Target} without a provider");
    }

    /// <summary>A target in absolute form has to name the host of the <c>Host</c> header.</summary>
    private string OnThisHost(string target) =>
        target.Replace("HOST", _pair.Gateway.Address.Authority, StringComparison.Ordinal);

    public sealed class Fixture : GatewayFixture
    {
        private protected override void Configure(GatewayHostOptions options)
        {
            options.Rules("""[{ "Model": "ruled", "Provider": { "only": ["mistral"] } }]""");
        }
    }
}
