using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>Promise: an endpoint that is not listed as open to teams is closed, for every spelling of its path and every target of a route.</summary>
public sealed class TeamEndpointTests : IClassFixture<TeamEndpointTests.Fixture>
{
    private const string Restricted = "Authorization: Bearer ogw-restricted";
    private const string Budgeted = "Authorization: Bearer ogw-budgeted";
    private const string Multipart = "Content-Type: multipart/form-data; boundary=x";

    private readonly GatewayPair _pair;

    public TeamEndpointTests(Fixture fixture)
    {
        _pair = fixture.Pair;
    }

    [Theory]
    [InlineData("POST", "/v1/chat/completions", "/api/v1/chat/completions")]
    [InlineData("POST", "/api/v1/chat/completions", "/api/v1/chat/completions")]
    [InlineData("POST", "/api/chat/completions/", "/api/v1/chat/completions/")]
    [InlineData("POST", "/V1/Chat/Completions", "/api/v1/Chat/Completions")]
    [InlineData("POST", "/v1/%63hat/completions", "/api/v1/chat/completions")]
    [InlineData("POST", "/v1/x/../chat/completions", "/api/v1/chat/completions")]
    [InlineData("POST", "/v1/messages?beta=true", "/api/v1/messages?beta=true")]
    [InlineData("POST", "/v1/messages/count_tokens?beta=true", "/api/v1/messages/count_tokens?beta=true")]
    [InlineData("POST", "/v1/audio/speech", "/api/v1/audio/speech")]
    [InlineData("POST", "/v1/videos", "/api/v1/videos")]
    [InlineData("GET", "/v1/models?a=b", "/api/v1/models?a=b")]
    [InlineData("GET", "/v1/models/openai/gpt-4o:free/endpoints", "/api/v1/models/openai/gpt-4o:free/endpoints")]
    [InlineData("GET", "/api/v1/providers", "/api/v1/providers")]
    public async Task OpenEndpoint_IsReached(string method, string target, string arrived)
    {
        var call = await _pair.SendAsync(method, target, [TeamSetup.Bearer], method == "POST" ? """{"model":"m"}"""u8.ToArray() : null);

        Assert.Equal(arrived, call.Forwarded.Target);
        Assert.Equal("Bearer " + TeamSetup.UpstreamKey, call.Forwarded.Header("Authorization"));
    }

    [Theory]
    [InlineData("GET", "/v1/keys")]
    [InlineData("POST", "/v1/keys")]
    [InlineData("GET", "/V1/KEYS/")]
    [InlineData("GET", "/v1/%6Beys")]
    [InlineData("GET", "/v1/%256Beys")]
    [InlineData("GET", "/v1/models/../keys")]
    [InlineData("GET", "/v1/models/%2e%2e/keys")]
    [InlineData("GET", "/v1/models/%252e%252e/keys")]
    [InlineData("GET", "/v1/models/x/%252e%252e/endpoints")]
    [InlineData("GET", "/v1/models//../keys")]
    [InlineData("GET", "/v1/./keys")]
    [InlineData("GET", "/v1/keys;/models")]
    [InlineData("GET", "/v1/credits")]
    [InlineData("GET", "/v1/activity")]
    [InlineData("POST", "/v1/auth/keys")]
    [InlineData("GET", "/v1/generation/content?id=gen-1")]
    [InlineData("GET", "/v1/files")]
    [InlineData("POST", "/v1/presets/x/chat/completions")]
    [InlineData("POST", "/v1/cursor/chat/completions")]
    [InlineData("POST", "/api/beta/batches")]
    [InlineData("GET", "/api/beta/batches/b-1")]
    [InlineData("POST", "/api/beta/chat/completions")]
    [InlineData("POST", "/api/alpha/chat/completions")]
    [InlineData("GET", "/api/alpha/models")]
    [InlineData("GET", "/v1/chat/completions")]
    [InlineData("DELETE", "/v1/models")]
    [InlineData("PATCH", "/v1/chat/completions")]
    [InlineData("OPTIONS", "/v1/models")]
    [InlineData("GET", "/v1")]
    public async Task ClosedEndpoint_Is403AndStaysHere(string method, string target)
    {
        var call = await _pair.SendAsync(method, target, [TeamSetup.Bearer], method is "POST" or "PATCH" ? "{}"u8.ToArray() : null);

        call.IsRefused(403);
        Assert.Equal("endpoint_not_allowed", call.Json.GetProperty("error").GetProperty("code").GetString());
        Assert.Null(call.Upstream);
    }

    [Theory]
    [InlineData("GET", "/v1//keys")]
    [InlineData("GET", "/v1/models%2F..%2Fkeys")]
    [InlineData("GET", "/v1/models/..%5Ckeys")]
    public async Task AmbiguousPath_Is404AndStaysHere(string method, string target)
    {
        var call = await _pair.SendAsync(method, target, [TeamSetup.Bearer], null);

        call.IsRefused(404);
        Assert.Null(call.Upstream);
    }

    [Theory]
    [InlineData("Upgrade: websocket", 403)]
    [InlineData("Upgrade: WebSocket, h2c", 403)]
    [InlineData("Upgrade: SPDY/3.1", 403)]
    [InlineData("Upgrade: TLS/1.2, websocket", 403)]
    [InlineData("Upgrade: h2c", 200)]
    [InlineData("Upgrade: TLS/1.2", 200)]
    [InlineData("Upgrade: tls/1.3, h2c,", 200)]
    public async Task Upgrade_IsClosedOnOpenPathsToo(string line, int status)
    {
        var call = await _pair.SendAsync(
            "GET",
            "/v1/models",
            [TeamSetup.Bearer, "Connection: Upgrade", line, "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="],
            null);

        Assert.Equal(status, call.Status);
        Assert.Equal(status == 403, call.Upstream is null);
    }

