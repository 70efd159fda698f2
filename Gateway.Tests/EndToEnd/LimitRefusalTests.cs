using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>Promise: a request over a limit is told the limit, its holder and when to try again (D3).</summary>
public sealed class LimitRefusalTests : IClassFixture<LimitRefusalTests.Fixture>
{
    private readonly TeamGateway _team;

    public LimitRefusalTests(Fixture fixture)
    {
        _team = fixture.Team;
    }

    [Theory]
    [InlineData("search", "", "RequestsPerMinute of the team 'search'", """{"limit":"requests","scope":"team"}""")]
    [InlineData("tokens", "\"max_tokens\":90", "TokensPerMinute of the team 'tokens'", """{"limit":"tokens","scope":"team"}""")]
    [InlineData("keyed", "", "RequestsPerMinute of the key 'ci' of the team 'keyed'", """{"limit":"requests","scope":"key"}""")]
    public async Task ExhaustedLimit_IsNamed(string team, string members, string limit, string metadata)
    {
        var key = "x-api-key: " + KeyOf(team);
        Assert.Equal(200, (await _team.ChatAsync(members, key, "x-fake-completion-tokens: 90")).Status);

        var chat = await _team.ChatAsync(members, key);
        var messages = await _team.PostAsync("/v1/messages", TeamGateway.Body(members), key);

        chat.IsRefused(429);
        messages.IsRefusedInMessagesDialect(429);
        foreach (var refused in (Exchange[])[chat, messages])
        {
            var error = refused.Json.GetProperty("error");
            Assert.Equal(
                $"The limit {limit} is exhausted. Try again in {refused.Head.Header("Retry-After")} s.", error.GetProperty("message").GetString());
            Assert.Equal(metadata, error.GetProperty("metadata").GetRawText());
        }
    }

    [Fact]
    public async Task RequestsInFlight_AreNamed()
    {
        await using var held = await _team.OpenStreamAsync("", "x-api-key: " + KeyOf("busy"), "x-fake-stall-after: 1");

        var refused = await _team.ChatAsync("", "x-api-key: " + KeyOf("busy"));

        refused.IsRefused(429);
        Assert.Equal(
            "The limit ConcurrentRequests of the team 'busy' is exhausted. Try again in 1 s.",
            refused.Json.GetProperty("error").GetProperty("message").GetString());
    }

    private static string KeyOf(string team) => team == "search" ? TeamSetup.Key : "ogw-" + team;

    public sealed class Fixture : IAsyncLifetime
    {
        internal TeamGateway Team { get; private set; } = null!;

        public async ValueTask InitializeAsync() => Team = await TeamGateway.StartAsync(new TeamGatewayOptions
        {
            // Limits refill as time passes.
            Time = new StandingTime(),
            Team = """ "Limits": { "RequestsPerMinute": 1 } """,
            MoreTeams = static reference =>
            [
                TeamSetup.Team(""" "Limits": { "TokensPerMinute": 120 } """, "tokens", KeyOf("tokens"), reference: reference),
                TeamSetup.Team(
                    "", "keyed", KeyOf("keyed"), """, "Label": "ci", "Limits": { "RequestsPerMinute": 1 } """, reference),
                TeamSetup.Team(""" "Limits": { "ConcurrentRequests": 1 } """, "busy", KeyOf("busy"), reference: reference),
            ],
        });

        public ValueTask DisposeAsync() => Team.DisposeAsync();
    }
}
