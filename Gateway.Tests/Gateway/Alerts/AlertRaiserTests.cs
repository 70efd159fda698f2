using System.Text.Json;
using Gateway.Alerts;
using Gateway.Billing;
using Gateway.Secrets;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Gateway.Alerts;

/// <summary>
/// Promise: each threshold of the spent amount and the first refusal of a period are posted once a team and period, and a rejected key once a
/// key and day.
/// </summary>
public sealed class AlertRaiserTests
{
    [Fact]
    public async Task Threshold_IsPostedOnce_WhenItIsSpentAndNotWhenItIsReserved()
    {
        await using var setup = await AlertSetup.CreateAsync();
        setup.Spend("search", 7.99m, reserved: 2.01m);
        setup.Spend("ads", 8);
        var node = await setup.StartNodeAsync();
        Assert.Equal("ads", Assert.Single(await setup.PostsAsync(1)).Team);

        setup.Spend("search", 8.000000000001m);
        var post = (await setup.PostsAsync(2))[1];

        Assert.Equal(("/general", "budget_threshold", "search"), (post.Path, post.Type, post.Team));
        Assert.Equal(
            ("day", "2026-03-14T00:00:00.000Z", "2026-03-15T00:00:00.000Z", "10", "8.000000000001", "0.8"),
            (Text("period"), Text("period_start"), Text("resets_at"), Text("limit_usd"), Text("spent_usd"), Text("threshold")));

        // Any further alert comes after the next turns of both workers.
        setup.Spend("search", 9);
        setup.Refuse(node, "ads");
        Assert.Equal("budget_exceeded", (await setup.PostsAsync(3))[2].Type);

        string Text(string member) => post.Json.GetProperty(member).ToString();
    }

    [Fact]
    public async Task EveryThreshold_IsPosted()
    {
        await using var setup = await AlertSetup.CreateAsync(", \"BudgetThresholds\": [0.3333, 0.5, 1]");
        setup.Spend("search", 3.333m);
        await setup.StartNodeAsync();
        await setup.PostsAsync(1);
        setup.Spend("search", 10);

        var posts = await setup.PostsAsync(3);

        // Two that are raised together are posted in any order.
        Assert.Equal(
            ["0.3333", "0.5", "1"], posts.Select(post => post.Json.GetProperty("threshold").GetRawText()).Order(StringComparer.Ordinal));
        Assert.Equal(3, posts.Select(post => post.Id).Distinct().Count());
    }

    [Fact]
    public async Task NextPeriod_AlertsAnew()
    {
        await using var setup = await AlertSetup.CreateAsync();
        setup.Spend("search", 9);
        var node = await setup.StartNodeAsync();
        await setup.PostsAsync(1);
        setup.Refuse(node, "search");
        await setup.PostsAsync(2);

        setup.Time.Advance(TimeSpan.FromDays(1));
        setup.Spend("search", 8);
        await setup.PostsAsync(3);
        setup.Refuse(node, "search");
        var posts = await setup.PostsAsync(4);

        Assert.Equal(
            [
                ("budget_threshold", "2026-03-14T00:00:00.000Z"), ("budget_exceeded", "2026-03-14T00:00:00.000Z"),
                ("budget_threshold", "2026-03-15T00:00:00.000Z"), ("budget_exceeded", "2026-03-15T00:00:00.000Z"),
            ],
            posts.Select(post => (post.Type, post.Json.GetProperty("period_start").GetString())));
    }

    [Theory]
    [InlineData(", \"BudgetThresholds\": [0.5]", "", "0.5")]
    [InlineData("", "\"Budget\": { \"Usd\": 7.5, \"Period\": \"Day\" }", "0.8")]
    public async Task ReloadThatLowersAThresholdOrABudget_Alerts(string alerts, string search, string threshold)
    {
        await using var setup = await AlertSetup.CreateAsync();
        setup.Spend("search", 6);
        setup.Spend("ads", 9);
        await setup.StartNodeAsync();
        await setup.PostsAsync(1);

        // Before the reload, which wakes the worker: with its 9 dollars the other team reaches the new threshold as well.
        setup.Spend("ads", 1);
        await setup.ReloadAsync(alerts, search);

        var post = (await setup.PostsAsync(2))[1];
        Assert.Equal(("search", threshold), (post.Team, post.Json.GetProperty("threshold").GetRawText()));
    }

    [Fact]
    public async Task ChangedLimit_DoesNotRepeatTheThreshold()
    {
        await using var setup = await AlertSetup.CreateAsync();
        setup.Spend("search", 8);
        await setup.StartNodeAsync();
        await setup.PostsAsync(1);

        await setup.ReloadAsync(search: "\"Budget\": { \"Usd\": 9, \"Period\": \"Day\" }");
        setup.Spend("ads", 8);

        Assert.Equal(["search", "ads"], (await setup.PostsAsync(2)).Select(post => post.Team));
    }

    [Fact]
    public async Task Refusal_IsPostedOnce_AtOnce()
    {
        await using var setup = await AlertSetup.CreateAsync(", \"BudgetThresholds\": []");
        setup.Spend("search", 10);
        var node = await setup.StartNodeAsync();

        // Without the clock: the report wakes the worker.
        Parallel.For(0, 1000, _ => setup.Refuse(node, "search"));
        await Eventually.TrueAsync(() => setup.Receiver.Posts.Count == 1, "the alert");
        setup.Refuse(node, "ads", isRefused: false);
        var posts = await setup.PostsAsync(2);

        Assert.Equal(
            [("search", JsonValueKind.True), ("ads", JsonValueKind.False)],
            posts.Select(post => (post.Team, post.Json.GetProperty("refused").ValueKind)));
        Assert.All(posts, post => Assert.Equal("9.99", post.Json.GetProperty("spent_usd").GetRawText()));
    }

