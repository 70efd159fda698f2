using System.Text.Json;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>Promise: <c>--verbose</c> adds a line for each phase of a request, joined by its id (D7); without it there is one line.</summary>
public sealed class VerboseTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task EachPhase_HasALine(bool isVerbose)
    {
        var options = new TeamGatewayOptions
        {
            HasLog = true,
            Team = """ "Budget": { "Usd": 1, "Period": "Day" }, "Limits": { "RequestsPerMinute": 60, "TokensPerMinute": 1000000000 } """,
            Sections =
            [
                ("ProviderMapping", """
                    { "Rules": [ { "Name": "other", "Model": "mistralai/*", "Provider": { "zdr": true } }, { "Name": "all", "Model": "*", "Provider": { "zdr": true } } ],
                      "Aliases": [ { "Model": "mini", "Use": "openai/gpt-4o-mini" } ] }
                    """),
            ],
        };
        if (isVerbose)
        {
            options.Arguments.Add("--verbose");
        }

        await using var team = await TeamGateway.StartAsync(options);
        var call = await team.ChatAsync("\"model\":\"mini\"");
        var refused = await team.ChatAsync("\"model\":\"mini\",\"max_tokens\":100000000");
        var unreachable = await team.ChatAsync("\"model\":\"mini\"", "x-fake-close: 1");
        Assert.Equal((200, 402, 502), (call.Status, refused.Status, unreachable.Status));

        var lines = await LinesAsync(team, call);
        Assert.Equal(
            isVerbose
                ? ["CallerIdentified", "RulesTried", "BodyEdited", "CallAdmitted", "AttemptSent", "AttemptEnded", "TeamRequestEnded"]
                : ["TeamRequestEnded"],
            lines.Select(NameOf));
        Assert.Equal(
            isVerbose ? ["CallerIdentified", "RulesTried", "BodyEdited", "RequestRefused", "TeamRequestEnded"] : ["TeamRequestEnded"],
            (await LinesAsync(team, refused)).Select(NameOf));
        if (isVerbose)
        {
            Assert.All(lines.SkipLast(1), line => Assert.Equal("Debug", line.GetProperty("@l").GetString()));
            Assert.Equal(
                "alias mini: Applied ('mini' is sent as 'openai/gpt-4o-mini'); "
                    + "rule other: NotMatched (No match: 'mistralai/*' against 'openai/gpt-4o-mini'); "
                    + "rule all: Applied (Matches, and its block is added: the client set no 'provider')",
                lines[1].GetProperty("Steps").GetString());
            Assert.Matches("^at \\d+, \\d+ bytes become \\d+; at \\d+, 0 bytes become \\d+$", lines[2].GetProperty("Edits").GetString());
            Assert.Equal("59 of 60 requests", lines[3].GetProperty("Limits").GetString()!.Split(" and ")[0]);
            Assert.Matches("^0\\.0\\d+ of 1 USD charged$", lines[3].GetProperty("Budget").GetString());
            Assert.Equal("openrouter", lines[4].GetProperty("Destination").GetString());
            Assert.Equal("status 200", lines[5].GetProperty("Outcome").GetString());

            var failed = await LinesAsync(team, unreachable);
            Assert.Contains("no response", failed.First(line => NameOf(line) == "AttemptEnded").GetProperty("Outcome").GetString(), StringComparison.Ordinal);
        }
    }

    private static string NameOf(JsonElement line) => line.GetProperty("EventId").GetProperty("Name").GetString()!;

    /// <summary>The lines of a call, once its last one is there.</summary>
    private static async Task<List<JsonElement>> LinesAsync(TeamGateway team, Exchange call)
    {
        var id = $"\"RequestId\":\"{call.Head.Header("x-request-id")}\"";
        await team.Gateway.Log.WaitForAsync(
            line => line.Contains(id, StringComparison.Ordinal) && line.Contains("\"TeamRequestEnded\"", StringComparison.Ordinal), "the end of the call");
        var lines = new List<JsonElement>();
        foreach (var line in team.Gateway.Log.All.Where(line => line.Contains(id, StringComparison.Ordinal)))
        {
            using var json = JsonDocument.Parse(line);
            lines.Add(json.RootElement.Clone());
        }

        return lines;
    }
}
