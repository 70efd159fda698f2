using Gateway.Configuration.Model;
using Gateway.Reports;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Gateway.Configuration;

/// <summary>Promise: section <c>Alerts</c> is validated strictly, and no message shows the URL of a webhook or the secret.</summary>
public sealed class AlertsSettingsTests : IDisposable
{
    private const string Url = "https://hooks.example/CANARY-url";

    private readonly SettingsFolder _folder = new();

    public AlertsSettingsTests()
    {
        _folder.Variables["UPSTREAM"] = TeamSetup.UpstreamKey;
        _folder.Variables["HOOK"] = Url;
        _folder.Variables["SECRET"] = "CANARY-secret";
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Defaults_HaveOneThresholdAndNoWebhook()
    {
        var snapshot = await LoadAsync(null);

        Assert.Equal([0.8m], snapshot.Settings.Alerts.BudgetThresholds);
        Assert.Equal(AlertFormat.Json, snapshot.Settings.Alerts.Format);
        Assert.Null(snapshot.AlertWebhook);
        Assert.Null(snapshot.AlertSecret);
    }

    [Fact]
    public async Task References_AreResolvedAndNotShown()
    {
        _folder.HasOtherSpelling = true;
        var snapshot = await LoadAsync(
            """{ "BudgetThresholds": [0.5, 0.8, 1], "Webhook": "env:HOOK", "Format": "slack", "Secret": "env:SECRET" }""");

        Assert.Equal([0.5m, 0.8m, 1], snapshot.Settings.Alerts.BudgetThresholds);
        Assert.Equal((AlertFormat.Slack, "env:HOOK", "env:SECRET"), (snapshot.Settings.Alerts.Format, snapshot.Settings.Alerts.Webhook, snapshot.Settings.Alerts.Secret));
        Assert.Equal((Url, "CANARY-secret"), (snapshot.AlertWebhook!.Reveal(), snapshot.AlertSecret!.Reveal()));
        Assert.Empty(snapshot.Warnings);
    }

    [Fact]
    public async Task ChangedFile_IsAnotherVersion()
    {
        var file = _folder.Write("hook", Url);
        var before = await LoadAsync($$"""{ "Webhook": "file:{{file}}" }""");
        _folder.Write("hook", Url + "2");
        var after = await LoadAsync($$"""{ "Webhook": "file:{{file}}" }""");

        Assert.NotEqual(before.Version, after.Version);
        Assert.Equal(Url + "2", after.AlertWebhook!.Reveal());
        Assert.Contains(after.SecretFiles, one => one.Path == file);
    }

    [Theory]
    [InlineData("\"BudgetThresholds\": [0]", "Alerts:BudgetThresholds:0: got 0; expected a fraction above 0")]
    [InlineData("\"BudgetThresholds\": [1.01]", "Alerts:BudgetThresholds:0: got 1.01; expected a fraction above 0 and up to 1")]
    [InlineData("\"BudgetThresholds\": [0.12345]", "Alerts:BudgetThresholds:0: got 0.12345; expected a fraction")]
    [InlineData("\"BudgetThresholds\": [0.8, 0.5]", "Alerts:BudgetThresholds:1: got 0.5 after 0.8; expected ascending fractions")]
    [InlineData("\"BudgetThresholds\": [0.8, 0.80]", "Alerts:BudgetThresholds:1: got 0.8 after 0.8; expected ascending fractions")]
    [InlineData("\"BudgetThresholds\": 0.8", "Alerts:BudgetThresholds: ")]
    [InlineData("\"Webhook\": \"https://hooks.example/CANARY\"", "Alerts:Webhook: is not a reference to a secret and is not shown")]
    [InlineData("\"Secret\": \"CANARY\", \"Webhook\": \"env:HOOK\"", "Alerts:Secret: is not a reference to a secret and is not shown")]
    [InlineData("\"Webhook\": \"env:MISSING\"", "Alerts:Webhook: env:MISSING is not set or empty")]
    [InlineData("\"Webhook\": \"env:FTP\"", "Alerts:Webhook: resolves to a text that is no such URL and is not shown")]
    [InlineData("\"Webhook\": \"env:USER_INFO\"", "Alerts:Webhook: resolves to a text that is no such URL and is not shown")]
    [InlineData("\"Webhook\": \"env:SECRET\"", "Alerts:Webhook: resolves to a text that is no such URL and is not shown")]
    [InlineData("\"Format\": \"Teamz\"", "Alerts:Format: ")]
    [InlineData("\"Webhok\": \"env:HOOK\"", "Alerts:Webhok: unknown setting")]
    public async Task WrongValue_IsAFaultWithoutTheValue(string members, string fault)
    {
        _folder.Variables["FTP"] = "ftp://CANARY.example";
        _folder.Variables["USER_INFO"] = "https://user:CANARY@hooks.example/";
        Write($"{{ {members} }}");

        var faults = await _folder.LoadBadAsync();

        Assert.StartsWith(fault, Assert.Single(faults), StringComparison.Ordinal);
        Assert.DoesNotContain("CANARY", faults[0], StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"Secret\": \"env:SECRET\"", "", "Alerts:Secret: has no effect without a webhook")]
    [InlineData("\"Webhook\": \"env:HTTP\"", "", "Alerts:Webhook: resolves to an http URL")]
    public async Task OddValue_IsAWarning(string members, string team, string warning)
    {
        _folder.Variables["HTTP"] = "http://hooks.example/CANARY";

        var snapshot = await LoadAsync($"{{ {members} }}", team);

        Assert.StartsWith(warning, Assert.Single(snapshot.Warnings).ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task WithoutTeams_TheWebhookHasNoEffect()
    {
        _folder.Write("appsettings.json", SettingsFolder.Json("""
            "Alerts": { "Webhook": "env:HOOK" }
            """));

        var snapshot = await _folder.LoadGoodAsync();

        Assert.Contains(snapshot.Warnings, warning => warning.ToString() == "Alerts:Webhook: has no effect without teams");
    }

    [Fact]
    public async Task TeamsWebhook_IsAMemberLikeAnyOther()
    {
        _folder.Variables["OTHER"] = "http://127.0.0.1:9/CANARY-team";
        _folder.Write("appsettings.json", SettingsFolder.Json($$"""
            "TeamDefaults": { "AlertWebhook": "env:HOOK" }, "TeamsFolder": "teams",
            "Teams": [ {{TeamSetup.Team(reference: "env:UPSTREAM")}},
              {{TeamSetup.Team("\"AlertWebhook\": null", id: "none", key: "ogw-none", reference: "env:UPSTREAM")}} ]
            """));
        _folder.Write("teams/own.json", TeamSetup.Team("\"AlertWebhook\": \"env:OTHER\"", id: "own", key: "ogw-own", reference: "env:UPSTREAM"));

        var snapshot = await _folder.LoadGoodAsync();

        Assert.Equal(
            [("search", Url), ("none", null), ("own", "http://127.0.0.1:9/CANARY-team")],
            snapshot.Teams.Teams.Select(team => (team.Id, team.AlertWebhook?.Reveal())));
        Assert.Empty(snapshot.Warnings);

        // The secret of a faulty file stays that of its last good state.
        _folder.Variables.Remove("OTHER");
        _folder.Write("teams/own.json", TeamSetup.Team("\"AlertWebhook\": \"env:OTHER\"", id: "own", key: "ogw-own", reference: "env:UPSTREAM") + " ");
        var reloaded = await _folder.LoadGoodAsync();

        Assert.Contains("own.json:AlertWebhook", Assert.Single(reloaded.TeamFaults).ToString(), StringComparison.Ordinal);
        Assert.Equal("http://127.0.0.1:9/CANARY-team", reloaded.Teams.Teams[2].AlertWebhook?.Reveal());
    }

    [Theory]
    [InlineData("Teams:0:AlertWebhook", "\"AlertWebhook\": \"https://hooks.example/CANARY\"")]
    [InlineData("Teams:0:AlertWebhook", "\"AlertWebhook\": \"\"")]
    [InlineData("Teams:0:AlertWebhook", "\"AlertWebhook\": \"env:SECRET\"")]
    public async Task WrongWebhookOfATeam_IsAFault(string path, string member)
    {
        Write("{}", member);

        var fault = Assert.Single(await _folder.LoadBadAsync());

        Assert.StartsWith(path + ": ", fault, StringComparison.Ordinal);
        Assert.DoesNotContain("CANARY", fault, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Check_TellsWhereAlertsGo()
    {
        var snapshot = await LoadAsync(
            """{ "BudgetThresholds": [0.5, 0.925], "Webhook": "env:HOOK", "Format": "Teams", "Secret": "env:SECRET" }""",
            "\"AlertWebhook\": \"env:HOOK\"");
        var sources = _folder.Sources();
        var document = CheckReport.Create(snapshot, sources, global::Gateway.Configuration.Reading.SettingsFiles.Read(sources));

        var (text, json) = (CheckReport.ToText(document), CheckReport.ToJson(document));

        Assert.Contains(
            "alerts: Teams, signed, to env:HOOK\n  budget thresholds: 50 %, 92.5 %\n  teams with a webhook of their own: search\n",
            text,
            StringComparison.Ordinal);
        Assert.Contains("\"webhook\": \"env:HOOK\"", json, StringComparison.Ordinal);
        Assert.Contains("\"is_signed\": true", json, StringComparison.Ordinal);
        Assert.DoesNotContain("CANARY", text + json, StringComparison.Ordinal);
    }

    private void Write(string? alerts, string team = "") => _folder.Write(
        "appsettings.json",
        SettingsFolder.Json(
            $"\"Teams\": [ {TeamSetup.Team(team, reference: "env:UPSTREAM")} ]" + (alerts is null ? "" : $", \"Alerts\": {alerts}")));

    private async Task<global::Gateway.Configuration.SettingsSnapshot> LoadAsync(string? alerts, string team = "")
    {
        Write(alerts, team);
        return await _folder.LoadGoodAsync();
    }
}
