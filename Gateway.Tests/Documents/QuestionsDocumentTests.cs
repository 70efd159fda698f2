using System.Text.Json;
using System.Text.RegularExpressions;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Documents;

/// <summary>
/// Holds <c>docs/questions.md</c> against the program: "is it upstream or is it us" can be told by a header, a look-up and a metric. The other
/// questions have tests of their own (UsageQuestionTests, AdminApiDocumentTests, AlertTests, TeamAccountTests).
/// </summary>
public sealed partial class QuestionsDocumentTests
{
    private static readonly string Document = File.ReadAllText(System.IO.Path.Combine(Repository.Root, "docs", "questions.md"));

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task HeaderLookUpAndMetric_SayWhichSideFailed()
    {
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions
        {
            Team = """ "DeniedModels": ["denied/*"], "Budget": { "Usd": 1, "Period": "Day" } """,
            Sections = [("Admin", """{ "Url": "http://127.0.0.1:0" }"""), ("Upstream", """{ "MaxAttempts": 1 }""")],
        });
        using var admin = await team.Gateway.AdminClientAsync();
        var upstreams = await team.ChatAsync("", "x-fake-status: 503");
        var onTheWay = await team.ChatAsync("", "x-fake-close: 1");
        var ours = await team.ChatAsync("\"model\":\"denied/x\"");

        Assert.Equal((503, null), (upstreams.Status, upstreams.Head.Header("x-gateway-error")));
        Assert.Equal((502, "1"), (onTheWay.Status, onTheWay.Head.Header("x-gateway-error")));
        Assert.Equal((403, "1"), (ours.Status, ours.Head.Header("x-gateway-error")));

        Assert.Equal((null, "Completed"), await LookUpAsync(upstreams));
        var (code, end) = await LookUpAsync(onTheWay);
        Assert.StartsWith("upstream_", code, StringComparison.Ordinal);
        Assert.StartsWith("Upstream", end, StringComparison.Ordinal);
        Assert.Equal(("model_not_allowed", "Refused"), await LookUpAsync(ours));

        using var list = JsonDocument.Parse(await admin.GetStringAsync(Path("status=503"), Stop));
        Assert.False(Assert.Single(list.RootElement.GetProperty("requests").EnumerateArray()).TryGetProperty("code", out _));

        var ends = Ends().Matches(await admin.GetStringAsync(Path("/metrics"), Stop)).Select(match => match.Groups["end"].Value).ToHashSet();
        Assert.Superset(new HashSet<string> { "completed", "refused" }, ends);
        Assert.Contains(ends, one => one.StartsWith("upstream_", StringComparison.Ordinal));
        Assert.All(ends, one => Assert.Contains($"`{one}`", Document, StringComparison.Ordinal));

        async Task<(string? Code, string? End)> LookUpAsync(Exchange call)
        {
            var path = Path("REQUEST_ID").Replace("REQUEST_ID", call.Head.Header("x-request-id"), StringComparison.Ordinal);
            var found = await Eventually.GetAsync(
                async () => await admin.GetAsync(path, Stop) is { IsSuccessStatusCode: true } answer ? await answer.Content.ReadAsStringAsync(Stop) : null,
                "the request");
            using var json = JsonDocument.Parse(found);
            return (json.RootElement.TryGetProperty("code", out var code) ? code.GetString() : null, json.RootElement.GetProperty("end").GetString());
        }
    }

    [Fact]
    public async Task SpendingOfATeam_IsToldToItAndToItsOperator()
    {
        // No period ends between the call and the questions.
        await using var team = await TeamGateway.StartAsync(""" "Budget": { "Usd": 1, "Period": "Total" } """);
        var call = await team.ChatAsync();
        var row = await team.ClosedRowAsync(team.Bill(call));
        var cost = row.CostPico!.Value / 1e12m;
        Assert.NotEqual(0, cost);

        var question = KeyCommand().Match(Document).Groups;
        using var request = new HttpRequestMessage(HttpMethod.Get, question["path"].Value);
        request.Headers.Add(question["name"].Value, question["value"].Value.Replace("GATEWAY_KEY", TeamSetup.Key, StringComparison.Ordinal));
        using var answer = await team.Gateway.Client.SendAsync(request, Stop);
        using var key = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Stop));
        Assert.Equal((1, 1 - cost, cost), (Figure("limit"), Figure("limit_remaining"), Figure("usage")));

        team.Data.Write("appsettings.json", team.Settings());
        var run = await GatewayCommandRun.RunAsync(
            [.. DocumentShell.Arguments(UsageCommand().Match(Document).Groups["arguments"].Value), "--format", "json"], team.Data.Path);
        Assert.Equal(0, run.ExitCode);
        using var usage = JsonDocument.Parse(run.Out);
        var spent = Assert.Single(usage.RootElement.GetProperty("rows").EnumerateArray());
        Assert.Equal(
            ("search", 1, cost),
            (spent.GetProperty("team").GetString(), spent.GetProperty("requests").GetInt32(), spent.GetProperty("cost_usd").GetDecimal()));

        decimal Figure(string name) => key.RootElement.GetProperty("data").GetProperty(name).GetDecimal();
    }

    [Fact]
    public void EveryCommand_IsRunHere()
    {
        string[] paths = [Path("REQUEST_ID"), Path("status=503"), Path("/metrics")];

        Assert.All(DocumentShell.Commands(Document), command => Assert.True(
            KeyCommand().IsMatch(command) || paths.Contains(Command().Match(command).Groups["path"].Value), command));
    }

    /// <summary>The path of the document's command that contains a text.</summary>
    private static string Path(string text) => Command().Matches(Document)
        .Select(command => command.Groups["path"].Value)
        .First(path => path.Contains(text, StringComparison.Ordinal));

    [GeneratedRegex(@"http://127\.0\.0\.1:9464(?<path>/[^\s'`]*)", RegexOptions.ExplicitCapture)]
    private static partial Regex Command();

    [GeneratedRegex("""^curl -s http://127\.0\.0\.1:3000(?<path>/\S+) -H "(?<name>\w+): (?<value>[^"]+)"$""", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex KeyCommand();

    [GeneratedRegex("`gateway (?<arguments>usage [^`]+)`", RegexOptions.ExplicitCapture)]
    private static partial Regex UsageCommand();

    [GeneratedRegex("""^gateway_requests_total\{.*?end="(?<end>\w+)".*\} """, RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex Ends();
}
