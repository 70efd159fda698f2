using Gateway.Alerts;
using Gateway.Ledger;
using Gateway.Ledger.Postgres;
using Gateway.Ledger.Sqlite;
using Gateway.Tests.Gateway.Workers;
using Gateway.Tests.Support;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Gateway.Tests.Gateway.Alerts;

/// <summary>
/// Promise: an alert arrives at a receiver that fails, is slow or is away for an hour, without holding up others, and is posted once across
/// restarts and nodes.
/// </summary>
public sealed class AlertPosterTests(PostgresServer server)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(500)]
    [InlineData(404)]
    [InlineData(302)]
    public async Task FailedPost_IsRepeatedUntilItSucceeds(int status)
    {
        await using var setup = await AlertSetup.CreateAsync();
        setup.Receiver.Answer = context =>
        {
            context.Response.StatusCode = setup.Receiver.Posts.Count < 4 ? status : 204;
            context.Response.Headers.Location = "/elsewhere";
            return Task.CompletedTask;
        };
        setup.Spend("search", 8);
        await setup.StartNodeAsync();
        TimeSpan[] delays = [TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(20), TimeSpan.FromSeconds(40)];
        for (var failures = 1; failures <= 3; failures++)
        {
            await setup.OutcomesAsync("failed", failures);
            setup.Time.Advance(delays[failures - 1]);
        }

        var posts = await setup.PostsAsync(4);

        Assert.Single(posts.Select(post => (post.Path, post.ToString())).Distinct());
        var warning = Assert.Single(setup.Logs.Lines, line => line.Level == LogLevel.Warning);
        Assert.Contains($"could not be posted: status {status}", warning.Message, StringComparison.Ordinal);

        // The next alert finds nothing else on its way.
        setup.Spend("ads", 8);
        Assert.Equal("ads", (await setup.PostsAsync(5))[4].Team);
    }

    [Fact]
    public async Task ReceiverThatIsAwayForAnHour_GetsTheAlert()
    {
        await using var setup = await AlertSetup.CreateAsync();
        using var port = LoopbackPort.Claim();
        setup.Variable("HOOK", $"http://127.0.0.1:{port}/{AlertReceiver.Canary}/late");
        await setup.ReloadAsync();
        setup.Spend("search", 8);
        await setup.StartNodeAsync();
        for (var failures = 1; setup.Time.GetUtcNow() < AlertSetup.Noon + TimeSpan.FromHours(1); failures++)
        {
            await setup.OutcomesAsync("failed", failures);
            setup.Time.Advance(TimeSpan.FromMinutes(5));
        }

        await using var late = await AlertReceiver.StartAsync(port.Number);
        await setup.UntilAsync(
            () =>
            {
                // The last attempt may have failed just before the receiver came.
                setup.Time.Advance(TimeSpan.FromMilliseconds(500));
                return late.Posts.Count > 0;
            },
            "the alert");

        Assert.Equal(("/late", "search"), (late.Posts[0].Path, late.Posts[0].Team));
        Assert.Contains(
            setup.Logs.Lines, line => line.Message.Contains("could not be posted: ConnectionError", StringComparison.Ordinal));
    }

    [Fact]
    public async Task SlowReceiver_HoldsUpNoOther_AndIsTriedAgain()
    {
        await using var setup = await AlertSetup.CreateAsync(search: "\"AlertWebhook\": \"env:OWN\"");
        var held = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        setup.Receiver.Answer = context => context.Request.Path.Value!.EndsWith("/own", StringComparison.Ordinal) ? held.Task : Task.CompletedTask;
        setup.Spend("search", 8);
        var node = await setup.StartNodeAsync();
        await Eventually.TrueAsync(() => setup.Receiver.Posts.Count == 1, "the slow post");

        // Without the clock: while the receiver does not answer, other alerts pass.
        setup.Refuse(node, "ads");
        await setup.OutcomesAsync("posted", 1);
        Assert.Equal(2, setup.Receiver.Posts.Count);
        setup.Refuse(node, "search");

        // The timeout ends the post. The alerts that waited for the receiver are posted when it is tried again.
        setup.PostTime.Advance(AlertClient.Timeout);
        await setup.OutcomesAsync("failed", 1);
        Assert.Contains(setup.Logs.Lines, line => line.Message.Contains("no response within 10 seconds", StringComparison.Ordinal));
        held.SetResult();
        setup.Time.Advance(TimeSpan.FromSeconds(10));
        var posts = await setup.PostsAsync(4);

        Assert.Equal(["/general", "/own", "/own", "/own"], posts.Select(post => post.Path).Order());
        Assert.Equal(2, posts.Where(post => post.Path == "/own").Select(post => post.Id).Distinct().Count());
    }

    [Theory]
    [InlineData(200)]
    [InlineData(500)]
    public async Task AnswerWithoutAnEnd_IsNotRead(int status)
    {
        await using var setup = await AlertSetup.CreateAsync();
        setup.Receiver.Answer = async context =>
        {
            if (setup.Receiver.Posts.Count == 1)
            {
                context.Response.StatusCode = status;
                var page = new byte[64 * 1024];
                while (!context.RequestAborted.IsCancellationRequested)
                {
                    await context.Response.Body.WriteAsync(page, context.RequestAborted);
                }
            }
        };
        setup.Spend("search", 8);
        await setup.StartNodeAsync();
        await setup.PostsAsync(1);
        if (status == 200)
        {
            setup.Spend("ads", 8);
        }
        else
        {
            await setup.OutcomesAsync("failed", 1);
            setup.Time.Advance(TimeSpan.FromSeconds(10));
        }

        var posts = await setup.PostsAsync(2);

        Assert.Equal(["search", status == 200 ? "ads" : "search"], posts.Select(post => post.Team));
    }

    [Fact]
    public async Task RetryAfter_IsObeyed()
    {
        await using var setup = await AlertSetup.CreateAsync();
        setup.Receiver.Answer = context =>
        {
            context.Response.StatusCode = setup.Receiver.Posts.Count == 1 ? 429 : 200;
            context.Response.Headers.RetryAfter = "1800";
            return Task.CompletedTask;
        };
        setup.Spend("search", 8);
        await setup.StartNodeAsync();
        await setup.OutcomesAsync("failed", 1);
        setup.Time.Advance(TimeSpan.FromMinutes(29));
        setup.Spend("ads", 8);
        Assert.Equal("ads", (await setup.PostsAsync(2))[1].Team);
        setup.Time.Advance(TimeSpan.FromMinutes(1));

        Assert.Equal("search", (await setup.PostsAsync(3))[2].Team);
    }

    [Fact]
    public async Task AlertOfADay_IsGivenUp()
    {
        await using var setup = await AlertSetup.CreateAsync();
        setup.Receiver.Answer = static context =>
        {
            context.Response.StatusCode = 500;
            context.Response.Headers.RetryAfter = "100000";
            return Task.CompletedTask;
        };
        setup.Spend("search", 8);
        await setup.StartNodeAsync();
        for (var hour = 1; hour <= 24; hour++)
        {
            await setup.OutcomesAsync("failed", hour);
            setup.Spend("search", 0);
            setup.Time.Advance(TimeSpan.FromHours(1));
        }

        await setup.OutcomesAsync("dropped", 1);
        await setup.UntilAsync(() => setup.Logs.Lines.Any(line => line.Level == LogLevel.Error), "the error");

        Assert.Equal(25, setup.Receiver.Posts.Count);
        Assert.Contains("is given up after 25 attempts", Assert.Single(setup.Logs.Lines, line => line.Level == LogLevel.Error).Message, StringComparison.Ordinal);
        await using var store = new SqliteLedgerStore(setup.Database);
        await store.OpenAsync(Cancel);
        Assert.Empty(await store.Alerts.ClaimDueAsync(setup.Time.GetUtcNow().AddHours(1), setup.Time.GetUtcNow().AddHours(2), 10, Cancel));
    }

    [Fact]
    public async Task NodeThatDiesBetweenClaimAndPost_LeavesTheAlertToAnother()
    {
        await using var setup = await AlertSetup.CreateAsync();
        await using (var dying = new SqliteLedgerStore(setup.Database))
        {
            await dying.OpenAsync(Cancel);
            var alert = new Alert { Kind = AlertKind.UpstreamKeyRejected, Id = Guid.NewGuid(), Time = AlertSetup.Noon, Team = "search", UpstreamKey = "env:K", Status = 401 };
            await dying.Alerts.RaiseAsync(new RaisedAlert("a", "search", AlertJson.Write(alert), AlertSetup.Noon, null), Cancel);
            Assert.Single(await dying.Alerts.ClaimDueAsync(AlertSetup.Noon, AlertSetup.Noon + AlertPoster.Lease, 10, Cancel));
        }

        var node = await setup.StartNodeAsync();
        setup.Refuse(node, "ads");
        await Eventually.TrueAsync(() => setup.Receiver.Posts.Count == 1, "another alert");
        Assert.Equal("budget_exceeded", setup.Receiver.Posts[0].Type);

        setup.Time.Advance(AlertPoster.Lease);
        Assert.Equal("upstream_key_rejected", (await setup.PostsAsync(2))[1].Type);
    }

    [Fact]
    public async Task PostThatCannotBeMarked_IsNotRepeatedByItsNode()
    {
        await using var setup = await AlertSetup.CreateAsync();
        var store = new ThrowingLedgerStore(new SqliteLedgerStore(setup.Database));
        setup.Receiver.Answer = _ =>
        {
            store.Fault ??= () => new LedgerException("The disk is full.");
            return Task.CompletedTask;
        };
        setup.Spend("search", 8);
        var node = await setup.StartNodeAsync(store);
        var poster = node.Health.Workers.Single(worker => worker.Name == "alert-posts");
        await setup.UntilAsync(() => poster.IsFailing, "a failed turn");
        setup.Receiver.Answer = static _ => Task.CompletedTask;
        store.Fault = null;
        setup.Time.Advance(AlertPoster.Lease);
        await setup.UntilAsync(() => !poster.IsFailing, "a turn that succeeds");
        setup.Spend("ads", 8);

        Assert.Equal(["search", "ads"], (await setup.PostsAsync(2)).Select(post => post.Team));
    }

    [Fact]
    public async Task Shutdown_DoesNotWaitForAReceiver_AndTheAlertIsPostedAfterwards()
    {
        await using var setup = await AlertSetup.CreateAsync();
        var held = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        setup.Receiver.Answer = _ => held.Task;
        setup.Spend("search", 8);
        var node = await setup.StartNodeAsync();
        await Eventually.TrueAsync(() => setup.Receiver.Posts.Count == 1, "the post");

        // The clock stands still, so no timeout ends the post.
        await node.StopAsync();
        held.SetResult();
        await setup.StartNodeAsync();
        setup.Time.Advance(AlertPoster.Lease);

        Assert.Single((await setup.PostsAsync(2)).Select(post => post.Id).Distinct());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task NodesOnOneLedger_PostOnce(bool isSqlite)
    {
        await using var setup = await AlertSetup.CreateAsync(", \"BudgetThresholds\": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]");
        var database = isSqlite ? setup.Database : await server.CreateDatabaseAsync();
        setup.Spend("search", 8);
        AlertNode[] nodes = [await StartAsync(), await StartAsync(), await StartAsync()];
        foreach (var node in nodes)
        {
            setup.Refuse(node, "search");
            setup.Reject(node, "ads");
        }

        await setup.PostsAsync(10);
        await Task.WhenAll(nodes.Select(node => node.StopAsync()));

        // After a restart, only the new alerts are posted.
        var restarted = await StartAsync();
        setup.Refuse(restarted, "search");
        setup.Refuse(restarted, "ads");
        var posts = await setup.PostsAsync(11);

        Assert.Equal(11, posts.Select(post => post.Id).Distinct().Count());
        Assert.Equal(8, posts.Count(post => post.Type == "budget_threshold"));
        Assert.Equal(["search", "ads"], posts.Where(post => post.Type == "budget_exceeded").Select(post => post.Team));

        Task<AlertNode> StartAsync() => setup.StartNodeAsync(
            isSqlite ? new SqliteLedgerStore(database) : new PostgresLedgerStore(database, TimeProvider.System, HangGuard.Limit));
    }

    [Fact]
    public async Task ManyAlertsForAReceiverThatFails_HoldUpNoOther()
    {
        await using var setup = await AlertSetup.CreateAsync(search: "\"AlertWebhook\": \"env:OWN\"");
        setup.Receiver.Answer = context =>
        {
            context.Response.StatusCode = context.Request.Path.Value!.EndsWith("/own", StringComparison.Ordinal) ? 500 : 200;
            return Task.CompletedTask;
        };
        var store = new SqliteLedgerStore(setup.Database);
        await store.OpenAsync(Cancel);
        for (var i = 0; i < 100; i++)
        {
            await store.Alerts.RaiseAsync(New($"a{i:000}", "search"), Cancel);
        }

        await store.Alerts.RaiseAsync(New("z", "ads") with { RaisedAt = AlertSetup.Noon.AddMilliseconds(1) }, Cancel);
        setup.Time.Advance(TimeSpan.FromMilliseconds(1));
        await setup.StartNodeAsync(store);

        // Without the clock: the first turn reaches it.
        await Eventually.TrueAsync(() => setup.Receiver.Posts.Any(post => post.Team == "ads"), "the other receiver's alert");

        static RaisedAlert New(string name, string team) => new(
            name,
            team,
            AlertJson.Write(new Alert
            {
                Kind = AlertKind.BudgetExceeded,
                Id = Guid.NewGuid(),
                Time = AlertSetup.Noon,
                Team = team,
                Budget = new AlertBudget(global::Gateway.Primitives.BudgetPeriod.Total, null, null, AlertSetup.Usd(1), AlertSetup.Usd(1)),
                IsRefused = true,
            }),
            AlertSetup.Noon,
            null);
    }

    [Fact]
    public async Task UnreadableContent_IsGivenUp()
    {
        await using var setup = await AlertSetup.CreateAsync();
        var store = new SqliteLedgerStore(setup.Database);
        await store.OpenAsync(Cancel);
        await store.Alerts.RaiseAsync(new RaisedAlert("a", "search", "{}", AlertSetup.Noon, null), Cancel);
        var node = await setup.StartNodeAsync(store);

        await Eventually.TrueAsync(() => setup.Logs.Lines.Any(line => line.Level == LogLevel.Error), "the error");

        Assert.False(node.Health.Workers.Single(worker => worker.Name == "alert-posts").IsFailing);
        Assert.Empty(setup.Receiver.Posts);
    }
}
