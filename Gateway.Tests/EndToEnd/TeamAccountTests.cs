using System.Text.Json;
using FakeOpenRouter;
using Gateway.Primitives;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>Promise: a team asks for its own key and credits as it would ask OpenRouter, and gets its own figures, not the operator's.</summary>
public sealed class TeamAccountTests
{
    private const string Budget = "\"Budget\": { \"Usd\": 0.5 }";

    private static readonly string[] Members =
    [
        "label", "limit", "limit_remaining", "limit_reset", "include_byok_in_limit", "usage", "usage_daily", "usage_weekly", "usage_monthly",
        "byok_usage", "byok_usage_daily", "byok_usage_weekly", "byok_usage_monthly", "is_free_tier", "is_management_key", "is_provisioning_key",
        "expires_at", "creator_user_id", "organization_id", "workspace_id", "allowed_data_regions", "free_model_daily_requests", "rate_limit",
    ];

    [Fact]
    public async Task Key_HasTheTeamsOwnFigures()
    {
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions
        {
            Team = Budget,

            // Stands still: no day ends between the call and the question.
            Time = FakeTime.StartNow(),
            KeyMore = """, "Label": "ci", "Expires": "2099-01-02T03:04:05+01:00" """,
        });
        var call = await team.ChatAsync();
        var row = await team.ClosedRowAsync(team.Bill(call));
        var cost = new PicoDollars(row.CostPico!.Value).ToString();
        var left = new PicoDollars(500_000_000_000 - row.CostPico.Value).ToString();
        Assert.NotEqual("0", cost);

        foreach (var path in (string[])["/v1/key", "/api/v1/key", "/api/key", "/v1/auth/key", "/V1/Key/"])
        {
            var (head, key) = await GetAsync(team, path);

            Assert.Equal((200, "application/json", "no-store"), (head.Status, head.Header("Content-Type"), head.Header("Cache-Control")));
            Assert.NotNull(head.Header("x-request-id"));
            Assert.Equal(["data"], key.EnumerateObject().Select(member => member.Name));
            key = key.GetProperty("data");
            Assert.Equal(Members, key.EnumerateObject().Select(member => member.Name));
            Assert.Equal(
                ["\"ci\"", "0.5", left, "\"monthly\"", cost, cost, cost, cost, "0", "\"2099-01-02T02:04:05Z\"", "-1"],
                ((string[])["label", "limit", "limit_remaining", "limit_reset", "usage", "usage_daily", "usage_weekly", "usage_monthly",
                    "byok_usage", "expires_at"]).Select(name => key.GetProperty(name).GetRawText())
                .Append(key.GetProperty("rate_limit").GetProperty("requests").GetRawText()));
        }

        var (_, credits) = await GetAsync(team, "/v1/credits");
        Assert.Equal($"{{\"data\":{{\"total_credits\":0.5,\"total_usage\":{cost}}}}}", credits.GetRawText());
        Assert.DoesNotContain(team.Upstream.Requests.All, request => request.Path is "/api/v1/credits");
        Assert.DoesNotContain(
            team.Upstream.Requests.All, request => request.Path.EndsWith("/key", StringComparison.OrdinalIgnoreCase) && request.Id is not null);
    }

    [Fact]
    public async Task TeamWithoutABudget_HasNoLimitAndNoCredits()
    {
        await using var team = await TeamGateway.StartAsync("");

        var (head, key) = await GetAsync(team, "/v1/key");
        var (credits, _) = await GetAsync(team, "/v1/credits");

        Assert.Equal(200, head.Status);
        Assert.All(
            (string[])["limit", "limit_remaining", "limit_reset", "expires_at"],
            name => Assert.Equal(JsonValueKind.Null, key.GetProperty("data").GetProperty(name).ValueKind));
        Assert.Equal(0, key.GetProperty("data").GetProperty("usage").GetDecimal());
        Assert.Equal(403, credits.Status);
    }

    [Fact]
    public async Task OpenReservation_IsNotLeftAndCountsAsUsed()
    {
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions { Team = Budget, Time = FakeTime.StartNow() });
        await using var call = await team.OpenStreamAsync("\"max_tokens\":1000", "x-fake-stall-after: 1");
        var row = Assert.Single(await team.RowsAsync());
        var left = new PicoDollars(500_000_000_000 - row.ReservedPico).ToString();

        var (_, key) = await GetAsync(team, "/v1/key");
        var (_, credits) = await GetAsync(team, "/v1/credits");

        Assert.Equal(left, key.GetProperty("data").GetProperty("limit_remaining").GetRawText());
        Assert.Equal(new PicoDollars(row.ReservedPico).ToString(), key.GetProperty("data").GetProperty("usage_daily").GetRawText());
        Assert.Equal(new PicoDollars(row.ReservedPico).ToString(), credits.GetProperty("data").GetProperty("total_usage").GetRawText());
    }

    [Fact]
    public async Task Questions_CountUnderTheRequestsPerMinute()
    {
        // A limit refills as time passes.
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions
        {
            Time = FakeTime.StartNow(),
            Team = """ "Limits": { "RequestsPerMinute": 2 } """,
        });

        Assert.Equal(200, (await GetAsync(team, "/v1/key")).Head.Status);
        Assert.Equal("1", (await GetAsync(team, "/v1/models")).Head.Header("x-ratelimit-limit-requests") is "2" ? "1" : "0");
        Assert.Equal(429, (await GetAsync(team, "/v1/key")).Head.Status);
    }

    [Fact]
    public async Task WithoutTeams_QuestionsGoUpstream()
    {
        await using var upstream = await FakeOpenRouterServer.StartAsync();
        await using var gateway = await GatewayHost.StartAsync(options => options.Upstream = upstream.BaseUrl);

        Assert.Contains("\"fake\"", await gateway.Client.GetStringAsync("/v1/key", TestContext.Current.CancellationToken), StringComparison.Ordinal);
        Assert.Contains("\"total_credits\":100", await gateway.Client.GetStringAsync("/v1/credits", TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    private static async Task<(RawResponse Head, JsonElement Body)> GetAsync(TeamGateway team, string target)
    {
        await using var client = await team.Gateway.ConnectAsync();
        await client.GetAsync(target, "x-api-key: " + TeamSetup.Key);
        var (head, body) = await client.ReadAsync();
        using var document = JsonDocument.Parse(body.Bytes);
        return (head, document.RootElement.Clone());
    }
}
