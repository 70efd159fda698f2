using System.Text.Json;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: the line of a request that the gateway answers with an error has the error's code, from every part of the program that refuses it (D1);
/// the line of a call has its attempts and its generation.
/// </summary>
public sealed class RefusalLogTests
{
    private const string LimitedKey = "x-api-key: ogw-limited";

    [Fact]
    public async Task LineOfEveryRefusal_HasItsCode()
    {
        await using var team = await StartAsync();
        var path = "/v1/chat/completions";
        (string Code, Exchange Answer)[] refusals =
        [
            ("not_found", await SendAsync("GET /nothing")),
            ("not_found", await SendAsync("GET /v1//models")),
            ("method_not_allowed", await SendAsync("DELETE /health")),
            ("bad_request", await SendAsync($"POST {path}", "Transfer-Encoding: chunked\r\n", "xyz\r\n")),
            ("invalid_api_key", await team.ChatAsync("", "x-api-key: nobody's")),
            ("endpoint_not_allowed", await team.PostAsync("/v1/keys", "{}")),
            ("invalid_json", await team.PostAsync(path, "[]")),
            ("unsupported_media_type", await team.PostAsync(path, "{}", "Content-Type: multipart/form-data")),
            ("request_too_large", await team.PostAsync(path, $$"""{"model":"{{TeamGateway.Model}}","messages":["{{new string('x', 9000)}}"]}""")),
            ("model_not_allowed", await team.ChatAsync("\"model\":\"denied/x\"")),
            ("budget_exceeded", await team.ChatAsync("\"max_tokens\":100000000")),
            ("upgrade_not_supported", await SendAsync($"GET {path}", "Connection: Upgrade\r\nUpgrade: websocket\r\n")),
            ("upstream_unreachable", await team.ChatAsync("", "x-fake-close: 1", LimitedKey)),
            ("rate_limit_exceeded", await team.ChatAsync("", LimitedKey)),
            ("upstream_key_rejected", await team.ChatAsync("", "x-fake-status: 401", """x-fake-body: {"error":{"message":"User not found.","code":401}}""")),
        ];
        var cut = await team.ChatAsync("\"stream\":true", "x-fake-cut-after: 1");
        Assert.Contains("upstream_disconnected", cut.Body.Text, StringComparison.Ordinal);

        foreach (var (code, answer) in refusals)
        {
            Assert.Equal((code, code), (code, answer.Json.GetProperty("error").GetProperty("code").GetString()));
            var line = await LineOfAsync(team, answer);
            Assert.Equal((code, answer.Status), (line.GetProperty("Code").GetString(), line.GetProperty("Status").GetInt32()));
        }

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
        ],
        Sections = [("Server", """{ "MaxRequestBodySize": 8000 }""")],
    });

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
