using System.Text;
using System.Text.Json;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: at the admin address <c>explain</c> knows the levels of budgets and limits, and answers as the request is answered (D3). On the
/// command line it knows the ledger, and names the state of a running gateway that it does not know.
/// </summary>
public sealed class ExplainLevelsTests : IClassFixture<ExplainLevelsTests.Fixture>
{
    private readonly TeamGateway _team;

    public ExplainLevelsTests(Fixture fixture)
    {
        _team = fixture.Team;
    }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task AdminAddress_AnswersAsTheRequest()
    {
        const string Body = """{"model":"test/dollar","messages":[]}""";
        var first = await ExplainAsync($$"""{"team":"search","body":{{Body}}}""");
        Assert.Equal(
            """{"limit_usd":"1.5","charged_usd":"0","reserved_usd":"0","left_usd":"1.5","resets_at":null}""", first.GetProperty("budget").GetRawText());
        Assert.Equal(
            """{"requests":{"limit":60,"left":60}}""", first.GetProperty("limits").GetRawText());
        Assert.False(first.TryGetProperty("error", out _));
        Assert.Equal(200, (await _team.PostAsync("/v1/chat/completions", Body)).Status);

        var second = await ExplainAsync($$"""{"team":"search","body":{{Body}}}""");
        var refused = await _team.PostAsync("/v1/chat/completions", Body);

        Assert.Equal(402, refused.Status);
        Assert.Equal(402, second.GetProperty("status").GetInt32());
        Assert.Equal(refused.Body.Text, second.GetProperty("error").GetRawText());
        Assert.Equal(
            """{"limit_usd":"1.5","charged_usd":"1","reserved_usd":"0","left_usd":"0.5","resets_at":null}""", second.GetProperty("budget").GetRawText());
        var text = second.GetProperty("text").GetString();
        Assert.Contains("left      0.5 USD; 1 USD are charged, 0 USD of them for calls that are not billed yet\n", text, StringComparison.Ordinal);
        Assert.Contains("402: The team's budget does not cover this request.", text, StringComparison.Ordinal);

        // The ledger has the charge, so the command knows it, too.
        _team.Gateway.Folder.Write("body.json", Body);
        var command = await GatewayCommandRun.RunAsync(
            ["explain", "--team", "search", "--body", "body.json", "--config", _team.Gateway.SettingsPath], _team.Gateway.Folder.Path);
        Assert.Equal(0, command.ExitCode);
        Assert.Contains("left      0.5 USD; 1 USD are charged", command.All, StringComparison.Ordinal);
        Assert.Contains("402: The team's budget does not cover this request.", command.All, StringComparison.Ordinal);
        Assert.Contains("This command knows the ledger, not what a running gateway has set aside", command.All, StringComparison.Ordinal);
        Assert.Contains(
            "Whether a gateway is too busy (503 server_busy) or cannot write its ledger (503 usage_unavailable) at the moment, this command cannot know.",
            command.All,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task AdminAddress_TakesTheKey()
    {
        Assert.Equal(200, (await _team.ChatAsync("", "x-api-key: ogw-keyed")).Status);

        var withoutKey = await ExplainAsync("""{"team":"keyed","model":"openai/gpt-4o-mini"}""");
        var ofKey = await ExplainAsync("""{"team":"keyed","key":"ci","model":"openai/gpt-4o-mini"}""");
        var ofOther = await ExplainAsync("""{"team":"keyed","key":"other","model":"openai/gpt-4o-mini"}""");
        var ofExpired = await ExplainAsync("""{"team":"keyed","key":"old","model":"openai/gpt-4o-mini"}""");

        Assert.False(withoutKey.TryGetProperty("error", out _));
        Assert.True(withoutKey.GetProperty("keys_left_out").GetBoolean());
        Assert.False(ofKey.TryGetProperty("keys_left_out", out _));
        Assert.Contains("The limits, models and budgets of its keys are left out", withoutKey.GetProperty("text").GetString(), StringComparison.Ordinal);
        Assert.Equal("rate_limit_exceeded", ofKey.GetProperty("error").GetProperty("error").GetProperty("code").GetString());
        Assert.Contains("key ci: 1 requests a minute", ofKey.GetProperty("text").GetString(), StringComparison.Ordinal);
        Assert.False(ofOther.TryGetProperty("error", out _));
        Assert.Equal("invalid_api_key", ofExpired.GetProperty("error").GetProperty("error").GetProperty("code").GetString());
        Assert.StartsWith("401: ", ofExpired.GetProperty("text").GetString(), StringComparison.Ordinal);
    }

    /// <summary>The key that is not known has the limits of its own team, whichever team was asked about before.</summary>
    [Fact]
    public async Task TeamsWithSeveralKeys_HaveTheirOwnLimits()
    {
        var first = await ExplainAsync("""{"team":"keyed","model":"openai/gpt-4o-mini"}""");
        var second = await ExplainAsync("""{"team":"counted","model":"openai/gpt-4o-mini"}""");

        Assert.False(first.TryGetProperty("limits", out _));
        Assert.Equal("""{"requests":{"limit":7,"left":7}}""", second.GetProperty("limits").GetRawText());
    }

    [Theory]
    [InlineData("""{"team":"keyed","key":"nobody's","model":"a"}""")]
    [InlineData("""{"key":"ci","model":"a"}""")]
    [InlineData("""{"team":"keyed","key":7,"model":"a"}""")]
    public async Task UnknownKey_IsA400(string question)
    {
        using var admin = await _team.Gateway.AdminClientAsync();
        using var content = new StringContent(question, Encoding.UTF8, "application/json");
        using var answer = await admin.PostAsync("/admin/explain", content, Stop);

        Assert.Equal(400, (int)answer.StatusCode);
        using var json = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Stop));
        Assert.Equal("key", json.RootElement.GetProperty("error").GetProperty("param").GetString());
    }

