using System.Text.Json;
using Gateway.Tests.Gateway.Errors;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: the line of a request that the gateway answers with an error has the error's code, from every part of the program that refuses it (D1);
/// the line of a call has its attempts and its generation.
/// </summary>
public sealed class RefusalLogTests
{
    private const string Chat = "/v1/chat/completions";
    private const string LimitedKey = "x-api-key: ogw-limited";
    private const string HoldingKey = "x-api-key: ogw-holding";

    private static readonly string[] OfRequests =
    [
        "bad_request", "budget_exceeded", "budget_reserved", "catalogue_unreadable", "endpoint_not_allowed", "invalid_api_key",
        "invalid_content_encoding", "invalid_json", "invalid_model", "invalid_provider", "method_not_allowed", "model_not_allowed", "not_found",
        "price_unknown", "provider_not_allowed", "rate_limit_exceeded", "request_too_large", "server_tool_not_allowed",
        "unsupported_content_encoding", "unsupported_media_type", "upgrade_not_supported", "upstream_disconnected", "upstream_key_rejected",
        "upstream_unreachable",
    ];

    private static readonly string[] OfStores = ["budget_unavailable", "limits_unavailable", "server_busy", "usage_unavailable"];

    private static readonly string[] OfTime = ["upstream_timeout", "upstream_unavailable"];

    // A stop ends the gateway, and ShutdownTests reads its lines. The others need a fault of the program and an upload that the server cuts.
    private static readonly string[] LeftOut = ["gateway_stopping", "internal_error", "request_timeout"];

    [Fact]
    public void EveryDocumentedCode_IsCoveredOrLeftOut() => Assert.Equal(
        ErrorsDocumentTests.Documented.Select(static error => error.Code).Order(StringComparer.Ordinal),
        OfRequests.Concat(OfStores).Concat(OfTime).Concat(LeftOut).Order(StringComparer.Ordinal));

    [Fact]
    public async Task LineOfEveryRefusal_HasItsCode()
    {
        await using var team = await StartAsync();
        await using var holding = await team.OpenStreamAsync("\"model\":\"test/dollar\"", HoldingKey, "x-fake-stall-after: 1");
        Assert.Equal(200, holding.Head!.Status);
        (string Code, Exchange Answer)[] refusals =
        [
            ("not_found", await SendAsync("GET /nothing")),
            ("not_found", await SendAsync("GET /v1//models")),
            ("method_not_allowed", await SendAsync("DELETE /health")),
            ("bad_request", await SendAsync($"POST {Chat}", "Transfer-Encoding: chunked\r\n", "xyz\r\n")),
            ("invalid_api_key", await team.ChatAsync("", "x-api-key: nobody's")),
            ("endpoint_not_allowed", await team.PostAsync("/v1/keys", "{}")),
            ("invalid_json", await team.PostAsync(Chat, "[]")),
            ("unsupported_media_type", await team.PostAsync(Chat, "{}", "Content-Type: multipart/form-data")),
            ("request_too_large", await team.PostAsync(Chat, $$"""{"model":"{{TeamGateway.Model}}","messages":["{{new string('x', 9000)}}"]}""")),
            ("model_not_allowed", await team.ChatAsync("\"model\":\"denied/x\"")),
            ("budget_exceeded", await team.ChatAsync("\"max_tokens\":100000000")),
            ("upgrade_not_supported", await SendAsync($"GET {Chat}", "Connection: Upgrade\r\nUpgrade: websocket\r\n")),
            ("upstream_unreachable", await team.ChatAsync("", "x-fake-close: 1", LimitedKey)),
            ("rate_limit_exceeded", await team.ChatAsync("", LimitedKey)),
            ("budget_reserved", await team.ChatAsync("\"model\":\"test/dollar\"", HoldingKey)),
            ("price_unknown", await team.ChatAsync("\"model\":\"nobody/knows\"")),
            ("invalid_model", await team.ChatAsync("\"model\":5")),
            ("invalid_provider", await team.ChatAsync("\"provider\":5")),
            ("provider_not_allowed", await team.ChatAsync("\"model\":\"openai/gpt-4o\",\"provider\":{\"only\":[\"openai\"]}")),
            ("server_tool_not_allowed", await team.ChatAsync("\"tools\":[{\"type\":\"openrouter:files\"}]")),
            ("invalid_content_encoding", await team.PostAsync(Chat, "{}", "Content-Encoding: gzip")),
            ("unsupported_content_encoding", await team.PostAsync(Chat, "{}", "Content-Encoding: zstd")),
            ("catalogue_unreadable", await SendAsync("GET /v1/models", "x-fake-body: x\r\n")),
            ("upstream_key_rejected", await team.ChatAsync("", "x-fake-status: 401", """x-fake-body: {"error":{"message":"User not found.","code":401}}""")),
        ];
        var cut = await team.ChatAsync("\"stream\":true", "x-fake-cut-after: 1");
        Assert.Contains("upstream_disconnected", cut.Body.Text, StringComparison.Ordinal);

        await CheckAsync(team, refusals, OfRequests.Except(["upstream_disconnected"]));
        var cutLine = await LineOfAsync(team, cut);
        Assert.Equal(
            ("upstream_disconnected", "UpstreamBroke", 200),
            (cutLine.GetProperty("Code").GetString(), cutLine.GetProperty("End").GetString(), cutLine.GetProperty("Status").GetInt32()));

        async Task<Exchange> SendAsync(string request, string headers = "", string body = "")
        {
            await using var client = await team.Gateway.ConnectAsync();
            await client.SendAsync(
                $"{request} HTTP/1.1\r\nHost: {client.Authority}\r\nx-api-key: {TeamSetup.Key}\r\n{headers}\r\n{body}");
            var (head, answer) = await client.ReadAsync();
            return new Exchange(head, answer, null);
        }
    }

