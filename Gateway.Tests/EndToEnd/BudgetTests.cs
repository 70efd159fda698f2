using System.Text.Json;
using Gateway.Billing;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: a team spends no more than its budget, also when calls race for the last of it, and the refusal has a form that stops retries.
/// </summary>
public sealed class BudgetTests
{
    /// <summary>Costs a dollar a call, with any body.</summary>
    private const string Dollar = "\"model\":\"test/dollar\"";

    /// <summary>Costs a thousandth of a dollar for every token of its answer.</summary>
    private const string Mill = "\"model\":\"test/mill\"";

    private const long Pico = 1_000_000_000_000;

    private const string Stalled = "x-fake-stall-after: 1";

    [Fact]
    public async Task SixtyAtTheEdge_WhileNothingSettles_ExactlyTenPass()
    {
        await using var team = await StartAsync(10);
        var calls = await Task.WhenAll(Enumerable.Range(0, 60).Select(_ => team.OpenStreamAsync(Dollar, Stalled)));

        Assert.Equal(10, calls.Count(call => call.Head!.Status == 200));
        Assert.Equal(50, calls.Count(call => call.Head!.Status == 429));
        Assert.Equal(10, team.Upstream.Book.Entries.Count);
        foreach (var call in calls)
        {
            await call.DisposeAsync();
        }
    }

    [Fact]
    public async Task SixtyAtTheEdge_WhileTheySettle_NoMorePassThanAreBilled()
    {
        await using var team = await StartAsync(10);
        var calls = await Task.WhenAll(Enumerable.Range(0, 60).Select(_ => team.ChatAsync(Dollar)));

        Assert.Equal(10, calls.Count(call => call.Status == 200));
        Assert.Equal(50, calls.Count(call => call.Status is 402 or 429));
        Assert.Equal(10 * Pico, team.Upstream.Book.Total);
        Assert.All(calls, call => Assert.Equal(call.Status == 200, call.Upstream is not null));
    }

    [Fact]
    public async Task SixtyAtTheEdge_SettledLower_NeverSpendMore()
    {
        await using var team = await StartAsync(1);
        Task<Exchange> ChatAsync() => team.ChatAsync(Mill + ",\"max_tokens\":100", "x-fake-completion-tokens: 60");
        for (var round = 0; round < 3; round++)
        {
            await Task.WhenAll(Enumerable.Range(0, 60).Select(_ => ChatAsync()));
        }

        // Each call reserves 0.10 and costs 0.06. After the races the sum is any that leaves no room while others are in flight; one by one
        // calls pass as long as 0.10 is left, and 0.10 is left at 0.90.
        Exchange last;
        var passed = 0;
        while ((last = await ChatAsync()).Status == 200)
        {
            Assert.InRange(++passed, 1, 16);
        }

        last.IsRefused(402);
        Assert.Equal(96 * Pico / 100, team.Upstream.Book.Total);
    }

    [Fact]
    public async Task SpentBudget_IsRefusedInTheRoutesDialectAndKeepsClientsFromRetrying()
    {
        await using var team = await StartAsync(1);
        Assert.Equal(200, (await team.ChatAsync(Dollar)).Status);

        var chat = await team.ChatAsync(Dollar);
        var messages = await team.PostAsync("/v1/messages", TeamGateway.Body(Dollar));
        var responses = await team.PostAsync("/v1/responses", TeamGateway.Body(Dollar));

        chat.IsRefused(402);
        responses.IsRefused(402);
        messages.IsRefusedInMessagesDialect(402);
        Assert.Equal("budget_exceeded", CodeOf(chat));
        Assert.Equal("billing_error", messages.Json.GetProperty("error").GetProperty("type").GetString());
        Assert.All([chat, messages, responses], call => Assert.Equal("false", call.Head.Header("x-should-retry")));
        Assert.All([chat, messages, responses], call => Assert.Null(call.Upstream));
        Assert.Single(await team.RowsAsync());
    }

    [Fact]
    public async Task WhatIsSettledLower_FreesTheRoom()
    {
        await using var team = await StartAsync(1);
        Assert.Equal(200, (await team.ChatAsync(Mill + ",\"max_tokens\":1000")).Status);

        // Three tokens of the thousand were used.
        (await team.ChatAsync(Mill + ",\"max_tokens\":998")).IsRefused(402);
        Assert.Equal(200, (await team.ChatAsync(Mill + ",\"max_tokens\":997")).Status);
    }

    [Theory]
    [InlineData("x-fake-status: 400")]
    [InlineData("x-fake-status: 429", "x-fake-no-generation-id: 1")]
    [InlineData("x-fake-status: 502", "x-fake-no-generation-id: 1")]
    public async Task WhatUpstreamRefuses_FreesTheRoom(params string[] lines)
    {
        await using var team = await StartAsync(1);
        await team.ChatAsync(Dollar, lines);

        await Eventually.TrueAsync(
            async () => (await team.ChatAsync(Dollar, "x-fake-status: 418", "x-fake-no-generation-id: 1")).Status == 418,
            "the room");
    }