    [Fact]
    public async Task CommandWithoutFiles_SaysWhatItLeavesOut()
    {
        var empty = _team.Settings()
            .Replace(_team.LedgerPath, _team.Data.File("no.db"), StringComparison.Ordinal);
        _team.Data.Write("no-ledger.json", empty);
        _team.Data.Write("no-prices.json", empty.Replace(_team.PricesPath, _team.Data.File("no-prices-here.json"), StringComparison.Ordinal));

        _team.Data.Write("small-budget.json", empty.Replace("\"Usd\":1.5", "\"Usd\":0.5", StringComparison.Ordinal));

        var noLedger = await RunAsync("no-ledger.json");
        var smallBudget = await RunAsync("small-budget.json");
        var noPrices = await RunAsync("no-prices.json");

        Assert.Contains($"There is no ledger at {_team.Data.File("no.db")}, so the level of the budget is left out.", noLedger.All, StringComparison.Ordinal);
        Assert.Contains("reserved  1 USD for ", noLedger.All, StringComparison.Ordinal);
        Assert.DoesNotContain("left      ", noLedger.All, StringComparison.Ordinal);
        Assert.DoesNotContain("402: ", noLedger.All, StringComparison.Ordinal);
        Assert.Contains("402: The team's budget does not cover this request.", smallBudget.All, StringComparison.Ordinal);
        Assert.Contains("Without a price list, the price and the budget are left out.", noPrices.All, StringComparison.Ordinal);
        Assert.All([noLedger, noPrices], run => Assert.Equal(0, run.ExitCode));
        Assert.False(File.Exists(_team.Data.File("no.db")));

        Task<GatewayOutput> RunAsync(string settings) => GatewayCommandRun.RunAsync(
            ["explain", "--team", "search", "--model", "test/dollar", "--config", _team.Data.File(settings)], _team.Data.Path);
    }

    private async Task<JsonElement> ExplainAsync(string question)
    {
        using var admin = await _team.Gateway.AdminClientAsync();
        using var content = new StringContent(question, Encoding.UTF8, "application/json");
        using var answer = await admin.PostAsync("/admin/explain", content, Stop);
        Assert.Equal(200, (int)answer.StatusCode);
        using var json = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Stop));
        return json.RootElement.Clone();
    }

    public sealed class Fixture : IAsyncLifetime
    {
        internal TeamGateway Team { get; private set; } = null!;

        public async ValueTask InitializeAsync() => Team = await TeamGateway.StartAsync(new TeamGatewayOptions
        {
            Team = """ "Budget": { "Usd": 1.5, "Period": "Total" }, "Limits": { "RequestsPerMinute": 60 } """,
            MoreTeams = static reference =>
            [
                TeamSetup.Team(
                    "",
                    "keyed",
                    "ogw-keyed",
                    """
                    , "Label": "ci", "Limits": { "RequestsPerMinute": 1 } },
                    { "Label": "other", "Sha256": "0000000000000000000000000000000000000000000000000000000000000001" },
                    { "Label": "old", "Sha256": "0000000000000000000000000000000000000000000000000000000000000002", "Expires": "2020-01-01T00:00:00Z"
                    """,
                    reference),
                TeamSetup.Team(
                    """ "Limits": { "RequestsPerMinute": 7 } """,
                    "counted",
                    "ogw-counted",
                    """
                    , "Label": "ci" },
                    { "Label": "other", "Sha256": "0000000000000000000000000000000000000000000000000000000000000003"
                    """,
                    reference),
            ],
            Sections = [("Admin", """{ "Url": "http://127.0.0.1:0" }""")],
            PrepareUpstream = static upstream => upstream.Prices.Set("test/dollar", "0", "0", "1"),
        });

        public ValueTask DisposeAsync() => Team.DisposeAsync();
    }
}
