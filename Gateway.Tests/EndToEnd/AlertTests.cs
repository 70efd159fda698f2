using System.Security.Cryptography;
using System.Text;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: an operator hears of a budget that runs out and of a key that OpenRouter rejects, once, with any number of nodes and restarts; and
/// nothing that the gateway writes or posts has the webhook's URL, the secret, a key or a prompt.
/// </summary>
public sealed class AlertTests : IAsyncLifetime
{
    private const string Secret = "CANARY-secret-of-alerts";
    private const string Dollar = """{"model":"test/dollar","messages":[{"role":"user","content":"CANARY-prompt"}]}""";
    private const string NoUser = """{"error":{"message":"User not found.","code":401}}""";

    private readonly TempFolder _folder = new();
    private AlertReceiver _receiver = null!;

    public async ValueTask InitializeAsync()
    {
        _receiver = await AlertReceiver.StartAsync();
        _folder.Write("hook", _receiver.Url() + "\n");
        _folder.Write("own", _receiver.Url("/own"));
        _folder.Write("secret", Secret);
    }

    public async ValueTask DisposeAsync()
    {
        await _receiver.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task Budget_AlertsOnceAThresholdAndARefusal_OnTwoNodesAndAfterARestart()
    {
        await using var team = await StartAsync();
        for (var call = 0; call < 5; call++)
        {
            Assert.Equal(200, (await ChatAsync(team)).Status);
        }

        // The refusal wakes the worker, which looks at the thresholds, too.
        Assert.Equal(402, (await ChatAsync(team)).Status);
        Assert.Equal(402, (await ChatAsync(team)).Status);
        await WaitAsync(2);

        await using var second = await team.StartSecondAsync();
        Assert.Equal(402, await ChatOnAsync(second, TeamSetup.Key));
        Assert.Equal(402, await ChatOnAsync(second, "ogw-third"));
        await WaitAsync(3);
        await team.RestartAsync();
        Assert.Equal(402, (await ChatAsync(team)).Status);
        Assert.Equal(503, (await RejectAsync(team)).Status);
        var posts = await WaitAsync(4);

        Assert.Equal(["budget_exceeded", "budget_threshold"], posts.Take(2).Select(post => post.Type).Order());
        Assert.Equal(["/own", "/own", "/general", "/general"], posts.Select(post => post.Path));
        var (threshold, refusal) = (posts.Single(post => post.Type == "budget_threshold"), posts.Take(2).Single(post => post.Type == "budget_exceeded"));

        // The worker may also look after the fourth call, which reaches the threshold.
        Assert.Contains(Raw(threshold, "spent_usd"), (string[])["4", "5"]);
        Assert.Equal(("5", "0.8"), (Raw(threshold, "limit_usd"), Raw(threshold, "threshold")));
        Assert.Equal(("5", "5", "true"), (Raw(refusal, "spent_usd"), Raw(refusal, "limit_usd"), Raw(refusal, "refused")));
        Assert.Equal(("budget_exceeded", "third"), (posts[2].Type, posts[2].Team));
        Assert.Equal(("upstream_key_rejected", "401", "other"), (posts[3].Type, Raw(posts[3], "status"), posts[3].Team));
        foreach (var post in posts)
        {
            var signature = post.Headers["X-Gateway-Signature"].Split(",v1=");
            byte[] signed = [.. Encoding.ASCII.GetBytes(signature[0][2..] + "."), .. post.Body];
            Assert.Equal(signature[1], Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(Secret), signed)));
            var text = $"{string.Join('\n', post.Headers)}\n{post}";
            Assert.All(
                (string[])["CANARY", TeamSetup.Key, "ogw-other", "ogw-third", TeamSetup.UpstreamKey],
                secret => Assert.DoesNotContain(secret, text, StringComparison.Ordinal));
        }

