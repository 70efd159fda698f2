using System.Globalization;
using System.Net;
using System.Text.Json;
using FakeOpenRouter;
using Gateway.Billing;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: "What did team X spend on model Y last week" is one command and one request to the admin address, and both equal the bills of
/// upstream.
/// </summary>
public sealed class UsageQuestionTests : IClassFixture<UsageQuestionTests.Fixture>
{
    private const string OtherModel = "openai/gpt-4o";
    private const string OtherKey = "ogw-test-key-of-ads";

    private readonly Fixture _fixture;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public UsageQuestionTests(Fixture fixture)
    {
        _fixture = fixture;
    }

    private static string Question => $"team=search&model={TeamGateway.Model}&last=7d";

    private decimal Expected => Usd(_fixture.Bills.Where(bill => bill is { Team: "search", Entry.Model: TeamGateway.Model }));

    [Fact]
    public async Task Command_SaysWhatATeamSpentOnAModel()
    {
        var output = await _fixture.UsageAsync("--team", "search", "--model", TeamGateway.Model, "--last", "7d", "--format", "json");

        Assert.Equal((0, ""), (output.ExitCode, output.Error));
        var row = Assert.Single(Rows(output.Out));
        Assert.Equal((3, Expected), (row.GetProperty("requests").GetInt32(), row.GetProperty("cost_usd").GetDecimal()));
    }

