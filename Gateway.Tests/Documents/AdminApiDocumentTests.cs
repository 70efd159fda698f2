using System.Text.Json;
using System.Text.RegularExpressions;
using Gateway.Admin;
using Gateway.Reports;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Documents;

/// <summary>
/// Holds <c>docs/admin-api.md</c> against the program: its commands answer the questions above them, and its tables list all members.
/// </summary>
public sealed partial class AdminApiDocumentTests
{
    private static readonly IReadOnlyList<MarkdownSection> Sections =
        MarkdownSection.Read(Path.Combine(Repository.Root, "docs", "admin-api.md"));

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Commands_AnswerTheirQuestions()
    {
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions
        {
            Team = """ "DeniedModels": ["denied/*"], "Budget": { "Usd": 1, "Period": "Day" } """,
            Sections = [("Admin", """{ "Url": "http://127.0.0.1:0" }""")],
        });
        using var admin = await team.Gateway.AdminClientAsync();
        var refused = (await team.ChatAsync("\"model\":\"denied/x\"")).Head.Header("x-request-id")!;
        var call = await team.ChatAsync();
        var (id, generation) = (call.Head.Header("x-request-id")!, team.Bill(call).Id);
        await Eventually.TrueAsync(
            async () => await admin.GetStringAsync("/admin/requests", Stop) is var text
                && text.Contains(refused, StringComparison.Ordinal) && text.Contains(id, StringComparison.Ordinal),
            "both calls");

        var why = await RunAsync("## Why was this call refused?");
        var where = await RunAsync("## Where did this request go, and what did it cost?");
        var who = await RunAsync("## Who is about to run out?");

        Assert.Equal(2, why.Count);
        Assert.Equal(("model_not_allowed", refused), (why[0].GetProperty("code").GetString(), why[0].GetProperty("request_id").GetString()));
        Assert.Equal(why[0].GetRawText(), Assert.Single(why[1].GetProperty("requests").EnumerateArray()).GetRawText());
        Assert.Equal(2, where.Count);
        Assert.Equal(
            (id, "settled", (decimal)team.Bill(call).Cost / 1e12m, TeamGateway.Model, "openrouter"),
            (where[0].GetProperty("request_id").GetString(), where[0].GetProperty("state").GetString(), where[0].GetProperty("cost_usd").GetDecimal(),
                where[0].GetProperty("sent_model").GetString(), where[0].GetProperty("destination").GetString()));
        Assert.Equal(where[0].GetRawText(), Assert.Single(where[1].GetProperty("requests").EnumerateArray()).GetRawText());
        Assert.Equal("search", Assert.Single(who).GetProperty("teams")[0].GetProperty("id").GetString());
        Assert.True(who[0].GetProperty("teams")[0].GetProperty("budgets")[0].GetProperty("left_usd").GetDecimal() < 1);

        async Task<List<JsonElement>> RunAsync(string heading)
        {
            var answers = new List<JsonElement>();
            foreach (Match command in Command().Matches(string.Join('\n', Section(heading).Lines)))
            {
                var path = command.Groups["path"].Value
                    .Replace("REQUEST_ID", refused, StringComparison.Ordinal)
                    .Replace("GENERATION_ID", generation, StringComparison.Ordinal);
                using var json = JsonDocument.Parse(await admin.GetStringAsync(path, Stop));
                answers.Add(json.RootElement.Clone());
            }

            return answers;
        }
    }

    [Fact]
    public void MembersOfARequest_AreAllListed() => Assert.Equal(
        LookupJsonContext.Default.RequestDocument.Properties.Select(property => property.Name),
        Section("## `GET /admin/requests/{id}`").TableRows.Select(row => row[0].Trim('`')));

    [Fact]
    public void MembersOfATeam_AreAllListed()
    {
        var rows = Section("## `GET /admin/teams`").TableRows.ToDictionary(row => row[0].Trim('`'), row => row[1]);
        Assert.Equal(LookupJsonContext.Default.Team.Properties.Select(property => property.Name), rows.Keys);
        foreach (var (row, type) in new[]
        {
            ("budgets", LookupJsonContext.Default.Budget), ("limits", LookupJsonContext.Default.Limits),
            ("limits", LookupJsonContext.Default.Limit), ("keys", (System.Text.Json.Serialization.Metadata.JsonTypeInfo)LookupJsonContext.Default.Key),
        })
        {
            Assert.All(type.Properties, property => Assert.Contains($"`{property.Name}`", rows[row], StringComparison.Ordinal));
        }
    }

    [Fact]
    public void MembersOfAnExplanation_AreAllDescribed()
    {
        using var schema = JsonDocument.Parse(AdminSchemas.Explanation);
        var described = MarkdownSection.Read(Path.Combine(Repository.Root, "docs", "operations.md")).Single(section => section.Heading == "## Explain").InlineCode;

        Assert.All(schema.RootElement.GetProperty("properties").EnumerateObject(), member => Assert.Contains(member.Name, described));
    }

    private static MarkdownSection Section(string heading) => Sections.Single(section => section.Heading == heading);

    [GeneratedRegex(@"^curl -sg '?http://127\.0\.0\.1:9464(?<path>/[^'\s]*)'?$", RegexOptions.Multiline)]
    private static partial Regex Command();
}
