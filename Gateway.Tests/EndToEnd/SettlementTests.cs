using Gateway.Billing;
using Gateway.Tests.Support;
using Microsoft.Data.Sqlite;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: a cost that an answer did not state is asked for until it is known, also by the process that follows one that was killed. No
/// request passes that the ledger cannot record.
/// </summary>
public sealed class SettlementTests
{
    [Theory]
    [InlineData("x-fake-generation-status: 404")]
    [InlineData("x-fake-generation-status: 500")]
    [InlineData("x-fake-generation-delay-ms: 3600000")]
    public async Task Bill_IsAskedForUntilItIsThere(params string[] lines)
    {
        await using var team = await TeamGateway.StartAsync("");
        var call = await team.ChatAsync("", [.. lines, "x-fake-no-usage: 1"]);
        var bill = team.Bill(call);
        await Eventually.TrueAsync(() => bill.Questions > 0, "the first question");
        var open = await team.RowAsync(row => row.GenerationId == bill.Id);
        Assert.Equal(GenerationState.Provisional, open.State);
        Assert.Equal(open.ReservedPico, open.Charge);

        bill.Release();
        var row = await team.ClosedRowAsync(bill);
        Assert.Equal(GenerationState.Settled, row.State);
        Assert.Equal((long)bill.Cost, row.CostPico);
        Assert.Equal(bill.Questions, row.Questions);
        Assert.Equal("Bearer " + TeamSetup.UpstreamKey, call.Upstream!.Header("Authorization"));
    }

    [Fact]
    public async Task KilledMidStream_IsSettledByItsIdAfterTheRestart()
    {
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions
        {
            OutOfProcess = true,
            Team = """ "Budget": { "Usd": 1, "Period": "Total" } """,
        });
        await using var call = await team.OpenStreamAsync("", "x-fake-events: 500", "x-fake-stall-after: 25");
        var bill = team.Bill(call.Id);

        // The client has the first byte: by then both are in the file, not merely on the way there.
        var durable = Assert.Single(await team.RowsAsync());
        Assert.Equal(bill.Id, durable.GenerationId);
        Assert.Equal(GenerationState.Reserved, durable.State);
        await team.Upstream.Requests.WaitForAsync(request => request.Id == call.Id && request.EventsWritten == 25);

        await team.RestartInsideAsync();

        var row = await team.ClosedRowAsync(bill);
        Assert.Equal(GenerationState.Settled, row.State);
        Assert.Equal((long)bill.Cost, row.CostPico);
        Assert.Equal(25, row.CompletionTokens);
        await team.Gateway.Log.WaitForAsync(
            line => line.Contains("processes that died", StringComparison.Ordinal), "a word about the dead");

