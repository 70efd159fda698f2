using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: a body cannot be made to reserve less than it costs. Twenty calls race for a budget of ten dollars, and no bill is known yet.
/// </summary>
public sealed class CheapReservationTests
{
    private const int Calls = 20;
    private const string Budget = """ "Budget": { "Usd": 10, "Period": "Total" } """;

    // A thousandth of a dollar for every token of an answer: the assumed 4,096 cost more than four dollars.
    private const string Mill = "test/mill";

    private static readonly (string Team, string Path, string Members)[] Lures =
    [
        ("search", "/v1/chat/completions", "\"max_output_tokens\":1"),
        ("both", "/v1/chat/completions", "\"max_output_tokens\":1,\"max_tokens\":4096"),
        ("completions", "/v1/completions", "\"max_output_tokens\":1,\"max_completion_tokens\":1"),
        ("responses", "/v1/responses", "\"max_tokens\":1,\"max_completion_tokens\":1"),
        ("messages", "/v1/messages", "\"max_output_tokens\":1,\"max_completion_tokens\":1"),
    ];

    // Fault C1.
    [Theory]
    [InlineData("{}")]
    [InlineData("""{ "WriteMaxPrice": true }""")]
    public async Task CapOfAnotherEndpoint_LowersNoReservation(string limits)
    {
        await using var gateway = await StartAsync(limits);
        foreach (var (team, path, members) in Lures)
        {
            var admitted = await RaceAsync(gateway, team, path, $$"""{"model":"{{Mill}}","stream":true,{{members}},"messages":[]}""");

            Assert.Equal((path, 2), (path, admitted));
        }

        Assert.Equal(2 * Lures.Length, gateway.Upstream.Book.Entries.Count);
    }

    // Fault C2: 630 KB in the alphabet of base64 are 315,000 tokens, which cost more than nine dollars.
    [Fact]
    public async Task PromptInTheAlphabetOfBase64_LowersNoReservation()
    {
        await using var gateway = await StartAsync("{}");
        var prompt = string.Concat(Enumerable.Repeat("please_summarise_", 630_000 / "please_summarise_".Length));
        var body = $$"""{"model":"test/reader","stream":true,"max_tokens":1,"messages":[{"role":"user","content":"{{prompt}}"}]}""";

        Assert.Equal(1, await RaceAsync(gateway, "search", "/v1/chat/completions", body));
    }

    // Fault C3: the first entry of a canonical slug is a free one.
    [Theory]
    [InlineData("search", "test/dollar-2026")]
    [InlineData("both", "test/dollar")]
    public async Task FreeEntryOfTheSameSlug_LowersNoReservation(string team, string model)
    {
        await using var gateway = await StartAsync("{}");

        Assert.Equal(
            10, await RaceAsync(gateway, team, "/v1/chat/completions", $$"""{"model":"{{model}}","stream":true,"messages":[]}"""));
    }

    private static Task<TeamGateway> StartAsync(string limits) => TeamGateway.StartAsync(new TeamGatewayOptions
    {
        Team = Budget,
        MoreTeams = reference => Lures[1..].Select(lure => TeamSetup.Team(Budget, lure.Team, KeyOf(lure.Team), reference: reference)),
        Limits = limits,
        PrepareUpstream = static upstream =>
        {
            upstream.Prices.Set(Mill, "0", "0.001");
            upstream.Prices.Set("test/reader", "0.00003", "0");
            upstream.Prices.Set("test/dollar:free", "0", "0", slug: "test/dollar-2026");
            upstream.Prices.Set("test/dollar", "0", "0", "1", slug: "test/dollar-2026");
            upstream.Prices.Set("test/dollar:batch", "0", "0", "0.5", slug: "test/dollar-2026");
        },
    });

    /// <summary>Sends the calls at once and holds their answers open. Returns the number of calls that were admitted.</summary>
    private static async Task<int> RaceAsync(TeamGateway gateway, string team, string path, string body)
    {
        var calls = await Task.WhenAll(Enumerable.Range(0, Calls).Select(async _ =>
        {
            var call = await gateway.SendAsync(path, body, "x-api-key: " + KeyOf(team), "x-fake-stall-after: 1");
            call.Head = await call.Client.ReadHeadAsync();
            return call;
        }));
        var statuses = calls.Select(call => call.Head!.Status).ToArray();
        foreach (var call in calls)
        {
            await call.DisposeAsync();
        }

        Assert.All(statuses, status => Assert.True(status is 200 or 429, $"{status}"));
        return statuses.Count(status => status == 200);
    }

    private static string KeyOf(string team) => team == "search" ? TeamSetup.Key : "ogw-key-of-" + team;
}