        static string Raw(AlertReceiver.Post post, string member) => post.Json.GetProperty(member).GetRawText();
    }

    [Fact]
    public async Task NothingThatTheGatewayWrites_HasTheUrlOrTheSecret()
    {
        await using var team = await StartAsync(isProcess: true);
        _receiver.Answer = AlertReceiver.Status(500);
        while ((await ChatAsync(team)).Status == 200)
        {
        }

        await team.Gateway.Log.WaitForAsync(
            static line => line.Contains("AlertNotPosted", StringComparison.Ordinal), "a failed alert");
        _receiver.Answer = AlertReceiver.Status(200);
        _folder.Write("hook", "ftp://CANARY.example/" + AlertReceiver.Canary);
        await team.Gateway.Log.WaitForAsync(
            static line => line.Contains("Alerts:Webhook", StringComparison.Ordinal), "the fault of the settings");
        var version = await team.Gateway.VersionAsync();
        _folder.Write("hook", _receiver.Url("/new"));
        await team.Gateway.WaitForVersionChangeAsync(version);
        Assert.Equal(503, (await RejectAsync(team)).Status);
        await Eventually.TrueAsync(() => _receiver.Posts.Any(static post => post.Path == "/new"), "the alert at the new webhook");
        await team.Gateway.Log.WaitForAsync(static line => line.Contains("AlertPosted", StringComparison.Ordinal), "an alert");
        using var admin = await team.Gateway.AdminClientAsync();

        // The line is written before the alert is counted.
        var metrics = await Eventually.GetAsync(
            async () => await admin.GetStringAsync("/metrics", TestContext.Current.CancellationToken) is var text
                && text.Contains("outcome=\"posted\"", StringComparison.Ordinal) ? text : null,
            "the posted alert in the metrics");
        var health = await admin.GetStringAsync("/admin/health", TestContext.Current.CancellationToken);
        var check = await GatewayCommandRun.RunAsync(["check", "--json", "--config", team.Gateway.SettingsPath], team.Gateway.Folder.Path);

        Assert.Contains("gateway_alerts_total{", metrics, StringComparison.Ordinal);
        Assert.Contains("outcome=\"failed\"", metrics, StringComparison.Ordinal);
        Assert.Equal(0, check.ExitCode);
        Assert.Contains("\"alerts\": {", check.Out, StringComparison.Ordinal);
        Assert.All(
            (string[])[team.Gateway.Log.Text, metrics, health, check.All],
            static text => Assert.DoesNotContain("CANARY", text, StringComparison.Ordinal));
    }

    private async Task<TeamGateway> StartAsync(bool isProcess = false) => await TeamGateway.StartAsync(new TeamGatewayOptions
    {
        OutOfProcess = isProcess,
        PrepareUpstream = static upstream => upstream.Prices.Set("test/dollar", "0", "0", "1"),
        Team = $$""" "Budget": { "Usd": 5, "Period": "Total" }, "AlertWebhook": "file:{{_folder.File("own")}}" """,
        MoreTeams = reference =>
        [
            TeamSetup.Team(id: "other", key: "ogw-other", reference: reference),
            TeamSetup.Team("\"Budget\": { \"Usd\": 0.5 }", id: "third", key: "ogw-third", reference: reference),
        ],
        Sections =
        [
            ("Alerts", $$"""{ "Webhook": "file:{{_folder.File("hook")}}", "Secret": "file:{{_folder.File("secret")}}" }"""),
            .. isProcess ? [("Admin", """{ "Url": "http://127.0.0.1:0" }""")] : Array.Empty<(string, string)>(),
        ],
    });

    private async Task<IReadOnlyList<AlertReceiver.Post>> WaitAsync(int count)
    {
        await Eventually.TrueAsync(() => _receiver.Posts.Count >= count, $"{count} posts");
        Assert.Equal(count, _receiver.Posts.Count);
        return _receiver.Posts;
    }

    private static Task<Exchange> ChatAsync(TeamGateway team) => team.PostAsync("/v1/chat/completions", Dollar);

    private static Task<Exchange> RejectAsync(TeamGateway team) => team.PostAsync(
        "/v1/chat/completions",
        Dollar,
        "x-api-key: ogw-other",
        "x-fake-status: 401",
        $"x-fake-body-base64: {Convert.ToBase64String(Encoding.UTF8.GetBytes(NoUser))}");

    private static async Task<int> ChatOnAsync(GatewayHost gateway, string key)
    {
        await using var client = await gateway.ConnectAsync();
        await TeamGateway.SendAsync(client, TeamGateway.NextId(), "/v1/chat/completions", Dollar, "x-api-key: " + key);
        return (await client.ReadHeadAsync()).Status;
    }
}