    [Fact]
    public async Task UnknownPrice_IsRefusedUnlessSettingsKnowBetter()
    {
        await using var team = await StartAsync(1);
        var refused = await team.ChatAsync("\"model\":\"nobody/knows\"");
        refused.IsRefused(402);
        Assert.Equal("price_unknown", CodeOf(refused));
        Assert.Equal("false", refused.Head.Header("x-should-retry"));
        (await team.ChatAsync("\"model\":\"@preset/x\"")).IsRefused(402);
        (await team.ChatAsync("\"models\":[\"openai/gpt-4o-mini\",\"nobody/knows\"]")).IsRefused(402);
        (await team.PostAsync("/v1/chat/completions", "{\"messages\":[]}")).IsRefused(402);

        await team.ReloadAsync(limits: """{ "AllowUnknownPrices": true }""");
        Assert.Equal(200, (await team.ChatAsync("\"model\":\"nobody/knows\"")).Status);

        await team.ReloadAsync(
            limits: """{ "Prices": [ { "Model": "nobody/knows", "Prompt": "0.1", "Completion": "0", "Request": "0.0001" } ] }""");
        Assert.Equal("budget_exceeded", CodeOf(await team.ChatAsync("\"model\":\"nobody/knows\"")));
        Assert.Equal("price_unknown", CodeOf(await team.ChatAsync("\"model\":\"nobody/else\"")));
    }

    [Fact]
    public async Task PricesOnDisk_ServeAStartWithoutUpstreamsList()
    {
        await using var team = await StartAsync(1);
        team.Upstream.Prices.Status = 503;
        await team.RestartAsync();

        Assert.Equal(200, (await team.ChatAsync(Mill + ",\"max_tokens\":1000")).Status);
    }

    [Fact]
    public async Task FirstStart_WaitsForTheListInsteadOfRefusing()
    {
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions
        {
            Team = """ "Budget": { "Usd": 1 } """,
            WaitsForPrices = false,

            // The wait has a limit, which does not pass.
            Time = FakeTime.StartNow(),

            // Holds for every request that has no script of its own: those for the list.
            PrepareUpstream = upstream => upstream.Script("x-fake-delay-ms: 700"),
        });

