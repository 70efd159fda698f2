using System.Text.Json;
using Gateway.Primitives;
using Gateway.Teams;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: a key's own budget and models hold within its team's. Both budgets are reserved or none, and both are charged. A refusal names
/// its scope, the key or the team, and the key sees the amount that the lesser one leaves.
/// </summary>
public sealed class KeyBudgetTests
{
    private const string Laptop = "ogw-test-key-of-laptop";
    private const string AsLaptop = "x-api-key: " + Laptop;
    private const string Dollar = "\"model\":\"test/dollar\"";

    [Fact]
    public async Task KeysBudget_RefusesItsKeyAlone_AndLeavesNothingReservedAtTheTeam()
    {
        await using var team = await StartAsync("\"Budget\": { \"Usd\": 10, \"Period\": \"Total\" }", "\"Budget\": { \"Usd\": 1.5, \"Period\": \"Total\" }");
        await using var held = await team.OpenStreamAsync(Dollar, AsLaptop, "x-fake-stall-after: 1");
        Assert.Equal(200, held.Head!.Status);
        var before = await KeyAsync(team, TeamSetup.Key);

        for (var i = 0; i < 3; i++)
        {
            var refused = await team.ChatAsync(Dollar, AsLaptop);

            Assert.Equal(429, refused.Status);
            var error = refused.Json.GetProperty("error");
            Assert.Equal("budget_reserved", error.GetProperty("code").GetString());
            Assert.Equal(
                """{"needed_usd":1,"left_usd":0.5,"reserved_usd":1,"resets_at":null,"scope":"key"}""", error.GetProperty("metadata").GetRawText());
            Assert.StartsWith("The rest of the key's budget is reserved for other calls.", error.GetProperty("message").GetString(), StringComparison.Ordinal);
            Assert.Null(refused.Upstream);
        }

        Assert.Equal("9", Text(before, "limit_remaining"));
        Assert.Equal("9", Text(await KeyAsync(team, TeamSetup.Key), "limit_remaining"));
        Assert.Equal(200, (await team.ChatAsync(Dollar)).Status);
    }

    [Fact]
    public async Task TeamsBudget_RefusesTheKey_AndLeavesNothingReservedAtTheKey()
    {
        await using var team = await StartAsync("\"Budget\": { \"Usd\": 1.5, \"Period\": \"Total\" }", "\"Budget\": { \"Usd\": 5, \"Period\": \"Day\" }");
        await using (var held = await team.OpenStreamAsync(Dollar, AsLaptop, "x-fake-stall-after: 1"))
        {
            var refused = await team.ChatAsync(Dollar, AsLaptop);
            Assert.Equal((429, "team"), (refused.Status, refused.Json.GetProperty("error").GetProperty("metadata").GetProperty("scope").GetString()));

            // The key sees the amount that the lesser budget leaves.
            var key = await KeyAsync(team, Laptop);
            Assert.Equal(
                ("5", "0.5", "\"daily\"", "1"), (Text(key, "limit"), Text(key, "limit_remaining"), Text(key, "limit_reset"), Text(key, "usage")));
            Assert.Equal("""{"data":{"total_credits":1.5,"total_usage":1}}""", (await GetAsync(team, "/v1/credits", Laptop)).GetRawText());
        }

        // The team has room again, which the key has too: the refused calls reserved nothing.
        await team.ReloadAsync("\"Budget\": { \"Usd\": 100, \"Period\": \"Total\" }");
        Assert.Equal("4", Text(await KeyAsync(team, Laptop), "limit_remaining"));
    }

