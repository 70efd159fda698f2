using Gateway.Settlement;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: metrics show each budget: its limit, the spent amount and the amount that open calls have reserved, and the money of each key that
/// the ledger does not know.
/// </summary>
public sealed class BudgetMetricsTests
{
    private const string Metric = "gateway_budget_usd";
    private const string Budget = "\"Budget\": { \"Usd\": 1 }";

    [Fact]
    public async Task Budget_IsAGaugeOfLimitSpentAndReserved()
    {
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions
        {
            Team = "\"Budget\": { \"Usd\": 12.5 }",
            KeyMore = """, "Label": "ci", "Budget": { "Usd": 3 }""",
            Sections = [("Admin", """{ "Url": "http://127.0.0.1:0" }""")],
        });
        var bill = team.Bill(await team.ChatAsync());
        var row = await team.ClosedRowAsync(bill);
        await using var open = await team.OpenStreamAsync("", "x-fake-stall-after: 2");
        using var admin = await team.Gateway.AdminClientAsync();

        // A reload reads the budgets anew.
        await team.ReloadAsync("\"Budget\": { \"Usd\": 20 }");
        await Eventually.TrueAsync(async () => await ReadAsync("limit") == 20, "the limit of the reload");

        Assert.Equal((double)row.CostPico!.Value / 1e12, (await ReadAsync("spent"))!.Value, 12);
        Assert.True(await ReadAsync("reserved") > 0);
        Assert.Equal((3, await ReadAsync("spent")), (await ReadAsync("limit", "ci"), await ReadAsync("spent", "ci")));

        async Task<double?> ReadAsync(string kind, string? key = null)
        {
            var budgets = (await MetricScrape.ReadAsync(admin)).Of(Metric, ("kind", kind), ("team", "search"));
            return budgets.SingleOrDefault(series => series.Tags.GetValueOrDefault("key") == key)?.Value;
        }
    }

    [Fact]
    public async Task CallThatDoesNotPassTheGateway_IsTheDriftOfItsKey()
    {
        FakeTime.SkipWithPublishedProgram();
        var time = FakeTime.StartNow();
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions
        {
            Sections = [("Admin", """{ "Url": "http://127.0.0.1:0" }""")],
            Time = time,
        });
        using var admin = await team.Gateway.AdminClientAsync();

        // The drift counts from the first turn on. One between upstream's bill and the call's row would leave the call out for good.
        await TurnUntilAsync(0);
        await team.ChatAsync();
        await TurnUntilAsync(0);

        using var client = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Post, team.Upstream.BaseUrl + "/chat/completions");
        request.Headers.Add("Authorization", "Bearer " + TeamSetup.UpstreamKey);
        request.Headers.Add("x-fake-id", "past");
        request.Content = new StringContent(TeamGateway.Body());
        using var response = await client.SendAsync(request, TestContext.Current.CancellationToken);
        response.EnsureSuccessStatusCode();

        Assert.True(team.Bill("past").Cost > 0);
        await TurnUntilAsync((double)team.Bill("past").Cost / 1e12);

        Task TurnUntilAsync(double expected) => Eventually.InStepsAsync(
            async () =>
            {
                // A clock that goes on before the answer has come would time the question out.
                var questions = Questions();
                time.Advance(DriftWorker.TurnPeriod);
                await Eventually.TrueAsync(() => Questions() > questions, "a question for the key");
                return await ReadAsync() is { } drift && Math.Abs(drift - expected) < 1e-12;
            },
            $"a drift of {expected}");

        int Questions() => team.Upstream.Requests.All.Count(static request => request.Path.EndsWith("/key", StringComparison.Ordinal));

        async Task<double?> ReadAsync() => (await MetricScrape.ReadAsync(admin)).Of("gateway_upstream_drift_usd").SingleOrDefault()?.Value;
    }

    /// <summary>By default an instrument of the library has 2,000 series, and the values of all further ones are lost.</summary>
    [Fact]
    public async Task BudgetsOfManyTeams_HaveAllTheirSeries()
    {
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions
        {
            Team = Budget,
            MoreTeams = static reference =>
                Enumerable.Range(1, 799).Select(number => TeamSetup.Team(Budget, $"team-{number}", $"ogw-{number}", reference: reference)),
            Sections = [("Admin", """{ "Url": "http://127.0.0.1:0" }""")],
        });
        using var admin = await team.Gateway.AdminClientAsync();

        var metrics = await Eventually.GetAsync(
            async () => await MetricScrape.ReadAsync(admin) is var scrape && scrape.Of(Metric).Any() ? scrape : null, "the budgets");

        Assert.Equal(3 * 800, metrics.Of(Metric).Count());
        Assert.DoesNotContain("otel_metric_overflow", metrics.Text, StringComparison.Ordinal);
    }
}
