using System.Text;
using Gateway.Billing;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: an upstream error about the key that the gateway holds for a team is the operator's: the team gets a 503 that no SDK repeats, and
/// is charged nothing. A provider's error, and one that a smaller request cures, is the caller's.
/// </summary>
public sealed class RejectedKeyTests : IClassFixture<RejectedKeyTests.Fixture>
{
    private const string NoUser = """{"error":{"message":"User not found.","code":401}}""";
    private const string NoCredit = """{"error":{"message":"Insufficient credits. Add more.","code":402},"user_id":"u"}""";
    private const string ProvidersKey = """{"error":{"message":"Bad key","code":401,"metadata":{"provider_name":"Azure"}}}""";
    private const string CanAfford = """{"error":{"message":"You requested up to 4096 tokens, but can only afford 512.","code":402}}""";
    private const string Prompt = """{"error":{"message":"Prompt tokens limit exceeded: 13221 > 8000.","code":402}}""";

    private readonly TeamGateway _team;

    public RejectedKeyTests(Fixture fixture)
    {
        _team = fixture.Team;
    }

    [Theory]
    [InlineData("/v1/chat/completions", "x-fake-status: 401", NoUser)]
    [InlineData("/v1/chat/completions", "x-fake-status: 402", NoCredit)]
    [InlineData("/v1/messages", "x-fake-status: 401", """{"type":"error","error":{"type":"authentication_error","message":"x"}}""")]
    [InlineData("/v1/responses", "x-fake-status: 401", "<html>")]
    [InlineData("/v1/chat/completions", "x-fake-status: 401", "{\"error\":{\"metadata\":{\"provider_name\":null}}}")]
    [InlineData("/v1/chat/completions", "x-fake-status: 401", "{\"erro\\ud800\":1,\"error\":{\"message\":\"\\ud83d\"}}")]
    [InlineData("/v1/chat/completions", "x-fake-status: 402", "{\"error\":{\"message\":\"\\ud83d\"}}")]
    [InlineData("/v1/responses", "x-fake-status: 200", "data: {\"type\":\"error\",\"code\":401,\"message\":\"User not found.\"}\n\n")]
    [InlineData("/v1/chat/completions", "x-fake-status: 200", NoUser)]
    [InlineData("/v1/chat/completions", "x-fake-status: 200", "data: " + NoCredit + "\n\n")]
    public async Task ErrorAboutTheKey_Is503(string path, string status, string body)
    {
        foreach (var gzip in (bool[])[false, true])
        {
            if (gzip && status.EndsWith("200", StringComparison.Ordinal))
            {
                continue;
            }

            var call = await PostAsync(path, body, status, gzip ? "x-fake-gzip: 1" : "x-fake-gzip: 0");

            Assert.Equal("false", call.Head.Header("x-should-retry"));
            Assert.Null(call.Head.Header("Content-Encoding"));
            if (path == "/v1/messages")
            {
                call.IsRefusedInMessagesDialect(503);
            }
            else
            {
                call.IsRefused(503);
                Assert.Equal("upstream_key_rejected", call.Json.GetProperty("error").GetProperty("code").GetString());
            }

            await _team.Gateway.Log.WaitForAsync(
                line => line.Contains("The upstream rejects the OpenRouter key", StringComparison.Ordinal)
                    && line.Contains("\"@l\":\"Error\",\"Team\":\"search\",\"Status\":40", StringComparison.Ordinal)
                    && line.Contains(call.Head.Header("x-request-id")!, StringComparison.Ordinal),
                "the rejected key");
        }

        await Eventually.TrueAsync(
            async () => (await _team.RowsAsync()).All(row => row is { State: GenerationState.Settled, CostPico: 0, Status: >= 401 and <= 403 }),
            "rows that cost nothing");
    }

    /// <summary>A message may be in another encoding, or be cut inside a character.</summary>
    [Theory]
    [InlineData("402 Payment Required", "Insufficient cr\u00e9dits", 503)]
    [InlineData("402 Payment Required", "You can only afford 5 tok\u00e9ns", 402)]
    [InlineData("200 OK", "Insufficient cr\u00e9dits", 503)]
    public async Task MessageThatIsNoUtf8_IsRead(string status, string message, int expected)
    {
        var body = $"{{\"error\":{{\"code\":402,\"message\":\"{message}\"}}}}";
        await using var upstream = ScriptedSocketUpstream.Start(async connection =>
        {
            await connection.ReadRequestAsync();
            await connection.SendAsync(Encoding.Latin1.GetBytes(
                $"HTTP/1.1 {status}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {body.Length}\r\n\r\n{body}"));
        });
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions { UpstreamUrl = upstream.BaseUrl, WaitsForPrices = false });

        var call = await team.ChatAsync();

