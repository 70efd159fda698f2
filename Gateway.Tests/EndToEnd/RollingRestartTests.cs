using Gateway.Limits;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: two processes on one ledger file, as in a rolling restart, share a budget: each learns from the ledger about the calls that the
/// other admits and settles.
/// </summary>
public sealed class RollingRestartTests
{
    // A call of the old process reserves most of the dollar, so that the new one has room for a large call only once it is settled.
    private const string Large = "\"max_tokens\":1200000";

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task CallThatOneProcessSettles_LeavesTheBudgetOfTheOther(bool isOfTheOldOne)
    {
        FakeTime.SkipWithPublishedProgram();

        // Each has a clock of its own, which says which of them asks for the bill.
        var (oldTime, newTime) = (FakeTime.StartNow(), FakeTime.StartNow());
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions
        {
            Team = """ "Budget": { "Usd": 1, "Period": "Total" } """,
            Time = oldTime,
        });
        await using var second = await team.StartSecondAsync(newTime);
        var (settling, settlingTime) = isOfTheOldOne ? (team.Gateway, oldTime) : (second, newTime);
        var (counting, countingTime) = isOfTheOldOne ? (second, newTime) : (team.Gateway, oldTime);

        await using var stream = await settling.ConnectAsync();
        var id = TeamGateway.NextId();
        await TeamGateway.SendAsync(
            stream, id, "/v1/chat/completions", TeamGateway.Body("\"stream\":true," + Large), "x-fake-events: 20", "x-fake-stall-after: 6");
        var head = await stream.ReadHeadAsync();
        Assert.Equal(200, head.Status);
        await stream.ReadPieceAsync(head, []);

        // The counter of the other process is seeded with the reservation. Where the metrics of this process are collected, the worker of
        // the levels has seeded it before, and a round brings the reservation.
        await countingTime.AdvanceUntilAsync(
            MemoryBudgetReconciler.RoundPeriod, async () => await ChatAsync(counting) == 429, "the reservation");

        await stream.DisposeAsync();
        await settlingTime.AdvanceUntilAsync(
            TimeSpan.FromSeconds(1), async () => (await team.RowsAsync()).All(row => row.IsClosed), "the bill");

        await countingTime.AdvanceUntilAsync(
            MemoryBudgetReconciler.RoundPeriod, async () => await ChatAsync(counting) == 200, "room in the budget");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task CallThatOneProcessAdmits_CountsInTheBudgetOfTheOther(bool isOfTheOldOne)
    {
        FakeTime.SkipWithPublishedProgram();
        var (oldTime, newTime) = (FakeTime.StartNow(), FakeTime.StartNow());
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions
        {
            Team = """ "Budget": { "Usd": 1, "Period": "Total" } """,
            Time = oldTime,
        });
        await using var second = await team.StartSecondAsync(newTime);
        var admitting = isOfTheOldOne ? team.Gateway : second;
        var (counting, countingTime) = isOfTheOldOne ? (second, newTime) : (team.Gateway, oldTime);

        // The counter is seeded before the other process admits its call.
        Assert.Equal(200, await ChatAsync(counting));
        await using var stream = await admitting.ConnectAsync();
        await TeamGateway.SendAsync(
            stream,
            TeamGateway.NextId(),
            "/v1/chat/completions",
            TeamGateway.Body("\"stream\":true," + Large),
            "x-fake-events: 20",
            "x-fake-stall-after: 6");
        Assert.Equal(200, (await stream.ReadHeadAsync()).Status);

        await countingTime.AdvanceUntilAsync(
            MemoryBudgetReconciler.RoundPeriod, async () => await ChatAsync(counting) == 429, "the reservation of the other process");
    }

    private static async Task<int> ChatAsync(GatewayHost gateway)
    {
        await using var client = await gateway.ConnectAsync();
        await TeamGateway.SendAsync(client, TeamGateway.NextId(), "/v1/chat/completions", TeamGateway.Body(Large));
        return (await client.ReadAsync()).Head.Status;
    }
}