        // And the budget knows of it: all of the dollar but that is there.
        Assert.Equal(200, (await team.ChatAsync("\"max_tokens\":1600000")).Status);
    }

    [Fact]
    public async Task KilledBeforeUpstreamsHeaders_IsChargedAtItsReservation()
    {
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions { OutOfProcess = true });
        await using var plain = await SendAsync("");
        await using var streamed = await SendAsync("\"stream\":true");

        // Upstream has the requests: the rows are in the file.
        var durable = await team.RowsAsync();
        Assert.Equal(2, durable.Count);
        Assert.All(durable, row => Assert.Equal((GenerationState.Reserved, null), (row.State, row.GenerationId)));
        Assert.All(durable, row => Assert.True(row.ReservedPico > 0));

        await team.RestartInsideAsync();

        await Eventually.TrueAsync(async () => (await team.RowsAsync()).All(row => row.IsClosed), "closed rows");
        var rows = await team.RowsAsync();
        Assert.Equal(2, rows.Count);
        Assert.All(rows, row => Assert.Equal((GenerationState.Unresolvable, null, 0), (row.State, row.CostPico, row.Questions)));
        Assert.Equal(durable.Select(row => (long?)row.ReservedPico).Order(), rows.Select(row => (long?)row.Charge).Order());

        async Task<TeamCall> SendAsync(string members)
        {
            var call = await team.SendAsync("/v1/chat/completions", TeamGateway.Body(members), "x-fake-delay-ms: 60000");
            await team.Upstream.Requests.WaitForAsync(request => request.Id == call.Id && request.BodyComplete);
            return call;
        }
    }

    [Fact]
    public async Task KilledBehindAnAnswerThatCameWhole_HasItsBill()
    {
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions { OutOfProcess = true });
        foreach (var members in (string[])["", "\"stream\":true"])
        {
            var call = await team.ChatAsync(members);
            Assert.Equal(200, call.Status);
            await team.RestartAsync();

            var row = await team.ClosedRowAsync(team.Bill(call));
            Assert.Equal(GenerationState.Settled, row.State);
            Assert.Equal((long)team.Bill(call).Cost, row.CostPico);
        }
    }

    [Fact]
    public async Task LockedLedger_TakesEntries_AndMovesThemLater()
    {
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions
        {
            HasLog = true,
            Team = """ "Limits": { "ConcurrentRequests": 1 }, "Budget": { "Usd": 1 } """,
        });
        Assert.Equal(200, (await team.ChatAsync()).Status);
        await using (await LockAsync(team.LedgerPath))
        {
            for (var i = 0; i < 3; i++)
            {
                Assert.Equal(200, (await team.ChatAsync()).Status);
            }

            await team.Gateway.Log.WaitForAsync(
                line => line.Contains("\"Error\"", StringComparison.Ordinal)
                    && line.Contains("Journal entries cannot be moved into the ledger", StringComparison.Ordinal),
                "an error");
        }

        await AssertBookIsInTheLedgerAsync(team);
    }

    /// <summary>
    /// The first count of a budget reads the ledger, and for that the entries in the journal are moved first. Another process that writes to
    /// the file does not matter while there are none.
    /// </summary>
    [Fact]
    public async Task FirstCallOfABudget_WhileAnotherProcessHasTheLedgerLocked_IsRefusedOnlyIfEntriesWait()
    {
        const string First = "ogw-key-of-first";
        const string Second = "ogw-key-of-second";
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions
        {
            MoreTeams = static reference =>
            [
                TeamSetup.Team(""" "Budget": { "Usd": 1 } """, "first", First, reference: reference),
                TeamSetup.Team(""" "Budget": { "Usd": 1 } """, "second", Second, reference: reference),
            ],
        });
        await using (await LockAsync(team.LedgerPath))
        {
            // Its row is an entry of the journal from now on.
            Assert.Equal(200, (await team.ChatAsync("", "x-api-key: " + First)).Status);

            var refused = await team.ChatAsync("", "x-api-key: " + Second);
            refused.IsRefused(503);
            Assert.Equal("budget_unavailable", refused.Json.GetProperty("error").GetProperty("code").GetString());

            // A counted budget needs no ledger, and neither does a team without one.
            Assert.Equal(200, (await team.ChatAsync("", "x-api-key: " + First)).Status);
            Assert.Equal(200, (await team.ChatAsync()).Status);
        }

        Assert.Equal(200, (await team.ChatAsync("", "x-api-key: " + Second)).Status);
        await AssertBookIsInTheLedgerAsync(team);
    }

    [Fact]
    public async Task Generation_IsTheOwnTeamsOnly()
    {
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions
        {
            MoreTeams = reference => [TeamSetup.Team("", "other", "ogw-other", reference: reference)],
        });
        var call = await team.ChatAsync();
        await call.Forwarded.WaitForEndAsync();
        var mine = team.Bill(call).Id;
        await using var open = await team.OpenStreamAsync("", "x-fake-stall-after: 1");
        var running = team.Bill(open.Id).Id;

        Assert.Equal(200, await StatusAsync(mine, TeamSetup.Key));
        Assert.Equal(404, await StatusAsync(mine, "ogw-other"));
        Assert.Equal(404, await StatusAsync("gen-1767225600-99999999", TeamSetup.Key));
        Assert.Equal(404, await StatusAsync(mine + "&id=x", TeamSetup.Key));
        Assert.Equal(404, await StatusAsync("%25", TeamSetup.Key));
        Assert.Equal(404, await StatusAsync(running, "ogw-other"));

        async Task<int> StatusAsync(string id, string key)
        {
            await using var client = await team.Gateway.ConnectAsync();
            await client.GetAsync($"/v1/generation?id={id}", "x-api-key: " + key);
            var (head, body) = await client.ReadAsync();
            if (head.Status == 200)
            {
                Assert.Contains(id, body.Text, StringComparison.Ordinal);
            }

            return head.Status;
        }
    }

    [Fact]
    public async Task VideoJob_AnswersToTheTeamThatOrderedIt()
    {
        await using var team = await TeamGateway.StartAsync("");
        Assert.Equal(200, (await team.PostAsync(
            "/v1/videos", """{"model":"m","prompt":"x"}""", "x-fake-body: {\"id\":\"job-1\",\"status\":\"pending\"}")).Status);

        Assert.Equal(200, await StatusAsync("job-1"));
        Assert.Equal(404, await StatusAsync("job-2"));

        async Task<int> StatusAsync(string job)
        {
            await using var client = await team.Gateway.ConnectAsync();
            await client.GetAsync($"/v1/videos/{job}", "x-api-key: " + TeamSetup.Key);
            return (await client.ReadAsync()).Head.Status;
        }
    }

    [Fact]
    public async Task RetentionOfAReload_IsThatOfTheNextTurn()
    {
        FakeTime.SkipWithPublishedProgram();
        var time = FakeTime.StartNow();
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions { Time = time });
        var bill = team.Bill(await team.ChatAsync());
        await team.ClosedRowAsync(bill);
        time.Advance(TimeSpan.FromDays(2));

        // The gateway's clock has to go on until the file is read.
        await team.Gateway.WriteSettingsAsync(team.Settings().Replace(
            "\"Usage\":{", "\"Usage\":{\"Retention\":\"1.00:00:00\",", StringComparison.Ordinal));

        await time.AdvanceUntilAsync(TimeSpan.FromMinutes(1), async () => (await team.RowsAsync()).Count == 0, "the row to be removed");
    }

    [Fact]
    public async Task EntriesThatWaitForTheDisk_AreInTheLedger()
    {
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions { UsageMore = """, "Durability": "Disk" """ });
        await Task.WhenAll(Enumerable.Range(0, 20).Select(async _ => Assert.Equal(200, (await team.ChatAsync()).Status)));
        await AssertBookIsInTheLedgerAsync(team);
    }

    [Theory]
    [InlineData("Refuse")]
    [InlineData("Allow")]
    public async Task FullDisk_GoesByThePolicy_UntilThereIsRoom(string policy)
    {
        using var disk = new SmallDisk(2 * 1024 * 1024);
        var ledger = disk.File("usage.db");
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions
        {
            HasLog = true,
            Team = """ "Budget": { "Usd": 1 } """,
            Usage = $$"""{ "Sqlite": { "Path": "{{ledger}}" }, "WhenStoreFails": "{{policy}}" }""",
        });
        Assert.Equal(200, (await team.ChatAsync()).Status);
        disk.Fill(leave: 4096);

        var failure = team.Gateway.Log.WaitForAsync(
            line => line.Contains("\"Error\"", StringComparison.Ordinal) && line.Contains("The ledger cannot be written", StringComparison.Ordinal),
            "an error");
        var calls = 0;
        while (!failure.IsCompleted && calls++ < 10_000)
        {
            await team.ChatAsync();
        }

        await failure;

        // Entries that are folded into the database meanwhile make room for a few more.
        var call = await Eventually.GetAsync(
            async () => await team.ChatAsync() is var answer && (answer.Status == 503) == (policy == "Refuse") ? answer : null,
            "a call that goes by the policy");
        if (policy == "Refuse")
        {
            call.IsRefused(503);
            Assert.Equal("usage_unavailable", call.Json.GetProperty("error").GetProperty("code").GetString());
            Assert.Null(call.Upstream);
        }
        else
        {
            Assert.Equal(200, call.Status);
        }

        // A line a failure, not a request.
        Assert.DoesNotContain(team.Gateway.Log.All, line => line.Contains("LedgerUnavailable", StringComparison.Ordinal));

        disk.Free();
        await Eventually.TrueAsync(async () => (await team.ChatAsync()).Status == 200, "a ledger that is written again");
        await AssertBookIsInTheLedgerAsync(team, ledger);
    }

    /// <summary>Locks a ledger for writers, as another process does.</summary>
    private static async Task<SqliteConnection> LockAsync(string path)
    {
        var other = new SqliteConnection($"Data Source={path};Pooling=False");
        await other.OpenAsync(TestContext.Current.CancellationToken);
        await using var command = other.CreateCommand();
        command.CommandText = "BEGIN EXCLUSIVE";
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        return other;
    }

    private static async Task AssertBookIsInTheLedgerAsync(TeamGateway team, string? ledger = null)
    {
        var rows = await Eventually.GetAsync(
            async () => await LedgerRow.ReadSqliteAsync(ledger ?? team.LedgerPath) is var rows && rows.All(row => row.IsClosed)
                && rows.Count == team.Upstream.Book.Entries.Count ? rows : null,
            "all rows");
        Assert.Equal(team.Upstream.Book.Total, rows.Sum(row => row.Charge));
    }
}
