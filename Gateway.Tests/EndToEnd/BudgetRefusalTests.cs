using System.Globalization;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: the refusal of a request that a budget does not cover states the needed amount and its reason, the amount that is left, and the
/// time at which the budget resets (D3), in the dialect of the endpoint.
/// </summary>
public sealed class BudgetRefusalTests : IClassFixture<BudgetRefusalTests.Fixture>
{
    private readonly TeamGateway _team;

    public BudgetRefusalTests(Fixture fixture)
    {
        _team = fixture.Team;
    }

    [Theory]
    [InlineData("/v1/chat/completions", "", "4096 output tokens (assumed, since the request states no cap)")]
    [InlineData("/v1/messages", "", "4096 output tokens (assumed, since the request states no cap)")]
    [InlineData("/v1/responses", "\"max_output_tokens\":5000", "5000 output tokens (the cap of the request)")]
    [InlineData("/v1/chat/completions", "\"max_tokens\":3000,\"n\":2", "2 times 3000 output tokens (the cap of the request)")]
    public async Task UntouchedBudget_SaysWhatWasNeededAndWhy(string path, string members, string output)
    {
        var refused = await _team.PostAsync(path, TeamGateway.Body($"\"model\":\"openai/gpt-4o\"{(members.Length > 0 ? "," : "")}{members}"));

        Assert.Equal((402, "false"), (refused.Status, refused.Head.Header("x-should-retry")));
        var error = refused.Json.GetProperty("error");
        var metadata = error.GetProperty("metadata");
        var needed = metadata.GetProperty("needed_usd").GetDecimal();
        Assert.InRange(needed, 0.03m, 0.07m);
        Assert.Equal((0.02m, 0m), (metadata.GetProperty("left_usd").GetDecimal(), metadata.GetProperty("reserved_usd").GetDecimal()));
        var resets = metadata.GetProperty("resets_at").GetString();
        Assert.Matches("^\\d{4}-\\d\\d-\\d\\dT00:00:00Z$", resets);
        var message = error.GetProperty("message").GetString()!;
        Assert.Matches($"It may cost {needed.ToString(CultureInfo.InvariantCulture)} USD for \\d+ prompt tokens \\(estimated from its size\\) and ", message);
        Assert.Contains($" and {output}. 0.02 USD are left until {resets}, and 0 USD are reserved", message, StringComparison.Ordinal);
        Assert.Null(refused.Upstream);
    }

    [Fact]
    public async Task ReservedBudget_SaysSo()
    {
        await using var held = await _team.OpenStreamAsync(
            "\"model\":\"test/dollar\"", "x-api-key: ogw-holding", "x-fake-stall-after: 1");
        Assert.Equal(200, held.Head!.Status);
        foreach (var path in (string[])["/v1/chat/completions", "/v1/messages"])
        {
            var refused = await _team.PostAsync(path, TeamGateway.Body("\"model\":\"test/dollar\""), "x-api-key: ogw-holding");

            Assert.Equal(429, refused.Status);
            Assert.NotEmpty(refused.Head.Header("Retry-After") ?? "");
            var error = refused.Json.GetProperty("error");
            Assert.Equal(
                """{"needed_usd":1,"left_usd":0.5,"reserved_usd":1,"resets_at":null,"scope":"team"}""", error.GetProperty("metadata").GetRawText());
            Assert.Equal(
                "The rest of the team's budget is reserved for other calls. It may cost 1 USD for "
                    + error.GetProperty("message").GetString()!.Split(" USD for ")[1].Split(' ')[0]
                    + " prompt tokens (estimated from its size). 0.5 USD are left, and 1 USD are reserved for calls that are not billed yet.",
                error.GetProperty("message").GetString());
        }
    }

    public sealed class Fixture : IAsyncLifetime
    {
        internal TeamGateway Team { get; private set; } = null!;

        public async ValueTask InitializeAsync() => Team = await TeamGateway.StartAsync(new TeamGatewayOptions
        {
            Team = """ "Budget": { "Usd": 0.02, "Period": "Day" } """,
            MoreTeams = static reference =>
            [
                TeamSetup.Team(""" "Budget": { "Usd": 1.5, "Period": "Total" } """, "holding", "ogw-holding", reference: reference),
            ],
            PrepareUpstream = static upstream =>
            {
                upstream.Prices.Set("openai/gpt-4o", "0.0000025", "0.00001");
                upstream.Prices.Set("test/dollar", "0", "0", "1");
            },
        });

        public ValueTask DisposeAsync() => Team.DisposeAsync();
    }
}