        Assert.Equal(200, (await team.ChatAsync()).Status);
    }

    [Fact]
    public async Task Restart_LeavesTheBudgetSpent()
    {
        await using var team = await StartAsync(2);
        Assert.Equal(200, (await team.ChatAsync(Dollar)).Status);

        // Died before its headers: charged at the reservation.
        Assert.Equal(502, (await team.ChatAsync(Dollar, "x-fake-close: 1")).Status);
        await team.RestartAsync();

        // Half of it may still turn out to have cost nothing.
        Assert.Equal("budget_reserved", CodeOf(await team.ChatAsync(Dollar)));
    }

    [Fact]
    public async Task Reload_ThatTakesABudgetAwayAndBringsItBack_CountsWhatWasSpentMeanwhile()
    {
        await using var team = await StartAsync(3);
        Assert.Equal(200, (await team.ChatAsync(Dollar)).Status);
        await team.ReloadAsync("");
        Assert.Equal(200, (await team.ChatAsync(Dollar)).Status);
        Assert.Equal(200, (await team.ChatAsync(Dollar)).Status);

        await team.ReloadAsync(""" "Budget": { "Usd": 3, "Period": "Total" } """);

        (await team.ChatAsync(Dollar)).IsRefused(402);
    }

    [Fact]
    public async Task Reload_RaisesALimitAndKeepsWhatIsSpent()
    {
        await using var team = await StartAsync(1);
        Assert.Equal(200, (await team.ChatAsync(Dollar)).Status);
        (await team.ChatAsync(Dollar)).IsRefused(402);

        await team.ReloadAsync(""" "Budget": { "Usd": 2, "Period": "Total" } """);
        Assert.Equal(200, (await team.ChatAsync(Dollar)).Status);
        (await team.ChatAsync(Dollar)).IsRefused(402);

        // A budget with another period begins with the charges that the ledger has for this period.
        await team.ReloadAsync(""" "Budget": { "Usd": 2, "Period": "Month" } """);
        (await team.ChatAsync(Dollar)).IsRefused(402);
    }

    [Theory]
    [InlineData("", """{"prompt":0.15,"completion":0.6}""")]
    [InlineData("\"provider\":{\"max_price\":{\"prompt\":0.1}}", """{"prompt":0.1,"completion":0.6}""")]
    [InlineData("\"provider\":{\"max_price\":{\"prompt\":5,\"completion\":0.5}}", """{"prompt":0.15,"completion":0.5}""")]
    [InlineData("\"models\":[\"openai/gpt-4o\"]", """{"prompt":2.5,"completion":10}""")]
    public async Task WriteMaxPrice_BindsWhatArrivesUpstream(string members, string expected)
    {
        await using var team = await StartAsync(1, """{ "WriteMaxPrice": true }""");
        var call = await team.ChatAsync(members);

        Assert.Equal(200, call.Status);
        var price = call.ForwardedJson.GetProperty("provider").GetProperty("max_price");
        using var wanted = JsonDocument.Parse(expected);
        Assert.Equal(
            wanted.RootElement.EnumerateObject().ToDictionary(member => member.Name, member => member.Value.GetDecimal()),
            price.EnumerateObject().ToDictionary(member => member.Name, member => member.Value.GetDecimal()));
    }

    [Fact]
    public async Task Row_ThatWaitsForItsBill_HoldsItsReservation()
    {
        await using var team = await StartAsync(2);
        var call = await team.ChatAsync(Dollar, "x-fake-no-usage: 1", "x-fake-generation-missing: 1");
        Assert.Equal(200, call.Status);
        Assert.Equal(200, (await team.ChatAsync(Dollar)).Status);

        var refused = await team.ChatAsync(Dollar);
        refused.IsRefused(429);
        Assert.Equal("budget_reserved", CodeOf(refused));
        Assert.NotEmpty(refused.Head.Header("Retry-After") ?? "");
        Assert.Null(refused.Head.Header("x-should-retry"));
        Assert.Equal(
            """{"needed_usd":1,"left_usd":0,"reserved_usd":1,"resets_at":null,"scope":"team"}""",
            refused.Json.GetProperty("error").GetProperty("metadata").GetRawText());
        Assert.Equal(GenerationState.Provisional, (await team.RowsAsync())[0].State);
    }

    [Fact]
    public async Task RefusalsOfUpstream_HoldNothingWhileTheyAreAskedFor()
    {
        await using var team = await StartAsync(1);
        for (var i = 0; i < 5; i++)
        {
            Assert.Equal(429, (await team.ChatAsync(Dollar, "x-fake-status: 429", "x-fake-generation-missing: 1")).Status);
        }

        Assert.Equal(200, (await team.ChatAsync(Dollar)).Status);
        (await team.ChatAsync(Dollar)).IsRefused(402);
        Assert.Equal(5, (await team.RowsAsync()).Count(row => row is { State: GenerationState.Provisional, Status: 429 }));

        // Neither after a restart, which seeds the counter from the ledger.
        await team.RestartAsync();
        (await team.ChatAsync(Dollar)).IsRefused(402);
    }

    [Theory]
    [InlineData("", "402")]
    [InlineData(", \"IncludeByok\": false", "200")]
    public async Task ProvidersOwnAmount_CountsUnlessTheBudgetLeavesItOut(string more, string expected)
    {
        await using var team = await TeamGateway.StartAsync($$""" "Budget": { "Usd": 1, "Period": "Total"{{more}} } """);
        foreach (var members in (string[])["", "\"stream\":true"])
        {
            var call = await team.ChatAsync(members, "x-fake-byok: 0.6");
            Assert.Equal(200, call.Status);
            var bill = team.Bill(call);
            var row = await team.ClosedRowAsync(bill);
            Assert.Equal(((long)bill.Cost, 600_000_000_000L), (row.CostPico, row.UpstreamCostPico));
        }

        Assert.Equal(expected, $"{(await team.ChatAsync()).Status}");

        // Neither a bill that is asked for, nor a restart, counts differently.
        await team.RestartAsync();
        Assert.Equal(expected, $"{(await team.ChatAsync()).Status}");
    }

    [Fact]
    public async Task ProvidersOwnAmount_IsReadFromTheBillThatIsAskedFor()
    {
        await using var team = await StartAsync(1);
        var call = await team.ChatAsync("\"model\":\"openai/gpt-4o-mini\"", "x-fake-byok: 2", "x-fake-no-usage: 1");

        Assert.Equal(2 * Pico, (await team.ClosedRowAsync(team.Bill(call))).UpstreamCostPico);
        (await team.ChatAsync(Dollar)).IsRefused(402);
    }

    [Fact]
    public async Task BudgetThatOnlyReports_LetsPassAndCounts()
    {
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions
        {
            HasLog = true,
            Team = """ "Budget": { "Usd": 1, "Period": "Total", "WhenExceeded": "Report" } """,
            PrepareUpstream = static upstream => upstream.Prices.Set("test/dollar", "0", "0", "1"),
        });
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal(200, (await team.ChatAsync(Dollar)).Status);
        }

        Assert.Equal(3 * Pico, (await team.RowsAsync()).Sum(row => row.Charge));
        await team.Gateway.Log.WaitForAsync(
            line => line.Contains("budget_exceeded", StringComparison.Ordinal) && line.Contains("only reports", StringComparison.Ordinal),
            "a warning");
    }

    private static Task<TeamGateway> StartAsync(int usd, string limits = "{}") => TeamGateway.StartAsync(new TeamGatewayOptions
    {
        Team = $$""" "Budget": { "Usd": {{usd}}, "Period": "Total" } """,
        Limits = limits,
        PrepareUpstream = static upstream =>
        {
            upstream.Prices.Set("test/dollar", "0", "0", "1");
            upstream.Prices.Set("test/mill", "0", "0.001");
        },
    });

    private static string? CodeOf(Exchange call) => call.Json.GetProperty("error").GetProperty("code").GetString();
}