    [Fact]
    public async Task LineOfARefusalForLackOfAStoreOrMemory_HasItsCode()
    {
        using var folder = new TempFolder();
        using var redis = LoopbackPort.Claim();
        folder.Write("file", "");
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions
        {
            HasLog = true,
            MoreTeams = reference =>
            [
                TeamSetup.Team(""" "Limits": { "RequestsPerMinute": 1 } """, "limited", "ogw-limited", reference: reference),
                TeamSetup.Team(""" "Budget": { "Usd": 1 } """, "holding", "ogw-holding", reference: reference),
            ],
            Limits = $$"""
                { "Store": "Redis", "Redis": { "Configuration": "127.0.0.1:{{redis}}" }, "WhenStoreFails": { "Limits": "Refuse" } }
                """,
            Usage = $$"""{ "Sqlite": { "Path": "{{folder.File("file/usage.db")}}" } }""",
            Sections =
            [
                ("Server", """
                    { "RequestBodyMemory": 1048576, "MaxWaitingBodies": 0, "Limits": { "MinRequestBodyDataRate": { "BytesPerSecond": 0 } } }
                    """),
            ],
        });
        await using var holder = await UploadAsync();
        Assert.Equal(100, (await holder.ReadHeadAsync()).Status);
        await using var second = await UploadAsync();
        var (head, body) = await second.ReadAsync();

        await CheckAsync(
            team,
            [
                ("server_busy", new Exchange(head, body, null)),
                ("limits_unavailable", await team.ChatAsync("", LimitedKey)),
                ("budget_unavailable", await team.ChatAsync("", HoldingKey)),
                ("usage_unavailable", await team.ChatAsync()),
            ],
            OfStores);

