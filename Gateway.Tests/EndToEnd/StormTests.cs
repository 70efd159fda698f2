using FakeOpenRouter;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: the money is right, also over HTTP/2. After a storm of calls that go wrong in every way, and of kills or of stops for days, the
/// ledger equals the bills of upstream.
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
            upstream.BaseUrl, static folder => StormSettings.In(folder, StormSettings.Ledger(folder), StormSettings.Http2));
        var storm = new Storm([gateway], StormSettings.Keys);

        await storm.RunAsync(Operations, Kills);

        var rows = await StormAudit.WaitForClosedRowsAsync(() => ReadAsync(gateway));
        await AssertRightAsync(gateway, storm, upstream, rows);
    }

    /// <summary>
    /// Upstream knows a bill four days after its call, and the gateway is away for three days at a time: the first question after the stop is
    /// answered that there is no bill. A clock that counts the days of the stop, or those since the call, gives the bill up there.
    /// </summary>
    [Fact]
    public async Task Sqlite_StoppedForThreeDays_SaysWhatUpstreamBills()
    {
        FakeTime.SkipWithPublishedProgram();
        var time = new SkippingTime();
        await using var upstream = await FakeOpenRouterServer.StartAsync(
            new FakeOpenRouterOptions { Record = false, Book = true, Http2 = true, Time = time, GenerationDelay = TimeSpan.FromDays(4) });
        await using var gateway = await StormGateway.StartInsideAsync(
            upstream.BaseUrl,
            static folder => StormSettings.In(
                folder,
                StormSettings.Ledger(folder, """, "Retention": "00:00:00" """),
                StormSettings.Http2,
                ("Server", """{ "ShutdownTimeout": "00:00:00.100" }""")),
            time,
            TimeSpan.FromDays(3));
        var storm = new Storm([gateway], StormSettings.Keys);

        await storm.RunAsync(Operations, kills: 1);

        IReadOnlyList<StormRow> rows;
        while ((rows = await ReadAsync(gateway)).Any(static row => row.IsOpen))
        {
            await gateway.EndAndRestartAsync();
            await WaitForQuestionsAsync(gateway, rows);
        }

        Assert.Contains(rows, static row => row.Questions > 1);
        await AssertRightAsync(gateway, storm, upstream, rows);
    }

    /// <summary>Waits until each row is closed, or upstream was asked for its bill once more than it had been.</summary>
    private static Task WaitForQuestionsAsync(StormGateway gateway, IReadOnlyList<StormRow> before)
    {
        var asked = before.Where(static row => row.IsOpen).ToDictionary(row => row.RequestId!, row => row.Questions);
        return Eventually.TrueAsync(
            async () => (await ReadAsync(gateway)).All(row => !row.IsOpen || row.Questions > asked.GetValueOrDefault(row.RequestId!)),
            "a question for each bill");
    }

    private static Task<IReadOnlyList<StormRow>> ReadAsync(StormGateway gateway) =>
        StormLedger.ReadSqliteAsync(StormSettings.LedgerPath(gateway.Folder));

    private static async Task AssertRightAsync(StormGateway gateway, Storm storm, FakeOpenRouterServer upstream, IReadOnlyList<StormRow> rows)
    {
        new StormAudit(rows, upstream.Book.Entries, storm.Outcomes, StormSettings.TeamsByKey).AssertRight(storm.Seed);
        Assert.Empty(await StormLedger.WrongSqliteSumsAsync(StormSettings.LedgerPath(gateway.Folder)));
    }
}