    [Fact]
    public async Task KeyWithoutATeamsBudget_HasItsOwn_AndIsSeededByItsLabelAfterARestart()
    {
        await using var team = await StartAsync("", "\"Budget\": { \"Usd\": 0.5 }");
        Assert.Equal(200, (await team.ChatAsync()).Status);
        var bill = team.Bill(await team.ChatAsync("", AsLaptop));
        var row = await team.ClosedRowAsync(bill);
        Assert.Equal("laptop", row.KeyLabel);
        var cost = new PicoDollars(row.CostPico!.Value).ToString();
        var left = new PicoDollars(500_000_000_000 - row.CostPico.Value).ToString();

        for (var start = 0; start < 2; start++)
        {
            var key = await KeyAsync(team, Laptop);
            Assert.Equal(("0.5", left, cost, cost), (Text(key, "limit"), Text(key, "limit_remaining"), Text(key, "usage"), Text(key, "usage_monthly")));
            Assert.Equal($"{{\"data\":{{\"total_credits\":0.5,\"total_usage\":{cost}}}}}", (await GetAsync(team, "/v1/credits", Laptop)).GetRawText());

            // The other key has no budget, and the figures of the team.
            var other = await KeyAsync(team, TeamSetup.Key);
            Assert.Equal("null", Text(other, "limit"));
            Assert.NotEqual(cost, Text(other, "usage"));
            await team.RestartAsync();
        }

        // A period or an amount that a reload changes is read from the ledger too.
        var refused = await team.ChatAsync(Dollar, AsLaptop);
        Assert.Equal((402, "key"), (refused.Status, refused.Json.GetProperty("error").GetProperty("metadata").GetProperty("scope").GetString()));
        Assert.Equal(200, (await team.ChatAsync(Dollar)).Status);
    }

    [Fact]
    public async Task KeysBudgetThatReports_LetsPass_AndBothAreCharged()
    {
        await using var team = await StartAsync(
            "\"Budget\": { \"Usd\": 10, \"Period\": \"Total\" }", "\"Budget\": { \"Usd\": 0.5, \"Period\": \"Total\", \"WhenExceeded\": \"Report\" }");
        var call = await team.ChatAsync(Dollar, AsLaptop);
        Assert.Equal(200, call.Status);
        var row = await team.ClosedRowAsync(team.Bill(call));

        var cost = new PicoDollars(row.CostPico!.Value).ToString();
        Assert.Equal(cost, Text(await KeyAsync(team, Laptop), "usage"));
        Assert.Equal(cost, Text(await KeyAsync(team, TeamSetup.Key), "usage"));
    }

    [Fact]
    public async Task LateBill_ReplacesBothReservations()
    {
        await using var team = await StartAsync("\"Budget\": { \"Usd\": 10, \"Period\": \"Total\" }", "\"Budget\": { \"Usd\": 5, \"Period\": \"Total\" }");
        string id;
        await using (var call = await team.OpenStreamAsync("\"model\":\"openai/gpt-4o\",\"max_tokens\":100000", AsLaptop, "x-fake-stall-after: 1"))
        {
            id = call.Id;
            Assert.NotEqual("5", Text(await KeyAsync(team, Laptop), "limit_remaining"));
        }

        var row = await team.ClosedRowAsync(await Eventually.GetAsync(
            () => Task.FromResult(team.Upstream.Book.Entries.SingleOrDefault(entry => entry.ScriptId == id)), "the bill"));
        Assert.Equal(("laptop", true), (row.KeyLabel, row.CostPico < row.ReservedPico));
        foreach (var (key, limit) in ((string, long)[])[(Laptop, 5), (TeamSetup.Key, 10)])
        {
            var left = new PicoDollars((limit * 1_000_000_000_000) - row.CostPico!.Value).ToString();
            await Eventually.TrueAsync(async () => Text(await KeyAsync(team, key), "limit_remaining") == left, $"{left} USD left");
        }
    }

    [Fact]
    public async Task KeysModels_HoldWithinTheTeams_InCallsAndInLists()
    {
        await using var team = await StartAsync(
            "\"AllowedModels\": [\"openai/*\", \"anthropic/*\"], \"DeniedModels\": [\"*:free\"]", "\"AllowedModels\": [\"openai/gpt-4o-mini*\", \"google/*\"]");

        foreach (var (members, isAllowed) in ((string, bool)[])[
            ("\"model\":\"openai/gpt-4o-mini\"", true),
            ("\"model\":\"openai/gpt-4o\"", false),
            ("\"model\":\"anthropic/claude-opus-4\"", false),
            ("\"model\":\"google/gemini\"", false),
            ("\"model\":\"openai/gpt-4o-mini:free\"", false),
            ("\"model\":\"openai/gpt-4o-mini\",\"models\":[\"openai/gpt-4o\"]", false),
            ("\"model\":\"openai/gpt-4o\",\"model\":\"openai/gpt-4o-mini\"", false),
            ("\"model\":\"openai/gpt-4o-mini\",\"tools\":[{\"type\":\"openrouter:advisor\",\"model\":\"openai/gpt-4o\"}]", false),
            ("\"model\":\"@preset/x\"", false)])
        {
            var answer = await team.ChatAsync(members, AsLaptop);
            Assert.Equal((members, isAllowed ? 200 : 403), (members, answer.Status));
            Assert.Equal(isAllowed, answer.Upstream is not null);
        }

        Assert.Equal(200, (await team.ChatAsync("\"model\":\"openai/gpt-4o\"")).Status);
        Assert.Equal(["openai/gpt-4o-mini"], await ModelsAsync(team, Laptop));
        Assert.Contains("openai/gpt-4o", await ModelsAsync(team, TeamSetup.Key));
    }

