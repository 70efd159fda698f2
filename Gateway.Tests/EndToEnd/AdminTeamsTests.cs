using System.Text.Json;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>Promise: "Who is about to run out" is one request to the admin address: every team's budget, limits and keys.</summary>
public sealed class AdminTeamsTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Team_HasTheLevelsOfItsBudgetAndItsLimits_AndItsKeys()
    {
        FakeTime.SkipWithPublishedProgram();
        var time = FakeTime.StartNow();
        await using var team = await StartAsync(time);
        using var admin = await team.Gateway.AdminClientAsync();
        var before = (await TeamsAsync(admin)).GetProperty("search");
        Assert.False(before.GetProperty("keys")[0].TryGetProperty("last_used", out _));

        var bill = team.Bill(await team.ChatAsync());
        await team.ClosedRowAsync(bill);
        await using var open = await team.OpenStreamAsync("", "x-fake-stall-after: 2");

        // The key's use is noted when its request has ended.
        var text = await Eventually.GetAsync(
            async () => (await TeamsAsync(admin)).GetProperty("search") is var found && found.GetProperty("keys")[0].TryGetProperty("last_used", out _)
                ? found.GetRawText() : null,
            "the use of the key");
        using var json = JsonDocument.Parse(text);
        var search = json.RootElement;
        var budget = Assert.Single(search.GetProperty("budgets").EnumerateArray());
        var now = time.GetUtcNow().UtcDateTime;
        Assert.Equal(
            ("month", 12.5m, (decimal)bill.Cost / 1e12m, "report", new DateTime(now.Year, now.Month, 1, 0, 0, 0, DateTimeKind.Utc).AddMonths(1)),
            (budget.GetProperty("period").GetString(), Usd("limit_usd"), Usd("spent_usd"), budget.GetProperty("when_exceeded").GetString(),
                budget.GetProperty("resets_at").GetDateTime()));
        Assert.True(Usd("reserved_usd") > 0);
        Assert.Equal(12.5m - Usd("spent_usd") - Usd("reserved_usd"), Usd("left_usd"));
        Assert.Equal(
            """{"requests_per_minute":{"limit":60,"remaining":58},"concurrent_requests":{"limit":3,"remaining":2}}""",
            search.GetProperty("limits").GetRawText());
        var keys = search.GetProperty("keys").EnumerateArray().ToList();
        Assert.Equal(
            ("ci", new DateTime(2100, 1, 1, 0, 0, 0, DateTimeKind.Utc), now),
            (keys[0].GetProperty("label").GetString(), keys[0].GetProperty("expires").GetDateTime(), keys[0].GetProperty("last_used").GetDateTime()));
        var own = Assert.Single(keys[0].GetProperty("budgets").EnumerateArray());
        Assert.Equal(
            ("total", 2m, Usd("spent_usd"), false),
            (own.GetProperty("period").GetString(), own.GetProperty("limit_usd").GetDecimal(), own.GetProperty("spent_usd").GetDecimal(), own.TryGetProperty("resets_at", out _)));

        var bare = (await TeamsAsync(admin)).GetProperty("bare");
        Assert.Equal("""{"id":"bare","budgets":[],"keys":[{"label":"key-1"}]}""", bare.GetRawText());

        decimal Usd(string member) => budget.GetProperty(member).GetDecimal();
    }

    [Fact]
    public async Task LastUse_OutlivesReloadsAndProcesses()
    {
        await using var team = await StartAsync();
        using (var admin = await team.Gateway.AdminClientAsync())
        {
            Assert.Equal(200, (await team.ChatAsync()).Status);
            await Eventually.TrueAsync(async () => await IsUsedAsync(admin), "the use of the key");
            await team.ReloadAsync("\"Budget\": { \"Usd\": 20 }");
            Assert.True(await IsUsedAsync(admin));
            Assert.Equal(20, (await TeamsAsync(admin)).GetProperty("search").GetProperty("budgets")[0].GetProperty("limit_usd").GetDecimal());
        }

        await team.RestartAsync();
        using var next = await team.Gateway.AdminClientAsync();
        Assert.True(await IsUsedAsync(next));

        static async Task<bool> IsUsedAsync(HttpClient admin) =>
            (await TeamsAsync(admin)).GetProperty("search").GetProperty("keys")[0].TryGetProperty("last_used", out _);
    }

    private static Task<TeamGateway> StartAsync(TimeProvider? time = null) => TeamGateway.StartAsync(new TeamGatewayOptions
    {
        Team = """
            "Limits": { "RequestsPerMinute": 60, "ConcurrentRequests": 3 },
            "Budget": { "Usd": 12.5, "Period": "Month", "WhenExceeded": "Report" }
            """,
        KeyMore = """, "Label": "ci", "Expires": "2100-01-01T00:00:00Z", "Budget": { "Usd": 2, "Period": "Total" } """,
        MoreTeams = reference => [TeamSetup.Team("", "bare", "ogw-bare", reference: reference)],
        Sections = [("Admin", """{ "Url": "http://127.0.0.1:0" }""")],
        Time = time,
    });

    private static async Task<JsonElement> TeamsAsync(HttpClient admin)
    {
        using var json = JsonDocument.Parse(await admin.GetStringAsync("/admin/teams", Stop));
        var teams = json.RootElement.GetProperty("teams").EnumerateArray().ToDictionary(team => team.GetProperty("id").GetString()!, team => team.Clone());
        return JsonSerializer.SerializeToElement(teams);
    }
}