        async Task<RawHttpClient> UploadAsync()
        {
            var client = await team.Gateway.ConnectAsync();
            await client.SendAsync(
                $"POST {Chat} HTTP/1.1\r\nHost: {client.Authority}\r\n{TeamSetup.Bearer}\r\nContent-Length: 800000\r\nExpect: 100-continue\r\n\r\n");
            return client;
        }
    }

    [Fact]
    public async Task LineOfARefusalForUpstreamsSake_HasItsCode()
    {
        FakeTime.SkipWithPublishedProgram();
        var time = FakeTime.StartNow();
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions
        {
            HasLog = true,
            Time = time,
            Sections = [("Upstream", """{ "TotalTimeout": "00:01:00" }""")],
        });
        await using var silent = await team.SendAsync(Chat, TeamGateway.Body(), "x-fake-delay-ms: 600000");
        await team.Upstream.Requests.WaitForAsync(request => request.Id == silent.Id && request.BodyComplete);
        var reading = silent.Client.ReadAsync();
        await time.AdvanceUntilAsync(TimeSpan.FromSeconds(5), () => Task.FromResult(reading.IsCompleted), "the answer");
        var (head, body) = await reading;
        var unavailable = await Eventually.GetAsync(
            async () =>
            {
                time.Advance(TimeSpan.FromMilliseconds(500));
                var call = await team.ChatAsync(
                    "", "x-fake-status: 521", "x-fake-body: <html>", "x-fake-content-type: text/html", "x-fake-no-generation-id: 1");
                return call.Status == 521 ? null : call;
            },
            "a destination that is left alone");

        await CheckAsync(team, [("upstream_timeout", new Exchange(head, body, null)), ("upstream_unavailable", unavailable)], OfTime);
    }

    [Fact]
    public async Task LineOfACall_HasItsAttemptsAndItsGeneration()
    {
        await using var team = await StartAsync();
        var call = await team.ChatAsync("\"stream\":true");
        var upstreams = await team.ChatAsync("", "x-fake-status: 400");

        var line = await LineOfAsync(team, call);
        Assert.Equal(team.Bill(call).Id, line.GetProperty("GenerationId").GetString());
        Assert.Equal(
            (1, JsonValueKind.Null, "search"),
            (line.GetProperty("Attempts").GetInt32(), line.GetProperty("Code").ValueKind, line.GetProperty("Team").GetString()));

        // An error of upstream is none of the gateway.
        Assert.Equal(JsonValueKind.Null, (await LineOfAsync(team, upstreams)).GetProperty("Code").ValueKind);
    }

    private static Task<TeamGateway> StartAsync() => TeamGateway.StartAsync(new TeamGatewayOptions
    {
        HasLog = true,
        Team = """ "DeniedModels": ["denied/*"], "Budget": { "Usd": 1, "Period": "Day" } """,
        MoreTeams = reference =>
        [
            TeamSetup.Team(""" "Limits": { "RequestsPerMinute": 1 } """, "limited", "ogw-limited", reference: reference),
            TeamSetup.Team(""" "Budget": { "Usd": 1 } """, "holding", "ogw-holding", reference: reference),
        ],
        PrepareUpstream = static upstream => upstream.Prices.Set("test/dollar", "0", "0", "1"),
        Sections =
        [
            ("Server", """{ "MaxRequestBodySize": 8000 }"""),
            ("ProviderMapping", """
                {
                  "Rules": [
                    { "Name": "eu", "Model": "openai/gpt-4o", "WhenClientSetsProvider": "Enforce", "Provider": { "only": [ "azure" ] } }
                  ]
                }
                """),
        ],
    });

    /// <summary>Checks the code of each answer and of its line.</summary>
    private static async Task CheckAsync(TeamGateway team, IReadOnlyList<(string Code, Exchange Answer)> refusals, IEnumerable<string> codes)
    {
        Assert.Equal(codes, refusals.Select(static refusal => refusal.Code).Distinct().Order(StringComparer.Ordinal));
        foreach (var (code, answer) in refusals)
        {
            Assert.Equal((code, code), (code, answer.Json.GetProperty("error").GetProperty("code").GetString()));
            var line = await LineOfAsync(team, answer);
            Assert.Equal((code, answer.Status), (line.GetProperty("Code").GetString(), line.GetProperty("Status").GetInt32()));
        }
    }

    /// <summary>The line of a call in the log.</summary>
    private static async Task<JsonElement> LineOfAsync(TeamGateway team, Exchange call)
    {
        var id = call.Head.Header("x-request-id")!;
        var line = await team.Gateway.Log.WaitForAsync(
            line => line.Contains($"\"RequestId\":\"{id}\"", StringComparison.Ordinal)
                && line.Contains("\"SourceContext\":\"Gateway.Requests\"", StringComparison.Ordinal),
            $"the line of request {id}");
        using var json = JsonDocument.Parse(line);
        return json.RootElement.Clone();
    }
}