    [Fact]
    public async Task Table_SaysTheSame()
    {
        var output = await _fixture.UsageAsync("--group", "team,model", "--team", "search", "--last", "7d");

        Assert.Equal(0, output.ExitCode);
        var line = output.Out.Split('\n').Single(line => line.Contains($" {TeamGateway.Model} ", StringComparison.Ordinal));
        Assert.Equal(
            ["search", TeamGateway.Model, "3"], line.Split(' ', StringSplitOptions.RemoveEmptyEntries).Take(3));
        Assert.Contains(OtherModel + " ", output.Out, StringComparison.Ordinal);
        Assert.DoesNotContain("ads", output.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task AdminAddress_SaysTheSame()
    {
        var row = Assert.Single(Rows(await _fixture.Admin.GetStringAsync("/admin/usage?group=team,key,model&" + Question, Stop)));

        Assert.Equal(
            ("search", "search/key-1", TeamGateway.Model, 3, Expected),
            (row.GetProperty("team").GetString(), row.GetProperty("key").GetString(), row.GetProperty("model").GetString(),
                row.GetProperty("requests").GetInt32(), row.GetProperty("cost_usd").GetDecimal()));
    }

    [Fact]
    public async Task AnyGrouping_HasTheTotalOfUpstreamsBills()
    {
        foreach (var group in (string[])["team", "key", "model", "provider", "rule", "day", "month", "day,team,model", "month,provider"])
        {
            var rows = Rows(await _fixture.Admin.GetStringAsync("/admin/usage?group=" + group, Stop));

            Assert.Equal(Usd(_fixture.Bills), rows.Sum(row => row.GetProperty("cost_usd").GetDecimal()));
            Assert.Equal(_fixture.Bills.Count, rows.Sum(row => row.GetProperty("requests").GetInt32()));
        }
    }

    [Fact]
    public async Task OtherDays_HaveNoUsage()
    {
        Assert.Equal("""{"rows":[]}""", await _fixture.Admin.GetStringAsync("/admin/usage?to=2020-01-01", Stop));
        Assert.Equal("""{"rows":[]}""", await _fixture.Admin.GetStringAsync("/admin/usage?unresolved=true", Stop));
        var output = await _fixture.UsageAsync("--to", "2020-01-01");
        Assert.Equal((0, "No usage in this period."), (output.ExitCode, output.All.Trim()));
    }

    [Fact]
    public async Task Unresolved_AreTheCallsWhoseBillIsUnknown_AtTheirReservations()
    {
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions { Sections = [("Admin", """{ "Url": "http://127.0.0.1:0" }""")] });
        using var folder = new TempFolder();
        folder.Write("appsettings.json", team.Settings());
        await team.ClosedRowAsync(team.Bill(await team.ChatAsync()));
        Assert.Equal(502, (await team.ChatAsync("", "x-fake-close: 1", "x-fake-no-generation-id: 1")).Status);
        var lost = await team.RowAsync(static row => row.State == GenerationState.Unresolvable);

        var output = await GatewayCommandRun.RunAsync(["usage", "--unresolved", "--group", "team,model", "--format", "json"], folder.Path);

        Assert.Equal((0, ""), (output.ExitCode, output.Error));
        var row = Assert.Single(Rows(output.Out));
        Assert.Equal(
            ("search", TeamGateway.Model, 1, 1, lost.ReservedPico / 1e12m),
            (row.GetProperty("team").GetString(), row.GetProperty("model").GetString(), row.GetProperty("requests").GetInt32(),
                row.GetProperty("unresolved").GetInt32(), row.GetProperty("cost_usd").GetDecimal()));
        using var admin = await team.Gateway.AdminClientAsync();
        Assert.Equal(output.Out.Trim(), await admin.GetStringAsync("/admin/usage?unresolved=true&group=team,model", Stop));
        var all = Assert.Single(Rows(await admin.GetStringAsync("/admin/usage", Stop)));
        Assert.Equal((2, 1), (all.GetProperty("requests").GetInt32(), all.GetProperty("unresolved").GetInt32()));
    }

    [Theory]
    [InlineData("group=team,nobody", "group")]
    [InlineData("last=7", "last")]
    [InlineData("last=7d&to=2026-01-01", "last")]
    [InlineData("team=", "team")]
    [InlineData("unresolved=no", "unresolved")]
    public async Task BadValue_IsA400ThatNamesItsParameter(string query, string parameter)
    {
        using var answer = await _fixture.Admin.GetAsync("/admin/usage?" + query, Stop);
        using var json = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Stop));

        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Equal(parameter, json.RootElement.GetProperty("error").GetProperty("param").GetString());
    }

    [Fact]
    public async Task BadFlags_AreAllNamed()
    {
        var output = await _fixture.UsageAsync("--group", "nobody", "--last", "7", "--format", "xml");

        Assert.Equal(2, output.ExitCode);
        Assert.Equal(["--group", "--last", "--format"], output.Error.Trim().Split('\n').Select(line => line.Split(' ')[0]));
    }

    [Fact]
    public async Task AnotherWorkingDirectory_IsNamed()
    {
        using var folder = new TempFolder();
        folder.Write("appsettings.json", ShippedSettings.Text);

        var output = await GatewayCommandRun.RunAsync(["usage", "--last", "7d"], folder.Path);

        Assert.Equal((1, ""), (output.ExitCode, output.Out));
        Assert.Contains(folder.File("data/usage.db"), output.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(folder.File("data")));
    }

    private static List<JsonElement> Rows(string json) =>
        [.. JsonDocument.Parse(json).RootElement.GetProperty("rows").EnumerateArray()];

    private static decimal Usd(IEnumerable<(string Team, BookEntry Entry)> bills) =>
        bills.Sum(bill => decimal.Parse(bill.Entry.CostText, NumberStyles.Float, CultureInfo.InvariantCulture));

    public sealed class Fixture : IAsyncLifetime
    {
        private readonly TempFolder _folder = new();
        private TeamGateway _team = null!;

        internal HttpClient Admin { get; private set; } = null!;

        /// <summary>The bills of upstream, each with the team that called.</summary>
        internal IReadOnlyList<(string Team, BookEntry Entry)> Bills { get; private set; } = [];

        public async ValueTask InitializeAsync()
        {
            _team = await TeamGateway.StartAsync(new TeamGatewayOptions
            {
                MoreTeams = reference => [TeamSetup.Team(id: "ads", key: OtherKey, reference: reference)],
                Sections = [("Admin", """{ "Url": "http://127.0.0.1:0" }""")],
            });
            Admin = await _team.Gateway.AdminClientAsync();
            _folder.Write("appsettings.json", _team.Settings());
            string ads = "x-api-key: " + OtherKey, other = $"\"model\":\"{OtherModel}\"";
            Bills =
            [
                await CallAsync("search", ""), await CallAsync("search", "\"stream\":true", "x-fake-completion-tokens: 700"),
                await CallAsync("search", "", "x-fake-prompt-tokens: 1234"), await CallAsync("search", other),
                await CallAsync("ads", "", ads), await CallAsync("ads", other, ads),
            ];
        }

        public async ValueTask DisposeAsync()
        {
            Admin?.Dispose();
            await _team.DisposeAsync();
            _folder.Dispose();
        }

        /// <summary>Runs the sub-command beside the gateway, with its settings.</summary>
        internal Task<GatewayOutput> UsageAsync(params string[] flags) => GatewayCommandRun.RunAsync(["usage", .. flags], _folder.Path);

        private async Task<(string Team, BookEntry Entry)> CallAsync(string team, string members, params string[] lines)
        {
            var call = await _team.ChatAsync(members, lines);
            Assert.Equal(200, call.Status);
            var bill = _team.Bill(call);
            await _team.ClosedRowAsync(bill);
            return (team, bill);
        }
    }
}
