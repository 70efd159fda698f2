using System.Text;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: with teams a caller needs a key of the gateway, which never goes upstream; the team's OpenRouter key goes in its place.
/// </summary>
public sealed class TeamTests : IClassFixture<TeamTests.Fixture>
{
    private const string Chat = "/v1/chat/completions";
    private const string Secret = "sk-or-v1-marked-upstream";

    private readonly GatewayPair _pair;

    public TeamTests(Fixture fixture)
    {
        _pair = fixture.Pair;
    }

    [Theory]
    [InlineData("Authorization: Bearer ogw-one")]
    [InlineData("authorization: bearer ogw-one")]
    [InlineData("AUTHORIZATION: BEARER  ogw-one ")]
    [InlineData("x-api-key: ogw-one")]
    [InlineData("X-Api-Key: ogw-one", "Authorization: Bearer sk-or-v1-own")]
    [InlineData("x-api-key: something", "Authorization: Bearer ogw-one")]
    [InlineData("x-api-key: something", "x-api-key: ogw-one", "Authorization: Basic eDp5")]
    [InlineData("Authorization: Bearer ogw-one", "Authorization: Bearer ogw-unknown")]
    [InlineData("Authorization: Bearer own text as a key")]
    [InlineData("Authorization: Bearer ogw-one", "Connection: keep-alive, Authorization, x-api-key")]
    public async Task TeamsKey_IsReplacedByTheTeamsOpenRouterKey(params string[] lines)
    {
        string[] elsewhere =
        [
            "Cookie: session=ogw-one", "Proxy-Authorization: Bearer ogw-one", "api-key: own text as a key", "x-goog-api-key: ogw-one",
            "X-Anything: key ogw-one", "Content-Type: application/json; key=ogw-one", "Expires: ogw-one", "Content-Language: ogw-one",
            "Content-Location: /ogw-one", "Allow: GET, ogw-one", "Last-Modified: ogw-one",
        ];
        var call = await CallAsync(Chat, [.. lines, .. elsewhere]);

        Assert.Equal(200, call.Status);
        Assert.Equal(["Bearer " + Secret], call.Forwarded.HeaderValues("Authorization"));
        Assert.Null(call.Forwarded.Header("x-api-key"));
        Assert.Null(call.Forwarded.Header("Cookie"));
        Assert.Null(call.Forwarded.Header("api-key"));
        Assert.DoesNotContain(call.Forwarded.Headers, header => header.Value.Contains("ogw-", StringComparison.OrdinalIgnoreCase));
        Assert.DoesNotContain(call.Head.Headers, header => header.Value.Contains("marked", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("Authorization: Bearer ogw-unknown")]
    [InlineData("Authorization: Bearer OGW-ONE")]
    [InlineData("Authorization: Bearer sk-or-v1-own")]
    [InlineData("Authorization: Bearer ogw-expired")]
    [InlineData("x-api-key: ogw-expired")]
    [InlineData("x-api-key: x")]
    public async Task UnknownAndExpiredKeys_AreTheSame401(string line)
    {
        var call = await CallAsync(Chat, line);
        var reference = await CallAsync(Chat, "Authorization: Bearer nobody");

        call.IsRefused(401);
        Assert.Equal(reference.Body.Bytes, call.Body.Bytes);
        Assert.Equal("invalid_api_key", call.Json.GetProperty("error").GetProperty("code").GetString());
        Assert.Equal("Bearer", call.Head.Header("WWW-Authenticate"));
        Assert.Null(call.Upstream);
        Assert.Equal(
            reference.Head.Headers.Where(Stays).Select(header => header.ToString()),
            call.Head.Headers.Where(Stays).Select(header => header.ToString()));

        static bool Stays(KeyValuePair<string, string> header) => header.Key.ToUpperInvariant() is not ("X-REQUEST-ID" or "DATE");
    }

    [Theory]
    [InlineData]
    [InlineData("Authorization: Basic eDp5")]
    [InlineData("Authorization: Bearer ")]
    [InlineData("x-api-key:")]
    public async Task MissingKey_IsToldHowToSendOne(params string[] lines)
    {
        var call = await CallAsync(Chat, lines);

        call.IsRefused(401);
        Assert.Contains("No API key was sent", call.Body.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task HashOfAnEmptyKey_IsAFaultAndLetsNoCallerIn()
    {
        await using var pair = await GatewayPair.StartAsync(options =>
        {
            options.HasLog = true;
            options.Environment["TEAM_KEY"] = Secret;
            options.Settings = TeamSetup.Settings(TeamSetup.Team(reference: "env:TEAM_KEY"));
        });

        await pair.Gateway.WriteSettingsAsync(TeamSetup.Settings(TeamSetup.Team(key: "", reference: "env:TEAM_KEY")));
        await pair.Gateway.Log.WaitForAsync(
            line => line.Contains("is the hash of an empty key", StringComparison.Ordinal), "the fault");

        foreach (var line in (string[])["x-api-key:", "x-api-key: \t ", "Authorization: Bearer ", "Authorization: Bearer"])
        {
            var call = await pair.SendAsync("GET", "/v1/models", [line], null);

            call.IsRefused(401);
            Assert.Null(call.Upstream);
        }
    }

    [Fact]
    public async Task Refusals_SpeakTheRoutesDialect()
    {
        (await CallAsync("/v1/messages", "x-api-key: nobody")).IsRefusedInMessagesDialect(401);
        (await CallAsync("/v1/messages/batches", "x-api-key: ogw-one")).IsRefusedInMessagesDialect(403);
    }

    [Fact]
    public async Task Stranger_CostsNoBody()
    {
        await using var client = await _pair.Gateway.ConnectAsync();
        await client.SendAsync($"POST {Chat} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer nobody\r\nContent-Length: 50000000\r\n\r\n");

        Assert.Equal(401, (await client.ReadHeadAsync()).Status);
    }

    [Theory]
    [InlineData("https://search.example", "Search")]
    [InlineData("https://app.example", null, "HTTP-Referer: https://app.example")]
    [InlineData(null, "App", "X-Title: App")]
    [InlineData(null, null, "X-OpenRouter-Title: App")]
    public async Task Attribution_IsTheTeamsWhereTheClientSaysNothing(string? referer, string? title, params string[] lines)
    {
        var call = await CallAsync(Chat, [.. lines, "Authorization: Bearer ogw-one"]);

        Assert.Equal(referer, call.Forwarded.Header("HTTP-Referer"));
        Assert.Equal(title, call.Forwarded.Header("X-Title"));
    }

    [Fact]
    public async Task TeamsRules_GoBeforeEverybodys()
    {
        Assert.Equal("own", (await CallAsync(Chat, "Authorization: Bearer ogw-one")).Head.Header("x-gateway-rule"));
        Assert.Equal("all", (await CallAsync(Chat, "Authorization: Bearer ogw-two")).Head.Header("x-gateway-rule"));
    }

    [Fact]
    public async Task GatewayKeyWithoutTeams_NeverGoesUpstream()
    {
        await using var pair = await GatewayPair.StartAsync();
        string[][] cases =
        [
            ["Authorization: Bearer ogw-one"], ["authorization: BEARER OGW-one"], ["Authorization: ogw-one", "x-api-key: sk-or-v1-own"],
            ["x-api-key: ogw-one"], ["X-Api-Key: Ogw-one", "Authorization: Bearer sk-or-v1-own"],
            ["Authorization: Bearer sk-or-v1-own", "Authorization: Bearer ogw-one"],
        ];
        foreach (var lines in cases)
        {
            var call = await pair.SendAsync("POST", Chat, lines, "{}"u8.ToArray());

            call.IsRefused(401);
            Assert.Null(call.Upstream);
        }

        Assert.Equal(200, (await pair.SendAsync("POST", Chat, ["Authorization: Bearer sk-or-v1-own"], "{}"u8.ToArray())).Status);
    }

    [Theory]
    [InlineData("GET", "/v1/models", null)]
    [InlineData("GET", "/v1/models", "")]
    [InlineData("POST", Chat, "{}")]
    [InlineData("POST", "/v1/files", "--b--")]
    public async Task GatewayKeyWithoutTeams_IsRemovedFromEveryOtherHeader(string method, string path, string? body)
    {
        await using var pair = await GatewayPair.StartAsync();
        string[] lines =
        [
            "Content-Type: multipart/x; boundary=b; key=ogw-one", "Expires: OGW-one", "Content-Language: en, ogw-one", "Content-Location: /ogw-one",
            "Allow: ogw-one", "Last-Modified: ogw-one", "X-Anything: ogw-one", "Content-Disposition: attachment",
        ];
        var call = await pair.SendAsync(
            method,
            path,
            ["Authorization: Bearer sk-or-v1-own", .. path == Chat ? lines[1..] : lines],
            body is null ? null : Encoding.UTF8.GetBytes(body));

        Assert.Equal(200, call.Status);
        Assert.DoesNotContain(call.Forwarded.Headers, header => header.Value.Contains("ogw-", StringComparison.OrdinalIgnoreCase));
        Assert.Equal("attachment", call.Forwarded.Header("Content-Disposition"));
    }

    [Theory]
    [InlineData("?api_key=ogw-one", "")]
    [InlineData("?a=%41&api_key=OGW-one&b=c+d", "?a=%41&b=c+d")]
    [InlineData("?key=Bearer%20%6Fgw-one&&a", "?&a")]
    [InlineData("?ogw-one", "")]
    [InlineData("?a=xogw-one&b=%zz|", "?a=xogw-one&b=%zz|")]
    public async Task GatewayKeyInTheQuery_IsRemoved(string query, string arrived)
    {
        var withTeam = await _pair.SendAsync("GET", "/v1/models" + query, ["Authorization: Bearer ogw-one"], null);
        await using var pair = await GatewayPair.StartAsync();
        var without = await pair.SendAsync("POST", Chat + query, ["Authorization: Bearer sk-or-v1-own"], "{}"u8.ToArray());

        Assert.Equal(arrived, withTeam.Forwarded.Query);
        Assert.Equal(arrived, without.Forwarded.Query);
    }

    [Fact]
    public async Task Key_IsDeadOnceAReloadDropsTheTeams()
    {
        await using var pair = await GatewayPair.StartAsync(options =>
        {
            options.OutOfProcess = true;
            options.Settings = TeamSetup.Settings(TeamSetup.Team(reference: "env:TEAM_KEY"));
            options.Environment["TEAM_KEY"] = TeamSetup.UpstreamKey;
        });
        Assert.Equal(200, (await pair.SendAsync("POST", Chat, [TeamSetup.Bearer], "{}"u8.ToArray())).Status);

        await pair.Gateway.ReloadAsync(ShippedSettings.Text);
        var call = await pair.SendAsync("POST", Chat, [TeamSetup.Bearer], "{}"u8.ToArray());

        call.IsRefused(401);
        Assert.Null(call.Upstream);
        Assert.DoesNotContain(pair.Gateway.Log.All, line => line.Contains(TeamSetup.UpstreamKey, StringComparison.Ordinal));
        Assert.DoesNotContain(pair.Gateway.Log.All, line => line.Contains(TeamSetup.Key, StringComparison.Ordinal));
    }

    private Task<Exchange> CallAsync(string path, params string[] lines) =>
        _pair.SendAsync("POST", path, lines, """{"model":"m","messages":[]}"""u8.ToArray());

    public sealed class Fixture : GatewayFixture
    {
        private protected override void Configure(GatewayHostOptions options)
        {
            const string Attribution = "\"Attribution\": { \"Referer\": \"https://search.example\", \"Title\": \"Search\" }";
            const string Rule = """{ "Name": "own", "Model": "*", "Provider": { "zdr": true } }""";
            const string Rules = "\"ProviderMapping\": { \"Rules\": [ " + Rule + " ] }";
            options.Environment["TEAM_KEY"] = Secret;
            options.Settings = ShippedSettings.With(
                ("ProviderMapping", """{ "Rules": [ { "Name": "all", "Model": "*", "Provider": { "order": ["a"] } } ] }"""),
                ("Teams", $"""
                [ {TeamSetup.Team(Attribution + ", " + Rules, "one", "ogw-one", reference: "env:TEAM_KEY")},
                  {TeamSetup.Team("", "two", "ogw-two", reference: "env:TEAM_KEY")},
                  {TeamSetup.Team("", "own", "own text as a key", reference: "env:TEAM_KEY")},
                  {TeamSetup.Team("", "expired", "ogw-expired", ", \"Expires\": \"2020-01-01T00:00:00Z\"", "env:TEAM_KEY")} ]
                """));
        }
    }
}