    [Fact]
    public async Task Explain_SaysWhatTheKeyGets()
    {
        await using var team = await StartAsync(
            "\"Budget\": { \"Usd\": 10, \"Period\": \"Total\" }", "\"Budget\": { \"Usd\": 0.5, \"Period\": \"Total\" }, \"AllowedModels\": [\"test/*\"]", hasAdmin: true);
        using var admin = await team.Gateway.AdminClientAsync();

        var refused = await ExplainAsync("laptop", "test/dollar");
        Assert.Equal((402, "key"), (refused.GetProperty("status").GetInt32(), refused.GetProperty("error").GetProperty("error").GetProperty("metadata").GetProperty("scope").GetString()));
        Assert.Equal(
            ("10", "0.5"),
            (refused.GetProperty("budget").GetProperty("left_usd").GetString(), refused.GetProperty("key_budget").GetProperty("left_usd").GetString()));
        Assert.Contains("key laptop: 0.5 USD in total", refused.GetProperty("text").GetString(), StringComparison.Ordinal);
        Assert.Contains("key laptop: test/*", refused.GetProperty("text").GetString(), StringComparison.Ordinal);
        Assert.Equal(403, (await ExplainAsync("laptop", "openai/gpt-4o")).GetProperty("status").GetInt32());
        Assert.False((await ExplainAsync("key-1", "test/dollar")).TryGetProperty("error", out _));

        async Task<JsonElement> ExplainAsync(string key, string model)
        {
            using var question = new StringContent(
                $$"""{ "team": "search", "key": "{{key}}", "model": "{{model}}" }""", new System.Net.Http.Headers.MediaTypeHeaderValue("application/json"));
            using var response = await admin.PostAsync("/admin/explain", question, TestContext.Current.CancellationToken);
            using var document = JsonDocument.Parse(await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
            return document.RootElement.Clone();
        }
    }

    /// <summary>A team with a key without anything of its own, and another one that has.</summary>
    private static Task<TeamGateway> StartAsync(string team, string laptop, bool hasAdmin = false) => TeamGateway.StartAsync(new TeamGatewayOptions
    {
        Time = new MidMonthTime(),
        Team = team,
        KeyMore = $$""" }, { "Label": "laptop", "Sha256": "{{Convert.ToHexStringLower(GatewayKeys.Hash(Laptop))}}", {{laptop}} """,
        OutOfProcess = hasAdmin,
        Sections = hasAdmin ? [("Admin", """{ "Url": "http://127.0.0.1:0" }""")] : [],
        PrepareUpstream = static upstream =>
        {
            upstream.Prices.Set("openai/gpt-4o", "0.0000025", "0.00001");
            upstream.Prices.Set("test/dollar", "0", "0", "1");
        },
    });

    private static string Text(JsonElement key, string name) => key.GetProperty("data").GetProperty(name).GetRawText();

    private static Task<JsonElement> KeyAsync(TeamGateway team, string key) => GetAsync(team, "/v1/key", key);

    private static async Task<JsonElement> GetAsync(TeamGateway team, string path, string key)
    {
        await using var client = await team.Gateway.ConnectAsync();
        await client.GetAsync(path, "x-api-key: " + key);
        var (head, body) = await client.ReadAsync();
        Assert.Equal(200, head.Status);
        using var document = JsonDocument.Parse(body.Bytes);
        return document.RootElement.Clone();
    }

    private static async Task<IEnumerable<string?>> ModelsAsync(TeamGateway team, string key) =>
        (await GetAsync(team, "/v1/models", key)).GetProperty("data").EnumerateArray().Select(model => model.GetProperty("id").GetString());
}
