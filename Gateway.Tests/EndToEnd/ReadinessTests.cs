using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>Promise: a gateway that cannot read its ledger takes no traffic as long as a budget needs the ledger.</summary>
public sealed class ReadinessTests
{
    [Theory]
    [InlineData(""" "Budget": { "Usd": 1 } """, "Refuse", "Refuse", 503, "waiting")]
    [InlineData(""" "Budget": { "Usd": 1 } """, "Allow", "Refuse", 503, "waiting")]
    [InlineData(""" "Budget": { "Usd": 1 } """, "Refuse", "Allow", 503, "waiting")]
    [InlineData(""" "Budget": { "Usd": 1 } """, "Allow", "Allow", 200, "ready")]
    [InlineData("", "Refuse", "Refuse", 200, "ready")]
    public async Task LedgerThatIsNotOpen_CountsWhereABudgetNeedsIt(string members, string budgets, string usage, int status, string word)
    {
        using var port = LoopbackPort.Claim();
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions
        {
            Team = members,
            Usage = $$"""{ "Store": "Postgres", "Postgres": { "ConnectionString": "Host=127.0.0.1;Port={{port.Number}};Username=u;Password=p;Database=d" }, "WhenStoreFails": "{{usage}}" }""",
            Limits = $$"""{ "WhenStoreFails": { "Budgets": "{{budgets}}" } }""",
            WaitsForPrices = false,
        });

        using var ready = await team.Gateway.Client.GetAsync("/health/ready", TestContext.Current.CancellationToken);

        Assert.Equal(status, (int)ready.StatusCode);
        Assert.Equal($$"""{"status":"{{word}}"}""", await ready.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        Assert.Equal(status == 200, (await team.Gateway.HealthAsync()).GetProperty("ready").GetBoolean());
    }

    [Fact]
    public async Task ReloadThatBringsABudget_KeepsAnOpenLedgerReady()
    {
        await using var team = await TeamGateway.StartAsync();

        await team.ReloadAsync(""" "Budget": { "Usd": 1 } """);

        using var ready = await team.Gateway.Client.GetAsync("/health/ready", TestContext.Current.CancellationToken);
        Assert.Equal(200, (int)ready.StatusCode);
    }
}