    [Fact]
    public async Task RejectedKey_IsPostedOncePerKeyAndDay_ToTheOperator()
    {
        await using var setup = await AlertSetup.CreateAsync(search: "\"AlertWebhook\": \"env:OWN\"");
        var node = await setup.StartNodeAsync();
        setup.Reject(node, "search");
        setup.Reject(node, "ads");
        await setup.PostsAsync(1);
        setup.Reject(node, "ads", new UpstreamKey("sk-or-v1-other-CANARY", "file:/run/other"), status: 402);
        await setup.PostsAsync(2);

        setup.Time.Advance(TimeSpan.FromDays(1));
        setup.Reject(node, "ads");
        setup.Reject(node, "search");
        var posts = await setup.PostsAsync(3);

        Assert.Equal(
            [("search", "env:UPSTREAM", 401), ("ads", "file:/run/other", 402), ("ads", "env:UPSTREAM", 401)],
            posts.Select(post => (
                post.Team, post.Json.GetProperty("upstream_key").GetString(), post.Json.GetProperty("status").GetInt32())));
        Assert.All(posts, post => Assert.Equal("/general", post.Path));
        Assert.All(posts, post => Assert.DoesNotContain("CANARY", post.ToString(), StringComparison.Ordinal));
    }

    [Fact]
    public async Task TeamsWebhook_TakesThePlaceOfTheGeneralOne()
    {
        await using var setup = await AlertSetup.CreateAsync(search: "\"AlertWebhook\": \"env:OWN\"");
        setup.Spend("search", 8);
        setup.Spend("ads", 8);
        await setup.StartNodeAsync();

        Assert.Equal(
            [("ads", "/general"), ("search", "/own")], (await setup.PostsAsync(2)).Select(post => (post.Team, post.Path)).Order());
    }

    [Fact]
    public async Task TeamsWebhookAlone_GetsItsTeamsAlertsOnly()
    {
        await using var setup = await AlertSetup.CreateAsync(search: "\"AlertWebhook\": \"env:OWN\"", hasWebhook: false);
        setup.Spend("ads", 8);
        setup.Spend("search", 8);
        var node = await setup.StartNodeAsync();
        setup.Refuse(node, "ads");
        setup.Reject(node, "ads");
        setup.Reject(node, "search");

        Assert.All(await setup.PostsAsync(2), post => Assert.Equal(("/own", "search"), (post.Path, post.Team)));
    }

    [Fact]
    public async Task WebhookThatComesLater_GetsWhatIsSpentAlready()
    {
        await using var setup = await AlertSetup.CreateAsync(hasWebhook: false);
        setup.Spend("search", 8);
        var node = await setup.StartNodeAsync();
        setup.Refuse(node, "search");

        // The reload starts a turn, too.
        await setup.ReloadAsync();
        setup.Refuse(node, "ads");
        var posts = await setup.PostsAsync(2);

        Assert.Equal(
            [("budget_exceeded", "ads"), ("budget_threshold", "search")], posts.Select(post => (post.Type, post.Team)).Order());
    }

    [Fact]
    public async Task BudgetOfAKey_IsABudgetOfItsOwn()
    {
        await using var setup = await AlertSetup.CreateAsync(keyMore: ", \"Label\": \"c|i\", \"Budget\": { \"Usd\": 5, \"Period\": \"Day\" }");
        var ofKey = setup.BudgetOf("search") with { KeyLabel = "c|i" };
        setup.Budgets.Spend(ofKey, 4);
        setup.Spend("search", 4);
        var node = await setup.StartNodeAsync();
        await setup.PostsAsync(1);
        setup.Spend("search", 8);
        await setup.PostsAsync(2);
        node.Signals.BudgetExceeded(setup.Settings.Current, ofKey, AlertSetup.Usd(5), AlertSetup.Usd(5), true, setup.Time.GetUtcNow());
        await setup.PostsAsync(3);
        setup.Refuse(node, "search");
        var posts = await setup.PostsAsync(4);

        Assert.Equal(
            [("budget_threshold", "c|i"), ("budget_threshold", null), ("budget_exceeded", "c|i"), ("budget_exceeded", null)],
            posts.Select(post => (post.Type, post.Json.GetProperty("key").GetString())));
        Assert.StartsWith("A key of team search has spent 80 % of its budget. Key c|i: ", posts[0].Json.GetProperty("text").GetString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task FailingBudgetStore_HoldsUpNoRefusal()
    {
        await using var setup = await AlertSetup.CreateAsync();
        setup.Budgets.IsFailing = true;
        setup.Spend("search", 8);
        var node = await setup.StartNodeAsync();
        setup.Refuse(node, "search");
        Assert.Equal("budget_exceeded", Assert.Single(await setup.PostsAsync(1)).Type);
        await setup.UntilAsync(() => node.Health.Workers.Single(worker => worker.Name == "alerts").IsFailing, "a turn that fails");

        setup.Budgets.IsFailing = false;
        Assert.Equal("budget_threshold", (await setup.PostsAsync(2))[1].Type);
    }

    [Fact]
    public void Names_TellPeriodsApart()
    {
        var key = new BudgetKey("search", global::Gateway.Primitives.BudgetPeriod.Total, DateTimeOffset.MinValue);

        Assert.Equal("budget_threshold|search|Total|0001-01-01|0.8", AlertNames.OfThreshold(key, 0.80m));
        Assert.Equal(
            "budget_exceeded|search|Week|2026-03-09",
            AlertNames.OfRefusal(BudgetKey.At("search", global::Gateway.Primitives.BudgetPeriod.Week, AlertSetup.Noon)));
    }
}