    [Fact]
    public async Task UpgradeThatLooksLikeAPreflight_IsNone()
    {
        var call = await _pair.SendAsync(
            "OPTIONS",
            "/v1/chat/completions",
            ["Origin: https://a.example", "Access-Control-Request-Method: POST", "Connection: Upgrade", "Upgrade: websocket"],
            null);

        Assert.Equal(401, call.Status);
        Assert.Null(call.Upstream);
    }

    [Theory]
    [InlineData("/v1/audio/speech")]
    [InlineData("/v1/audio/transcriptions")]
    [InlineData("/v1/videos")]
    [InlineData("/plain/chat/completions")]
    public async Task UnreadBody_IsClosedToATeamWithRightsOrABudget(string path)
    {
        foreach (var bearer in (string[])[Restricted, Budgeted])
        {
            var call = await _pair.SendAsync("POST", path, [bearer], """{"model":"m"}"""u8.ToArray());

            call.IsRefused(403);
            Assert.Null(call.Upstream);
        }

        Assert.Equal(200, (await _pair.SendAsync("POST", path, [TeamSetup.Bearer], """{"model":"m"}"""u8.ToArray())).Status);
    }

    [Theory]
    [InlineData("/v1/chat/completions")]
    [InlineData("/v1/images")]
    [InlineData("/v1/images/generations")]
    public async Task MultipartBody_IsRefusedOnARewrittenRoute(string path)
    {
        foreach (var bearer in (string[])[TeamSetup.Bearer, Restricted, Budgeted])
        {
            (await _pair.SendAsync("POST", path, [bearer, Multipart], "--x--"u8.ToArray())).IsRefused(415);
            (await _pair.SendAsync("POST", path, [bearer, "Content-Type: application/json", Multipart], "{}"u8.ToArray())).IsRefused(415);
            Assert.Equal(200, (await _pair.SendAsync("POST", path, [bearer], """{"model":"m"}"""u8.ToArray())).Status);
        }
    }

    [Theory]
    [InlineData("/v1/generation?id=gen-1")]
    [InlineData("/v1/generation")]
    [InlineData("/v1/videos/job-1")]
    [InlineData("/v1/videos/job-1/content")]
    public async Task CallOfSomebodyElse_Is404(string target)
    {
        var call = await _pair.SendAsync("GET", target, [TeamSetup.Bearer], null);

        call.IsRefused(404);
        Assert.Null(call.Upstream);
    }

    // Each route looks open to the gate, or leads to an open path by transforms that it does not foresee.
    [Theory]
    [InlineData("POST", "/set/keys")]
    [InlineData("POST", "/pattern/chat/completions")]
    [InlineData("POST", "/method/chat/completions")]
    [InlineData("POST", "/base/chat/completions")]
    public async Task RouteThatLeadsElsewhere_IsRefused(string method, string target)
    {
        var call = await _pair.SendAsync(method, target, [TeamSetup.Bearer], """{"model":"m"}"""u8.ToArray());

        call.IsRefused(403);
        Assert.Null(call.Upstream);
    }

    [Fact]
    public async Task RouteWithForeseenTransforms_IsJudgedByWhereItLeads()
    {
        var call = await _pair.SendAsync("POST", "/short", [TeamSetup.Bearer], """{"model":"m"}"""u8.ToArray());

        Assert.Equal("/api/v1/chat/completions", call.Forwarded.Target);
        Assert.Equal(["Bearer " + TeamSetup.UpstreamKey], call.Forwarded.HeaderValues("Authorization"));
        Assert.Null(call.Forwarded.Header("x-api-key"));
    }

    public sealed class Fixture : GatewayFixture
    {
        private protected override void Configure(GatewayHostOptions options)
        {
            options.Environment["TEAM_KEY"] = TeamSetup.UpstreamKey;
            options.Environment["Limits__AllowUnknownPrices"] = "true";
            options.Settings = TeamSetup.WithRoutes(
                TeamSetup.Settings(
                    TeamSetup.Team(reference: "env:TEAM_KEY"),
                    TeamSetup.Team("\"DeniedModels\": \"x\"", "restricted", "ogw-restricted", reference: "env:TEAM_KEY"),
                    TeamSetup.Team("\"Budget\": { \"Usd\": 100 }", "budgeted", "ogw-budgeted", reference: "env:TEAM_KEY")),
                ("plain", Route("/plain/{**rest}", """{ "PathRemovePrefix": "/plain" }""")),
                ("set", Route("/set/{**rest}", """{ "PathSet": "/keys" }""")),
                ("pattern", Route("/pattern/{**rest}", """{ "PathPattern": "/{**rest}" }""")),
                ("method", Route("/method/{**rest}", """{ "PathRemovePrefix": "/method" }, { "HttpMethodChange": "POST", "Set": "DELETE" }""")),
                ("base", Route("/base/{**rest}", """{ "PathRemovePrefix": "/base" }, { "BaseAddress": "WithoutVersion" }""")),
                ("short", Route(
                    "/short",
                    """
                    { "PathSet": "/completions" }, { "PathPrefix": "/chat" }, { "ProviderMapping": "Default" },
                    { "RequestHeader": "Authorization", "Set": "Bearer other" }, { "RequestHeader": "x-api-key", "Set": "other" }
                    """)));
        }

        private static string Route(string path, string transforms) =>
            $$"""{ "ClusterId": "openrouter", "Match": { "Path": "{{path}}" }, "Transforms": [ {{transforms}} ] }""";
    }
}
