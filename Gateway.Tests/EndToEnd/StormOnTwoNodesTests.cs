using FakeOpenRouter;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: the money is right on many nodes, too: two gateways share a PostgreSQL and a Redis, and either settles the calls that the other left.
/// </summary>
public sealed class StormOnTwoNodesTests(PostgresServer postgres, SharedRedis redis)
{
    private static readonly int Operations = TestEffort.Times(37);
    private const int Kills = 3;

    [Fact]
    public async Task Postgres_TwoNodes_SayWhatUpstreamBills()
    {
        var database = await postgres.CreateDatabaseAsync();
        var server = await redis.GetAsync();
        var prefix = redis.NewPrefix();
        string Settings(TempFolder folder) => StormSettings.In(
            folder,
            ("Usage", """{ "Store": "Postgres", "Postgres": { "ConnectionString": "env:STORM_DATABASE" }, "PricesPath": "prices.json" }"""),
            ("Limits", $$"""{ "Store": "Redis", "Redis": { "Configuration": "{{server.PatientConfiguration}}", "KeyPrefix": "{{prefix}}", "Timeout": "00:00:30" } }"""));
        var environment = new Dictionary<string, string> { ["STORM_DATABASE"] = database };
        await using var upstream = await FakeOpenRouterServer.StartAsync(new FakeOpenRouterOptions { Record = false, Book = true });
        await using var first = await StormGateway.StartAsync(upstream.BaseUrl, Settings, environment);
        await using var second = await StormGateway.StartAsync(upstream.BaseUrl, Settings, environment);
        var storm = new Storm([first, second], StormSettings.Keys);

        await storm.RunAsync(Operations, Kills);

        var rows = await StormAudit.WaitForClosedRowsAsync(() => StormLedger.ReadPostgresAsync(database));
        new StormAudit(rows, upstream.Book.Entries, storm.Outcomes, StormSettings.TeamsByKey).AssertRight(storm.Seed);
        Assert.Empty(await StormLedger.WrongPostgresSumsAsync(database));
    }
}
