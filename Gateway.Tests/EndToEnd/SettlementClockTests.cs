using FakeOpenRouter;
using Gateway.Billing;
using Gateway.Tests.Support;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: a bill is asked for until upstream has answered for a day. While no question is sent, or upstream does not answer, no time passes.
/// </summary>
public sealed class SettlementClockTests
{
    [Fact]
    public async Task GatewayThatStoodStillForDays_AsksOn_AlsoWhenUpstreamIsAwayAtFirst()
    {
        FakeTime.SkipWithPublishedProgram();
        var time = FakeTime.StartNow();
        await using var team = await StartAsync(time);
        var call = await team.ChatAsync("", "x-fake-no-usage: 1", "x-fake-generation-status: 503", "x-fake-generation-failures: 4");
        var bill = team.Bill(call);
        await time.AdvanceUntilAsync(TimeSpan.FromSeconds(1), () => Task.FromResult(bill.Questions > 0), "the first question");
        await team.StopAsync();

        time.Advance(TimeSpan.FromDays(3));
        await team.StartGatewayAsync();

        LedgerRow? row = null;
        await time.AdvanceUntilAsync(
            TimeSpan.FromMinutes(1), async () => (row = (await team.RowsAsync()).Single()).IsClosed, "a closed row");
        Assert.Equal((GenerationState.Settled, (long?)bill.Cost), (row!.State, row.CostPico));
        Assert.True(bill.Questions > 4);
    }

    [Fact]
    public async Task UpstreamThatIsAwayForDays_IsAskedOn()
    {
        FakeTime.SkipWithPublishedProgram();
        var time = FakeTime.StartNow();
        await using var team = await StartAsync(time);
        var call = await team.ChatAsync("", "x-fake-no-usage: 1", "x-fake-generation-status: 503", "x-fake-generation-failures: 12");
        var bill = team.Bill(call);

        // The questions that are not answered are far more than a day apart.
        LedgerRow? row = null;
        await time.AdvanceUntilAsync(
            TimeSpan.FromHours(9), async () => (row = (await team.RowsAsync()).Single()).IsClosed, "a closed row");

        Assert.Equal((GenerationState.Settled, (long?)bill.Cost), (row!.State, row.CostPico));
    }

    [Fact]
    public async Task ErrorThatUpstreamDoesNotKnow_CostsNothingAfterTenMinutesOfAnswers()
    {
        FakeTime.SkipWithPublishedProgram();
        var time = FakeTime.StartNow();
        await using var team = await StartAsync(time);
        var start = time.GetUtcNow();
        await team.ChatAsync("", "x-fake-status: 500", "x-fake-generation-missing: 1");
        await team.ChatAsync("", "x-fake-no-usage: 1", "x-fake-generation-missing: 1");

        // Rows of one moment are in no order.
        IReadOnlyList<LedgerRow> rows = [];
        await time.AdvanceUntilAsync(
            TimeSpan.FromSeconds(20), async () => (rows = await team.RowsAsync()).Any(row => row.IsClosed), "the end of the error");

        var error = rows.Single(row => row.Status == 500);
        Assert.Equal((GenerationState.Settled, (long?)0), (error.State, error.CostPico));
        Assert.True(time.GetUtcNow() - start >= TimeSpan.FromMinutes(10));
        Assert.Equal(GenerationState.Provisional, rows.Single(row => row.Status == 200).State);

        // The bill of a call without an error is asked for until a day of answers is over; the call is unresolved then.
        var unknown = await CloseAsync(time, team, static row => row.Status == 200);
        Assert.Equal((GenerationState.Unresolvable, null), (unknown.State, unknown.CostPico));
        Assert.True(time.GetUtcNow() - start >= TimeSpan.FromDays(1));
    }

    /// <summary>Another cluster may be of another account, so its destinations are not asked. The row must not stay open for ever.</summary>
    [Fact]
    public async Task CallOfAClusterThatIsRenamed_IsUnresolvedAfterADay()
    {
        FakeTime.SkipWithPublishedProgram();
        var time = FakeTime.StartNow();
        await using var upstream = await FakeOpenRouterServer.StartAsync();
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions
        {
            Time = time,
            Upstream = upstream,
            KeepsDestinations = true,
            Sections = [("ReverseProxy", Destinations.Of(upstream.BaseUrl))],
        });
        var bill = team.Bill(await team.ChatAsync("", "x-fake-no-usage: 1", "x-fake-generation-status: 503"));
        await time.AdvanceUntilAsync(TimeSpan.FromSeconds(1), () => Task.FromResult(bill.Questions > 0), "the first question");
        var start = time.GetUtcNow();

        await team.Gateway.ReloadAsync(team.Settings().Replace("\"openrouter\"", "\"renamed\"", StringComparison.Ordinal), time);

        var row = await CloseAsync(time, team, static _ => true);
        Assert.Equal((GenerationState.Unresolvable, null), (row.State, row.CostPico));
        Assert.True(time.GetUtcNow() - start >= TimeSpan.FromDays(1) - TimeSpan.FromMinutes(5));
    }

    [Fact]
    public async Task UnknownCall_CountsForTheHold_AndStandsInReportsUntilItIsWrittenOff()
    {
        FakeTime.SkipWithPublishedProgram();
        var time = FakeTime.StartNow();
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions
        {
            Time = time,
            Team = """ "Budget": { "Usd": 1, "Period": "Total" } """,
            Limits = """{ "UnknownHold": "02:00:00" }""",
            PrepareUpstream = static upstream => upstream.Prices.Set("test/dollar", "0", "0", "1"),
        });
        const string Dollar = "\"model\":\"test/dollar\"";
        Assert.Equal(502, (await team.ChatAsync(Dollar, "x-fake-close: 1", "x-fake-no-generation-id: 1")).Status);
        (await team.ChatAsync(Dollar)).IsRefused(429);
        time.Advance(TimeSpan.FromHours(1.5));
        (await team.ChatAsync(Dollar)).IsRefused(429);

        await time.AdvanceUntilAsync(
            TimeSpan.FromMinutes(10), async () => (await team.ChatAsync(Dollar, "x-fake-status: 418", "x-fake-no-generation-id: 1")).Status == 418, "room");

        // A process that starts now agrees, and reports still show the call.
        await team.RestartAsync();
        Assert.Equal(418, (await team.ChatAsync(Dollar, "x-fake-status: 418", "x-fake-no-generation-id: 1")).Status);
        Assert.Equal(GenerationState.Unresolvable, (await team.RowsAsync())[0].State);
    }

    /// <summary>
    /// Advances the clock from question to question until a row is closed. A step of minutes during a question would cancel it, and its
    /// answer would not count.
    /// </summary>
    private static async Task<LedgerRow> CloseAsync(FakeTimeProvider time, TeamGateway team, Func<LedgerRow, bool> isIt)
    {
        LedgerRow? row = null;
        for (var asked = -1L; ; asked = row.Questions)
        {
            await time.AdvanceUntilAsync(
                TimeSpan.FromSeconds(1),
                async () => (row = (await team.RowsAsync()).Single(isIt)).IsClosed || row.Questions > asked,
                "the next question");
            if (row!.IsClosed)
            {
                return row;
            }

            time.Advance(TimeSpan.FromMinutes(5));
        }
    }

    private static Task<TeamGateway> StartAsync(TimeProvider time) => TeamGateway.StartAsync(new TeamGatewayOptions { Time = time });
}
