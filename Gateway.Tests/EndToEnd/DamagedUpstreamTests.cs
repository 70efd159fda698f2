using System.Text.Json.Nodes;
using FakeOpenRouter;
using Gateway.Billing;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: no damaged answer of upstream to the gateway's own questions ends the process. The gateway continues with the data that it has, and
/// asks again.
/// </summary>
public sealed class DamagedUpstreamTests
{
    // The kinds apart; every damage goes through the same code in PriceListRefresherTests.
    [Theory]
    [InlineData("/embeddings/models", "404")]
    [InlineData("/embeddings/models", "429")]
    [InlineData("/embeddings/models", "503")]
    [InlineData("/embeddings/models", "nothing")]
    [InlineData("/embeddings/models", "gzip-lie")]
    [InlineData("/models", "br-lie")]
    [InlineData("/models", "null-entry")]
    [InlineData("/models", "surrogate-id")]
    [InlineData("/models", "surrogate-name")]
    [InlineData("/models", "404")]
    public async Task ListDamagedAtTheStart_OrAfterACallForAnUnknownModel_StopsNothing(string path, string damage)
    {
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions
        {
            // A process shows its exit code; the other damages show that the host of this process goes on.
            OutOfProcess = damage is "503" or "surrogate-id",
            WaitsForPrices = false,
            Team = """ "Budget": { "Usd": 1, "Period": "Total" } """,
            PrepareUpstream = upstream => upstream.Damages.Set(path, damage),
        });
        await team.Upstream.Requests.WaitForAsync(
            request => request.Path == RequestHandler.BasePath + "/embeddings/models" && request.End != ReceivedEnd.Open);
        (await team.ChatAsync("\"model\":\"nobody/knows\"")).IsRefused(402);

        // A call is priced from the list that was there, or as soon as a list is there.
        team.Upstream.Damages.Set(path, path == "/models" && damage is "404" or "br-lie" ? null : damage);
        await Eventually.TrueAsync(async () => (await team.ChatAsync()).Status == 200, "a call with a price");

        if (team.Gateway.RunningProcess is { } process)
        {
            Assert.False(process.HasExited);
            await process.TerminateAsync();
            Assert.Equal(0, (await process.WaitForExitAsync()).ExitCode);
        }
    }

    [Fact]
    public async Task BillDamagedInAnyWay_IsAskedForAgain()
    {
        await using var team = await TeamGateway.StartAsync("");
        var bills = new List<BookEntry>();
        foreach (var damage in AnswerDamage.Names)
        {
            await using var call = await team.OpenStreamAsync("", "x-fake-stall-after: 2");
            var bill = team.Bill(call.Id);
            team.Upstream.Damages.Set("/generation?id=" + bill.Id, damage, times: 1);
            bills.Add(bill);
        }

        foreach (var bill in bills)
        {
            var row = await team.ClosedRowAsync(bill);
            Assert.Equal((GenerationState.Settled, (long?)bill.Cost), (row.State, row.CostPico));
        }

        Assert.Equal(200, (await team.ChatAsync()).Status);
    }

    [Fact]
    public async Task RowsOfAnEarlierProcess_WhoseBillsCannotBeRead_DoNotEndTheNextOne()
    {
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions { OutOfProcess = true });
        var bills = new List<BookEntry>();
        var calls = new List<TeamCall>();
        foreach (var damage in (string[])["gzip-lie", "surrogate-value", "null-entry"])
        {
            calls.Add(await team.OpenStreamAsync("", "x-fake-events: 500", "x-fake-stall-after: 25"));
            bills.Add(team.Bill(calls[^1].Id));
            team.Upstream.Damages.Set("/generation?id=" + bills[^1].Id, damage);
        }

        await team.StopAsync();
        foreach (var call in calls)
        {
            await call.DisposeAsync();
        }

        await team.StartGatewayAsync();
        foreach (var bill in bills)
        {
            await team.RowAsync(row => row.GenerationId == bill.Id && row.Questions > 0, "an answered question");
        }

        Assert.Equal(200, (await team.ChatAsync()).Status);
        Assert.False(team.Gateway.Process.HasExited);

        // All at once: the pause between two questions about a bill grows.
        foreach (var bill in bills)
        {
            team.Upstream.Damages.Set("/generation?id=" + bill.Id, null);
        }

        foreach (var bill in bills)
        {
            var row = await team.ClosedRowAsync(bill);
            Assert.Equal((GenerationState.Settled, (long?)bill.Cost), (row.State, row.CostPico));
        }
    }

    [Fact]
    public async Task RowsOfATeamThatIsGone_WaitUntilItReturns_AndKeepNobodyFromItsTurn()
    {
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions
        {
            MoreTeams = reference => [TeamSetup.Team("", "other", "ogw-other", reference: reference)],
        });

        // Its bill cannot be had for now.
        team.Upstream.Damages.Set("/generation", "503");
        var gone = team.Bill(await team.PostAsync(
            "/v1/chat/completions", TeamGateway.Body(), "x-api-key: ogw-other", "x-fake-no-usage: 1"));
        team.Upstream.Damages.Set("/generation?id=" + gone.Id, "503");
        team.Upstream.Damages.Set("/generation", null);
        var settings = team.Settings();
        var without = JsonNode.Parse(settings)!;
        without["Teams"]!.AsArray().RemoveAt(1);
        await team.Gateway.ReloadAsync(without.ToJsonString());

        // Behind these nothing of before the reload is under way any more.
        await SettleOneAsync();
        var before = await OpenRowAsync();
        await SettleOneAsync();
        Assert.Equal(before, await OpenRowAsync());

        team.Upstream.Damages.Set("/generation?id=" + gone.Id, null);
        await team.Gateway.ReloadAsync(settings);
        var row = await team.ClosedRowAsync(gone);
        Assert.Equal((GenerationState.Settled, (long?)gone.Cost), (row.State, row.CostPico));

        async Task SettleOneAsync() => await team.ClosedRowAsync(team.Bill(await team.ChatAsync("", "x-fake-no-usage: 1")));

        Task<LedgerRow> OpenRowAsync() =>
            team.RowAsync(row => row.GenerationId == gone.Id && row.State == GenerationState.Provisional, "the open row");
    }
}
