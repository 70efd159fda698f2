using FakeOpenRouter;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: the money is right, also over HTTP/2. After a storm of calls that go wrong in every way, and of kills, the ledger
/// equals the bills of upstream.
/// </summary>
public sealed class StormTests
{
    private static readonly int Operations = TestEffort.Times(50);
    private const int Kills = 2;

    [Fact]
    public async Task Sqlite_OneNode_SaysWhatUpstreamBills()
    {
        await using var upstream = await FakeOpenRouterServer.StartAsync(new FakeOpenRouterOptions { Record = false, Book = true, Http2 = true });
        await using var gateway = await StormGateway.StartAsync(
            upstream.BaseUrl,
            StormSettings.With(
                ("Usage", """{ "Store": "Sqlite", "Sqlite": { "Path": "usage.db" }, "PricesPath": "prices.json" }"""), StormSettings.Http2),
            StormSettings.Environment);
        var storm = new Storm([gateway], StormSettings.Keys);

        await storm.RunAsync(Operations, Kills);

        var rows = await StormAudit.WaitForClosedRowsAsync(() => StormLedger.ReadSqliteAsync(gateway.Folder.File("usage.db")));
        new StormAudit(rows, upstream.Book.Entries, storm.Outcomes, StormSettings.TeamsByKey).AssertRight(storm.Seed);
        Assert.Empty(await StormLedger.WrongSqliteSumsAsync(gateway.Folder.File("usage.db")));
    }
}