        Assert.Equal(expected, call.Status);
        Assert.Equal(expected == 503 ? "1" : null, call.Head.Header("x-gateway-error"));
        var row = await team.RowAsync(static row => row.IsClosed);
        Assert.Equal((GenerationState.Settled, 0L), (row.State, row.CostPico));
    }

    [Fact]
    public async Task ErrorThatSaysItIsAStream_Is503()
    {
        var call = await PostAsync("/v1/chat/completions", $"data: {NoUser}\n\n", "x-fake-status: 401", "x-fake-content-type: text/event-stream");

        call.IsRefused(503);
        Assert.Equal("upstream_key_rejected", call.Json.GetProperty("error").GetProperty("code").GetString());
    }

    [Theory]
    [InlineData("x-fake-status: 401", ProvidersKey, 401)]
    [InlineData("x-fake-status: 402", CanAfford, 402)]
    [InlineData("x-fake-status: 402", Prompt, 402)]
    [InlineData("x-fake-status: 200", CanAfford, 402)]
    [InlineData("x-fake-status: 402", "{\"error\":{\"message\":\"You can only afford 512: \\ud83d\",\"code\":402}}", 402)]
    [InlineData("x-fake-status: 403", NoUser, 403)]
    [InlineData("x-fake-status: 402", "\uFEFF" + CanAfford, 402)]
    [InlineData("x-fake-status: 402", "data: " + CanAfford + "\n\n", 402)]
    [InlineData("x-fake-status: 401", "data: " + ProvidersKey + "\n\n", 401)]
    public async Task AnyOtherError_Passes(string status, string body, int expected)
    {
        var call = await PostAsync("/v1/chat/completions", body, status);

        Assert.Equal((expected, body), (call.Status, call.Body.Text));
        Assert.Null(call.Head.Header("x-gateway-error"));
    }

    [Fact]
    public async Task ErrorThatIsCutOrLate_Passes()
    {
        const string Start = "{\"error\":{\"message\":\"You can only afford";
        const string End = " 512.\",\"code\":402}}";
        foreach (var isCut in (bool[])[true, false])
        {
            await using var upstream = ScriptedSocketUpstream.Start(async connection =>
            {
                await connection.ReadRequestAsync();
                await connection.SendAsync(
                    $"HTTP/1.1 402 Payment Required\r\nContent-Type: application/json\r\nContent-Length: {(Start + End).Length}\r\nConnection: close\r\n\r\n");
                await connection.SendAsync(Start);
                await connection.SendAsync(isCut ? "" : End);
            });
            await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions
            {
                UpstreamUrl = upstream.BaseUrl,
                WaitsForPrices = false,
                Sections = [("Server", """{ "EventStreamHeaderDelay": "00:00:00" }""")],
            });

            var call = await team.ChatAsync();

            Assert.Equal((402, isCut ? Start : Start + End), (call.Status, call.Body.Text));
            Assert.Null(call.Head.Header("x-gateway-error"));
        }
    }

    [Theory]
    [InlineData("""{"type":"error","code":402,"message":"You can only afford 512","param":null}""", 402)]
    [InlineData("""{"type":"response.failed","response":{"error":{"code":401,"message":"x","metadata":{"provider_name":"Azure"}}}}""", 401)]
    public async Task OtherErrorInAnEvent_Passes(string data, int expected)
    {
        var call = await PostAsync("/v1/responses", $"data: {data}\n\n", "x-fake-status: 200");

        Assert.Equal((expected, data), (call.Status, call.Body.Text));
    }

    [Fact]
    public async Task CatalogueCall_IsJudgedTheSameWay()
    {
        await using var client = await _team.Gateway.ConnectAsync();
        var encoded = Convert.ToBase64String(Encoding.UTF8.GetBytes(NoUser));
        await client.SendAsync(
            $"GET /v1/models HTTP/1.1\r\nHost: {client.Authority}\r\n{TeamSetup.Bearer}\r\nx-fake-status: 401\r\nx-fake-body-base64: {encoded}\r\n\r\n");
        var (head, body) = await client.ReadAsync();

        new Exchange(head, body, null).IsRefused(503);
    }

    /// <summary>Without teams the key is the caller's own.</summary>
    [Fact]
    public async Task WithoutTeams_EveryErrorPasses()
    {
        await using var pair = await GatewayPair.StartAsync();

        var call = await pair.PostAsync("/v1/chat/completions", "{}", Script(NoUser, "x-fake-status: 401"));

        Assert.Equal((401, NoUser), (call.Status, call.Body.Text));
    }

    private static string[] Script(string body, params string[] more) =>
    [
        $"x-fake-body-base64: {Convert.ToBase64String(Encoding.UTF8.GetBytes(body))}",
        body.StartsWith("data:", StringComparison.Ordinal) ? "x-fake-content-type: text/event-stream" : "x-fake-chunked: 1",
        .. more,
    ];

    private Task<Exchange> PostAsync(string path, string body, params string[] more) =>
        _team.PostAsync(path, TeamGateway.Body(), Script(body, more));

    public sealed class Fixture : IAsyncLifetime
    {
        internal TeamGateway Team { get; private set; } = null!;

        public async ValueTask InitializeAsync() => Team = await TeamGateway.StartAsync(
            new TeamGatewayOptions { Team = """ "Budget": { "Usd": 1 } """, HasLog = true });

        public ValueTask DisposeAsync() => Team.DisposeAsync();
    }
}
