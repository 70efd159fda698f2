using Gateway.Billing;
using Gateway.Configuration.Model;
using Gateway.Ledger;
using Gateway.Limits;
using Gateway.Metering;
using Gateway.Primitives;
using Gateway.Teams;
using Gateway.Tests.Support;
using Gateway.Workers;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Gateway.Tests.Gateway.Limits;

/// <summary>Promise: a Redis that is dead, slow or not there yet costs a request its bound at most, and soon nothing.</summary>
public sealed class RedisOutageTests : IAsyncLifetime
{
    /// <summary>
    /// By the test's clock, which moves only during an outage: a Redis that answers may take its time. The client waits four times as long by
    /// the real clock.
    /// </summary>
    private static readonly TimeSpan Bound = TimeSpan.FromSeconds(30);

    // A request drains in three seconds and more, so that one that was not given back would be missed.
    private static readonly LimitScope Scope = new("team:a", 20, 2000, 3);

    private readonly FakeTimeProvider _time = FakeTime.StartNow();
    private readonly CollectedLogs _logs = new();
    private readonly FakeLedger _ledger = new();
    private readonly List<IAsyncDisposable> _owned = [];
    private RedisServer _server = null!;

    public async ValueTask InitializeAsync() => _server = await RedisServer.StartNewAsync(isRunning: false);

    public async ValueTask DisposeAsync()
    {
        foreach (var owned in Enumerable.Reverse(_owned))
        {
            await owned.DisposeAsync();
        }

        await _server.DisposeAsync();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task DeadOrSlowRedis_IsBoundedThenBrokenThenBack(bool isSlow)
    {
        await _server.StartAsync();
        var stores = Create();
        await UntilGrantedAsync(stores);
        await EveryOutageIsOverAsync();

        await (isSlow ? _server.SuspendAsync() : _server.KillAsync());
        var (failures, warnings, recoveries) = (stores.Failures, LinesAt(LogLevel.Warning), LinesAt(LogLevel.Information));

        // A Redis that is stopped never answers: that each of these fails at all shows that it waits for the bound only.
        for (var i = 0; i < OutageDetector.FailuresInARow; i++)
        {
            await FailAsync(stores);
        }

        Assert.True(stores.IsFailing);

        // A thousand requests do not pay anything any more: none of them asks Redis.
        for (var i = 0; i < 1000; i++)
        {
            await FailAsync(stores);
        }

        Assert.Equal(failures + OutageDetector.FailuresInARow, stores.Failures);
        Assert.Equal((warnings + 1, recoveries), (LinesAt(LogLevel.Warning), LinesAt(LogLevel.Information)));

        await (isSlow ? _server.ResumeAsync() : _server.StartAsync());
        await UntilGrantedAsync(stores);
        Assert.False(stores.IsFailing);

        await EveryOutageIsOverAsync();
    }

    [Fact]
    public async Task PlacesGrantedTooLate_AreGivenBack()
    {
        await _server.StartAsync();
        var stores = Create();
        await UntilGrantedAsync(stores);

        await _server.SuspendAsync();
        for (var i = 0; i < 3; i++)
        {
            await FailAsync(stores);
        }

        await _server.ResumeAsync();

        // All three places are given back but that of this lease, and so are the amounts that were counted against the other limits.
        var lease = await Eventually.GetAsync(async () => (await stores.Limits.EnterAsync([Scope])).Lease, "a place");
        await Eventually.TrueAsync(
            async () => await _server.SendAsync("ZCARD ogw:limit:{a}:team:a:flying") == ":1", "the other places");
        var result = await lease.ChargeAsync(10);
        Assert.Equal((19, 1990), (result.Requests!.Value.Remaining, result.Tokens!.Value.Remaining));
    }

    [Fact]
    public async Task ChargeThatIsAnsweredTooLate_IsGivenBackAndTheRequestStaysInFlight()
    {
        await _server.StartAsync();
        var stores = Create();
        await UntilGrantedAsync(stores);
        var lease = (await stores.Limits.EnterAsync([Scope])).Lease!;

        await _server.SuspendAsync();
        await FailAsync(lease.ChargeAsync(10));
        await _server.ResumeAsync();

        // The used requests, in parts of which the charge has taken 60,000: "0" has one digit.
        await Eventually.TrueAsync(async () => await _server.SendAsync("HGET ogw:limit:{a}:team:a ru") == "$1", "the charge to be undone");
        Assert.Equal(":1", await _server.SendAsync("ZCARD ogw:limit:{a}:team:a:flying"));

        await lease.ReturnAsync(500);
        Assert.Equal(":0", await _server.SendAsync("ZCARD ogw:limit:{a}:team:a:flying"));
        var next = (await stores.Limits.EnterAsync([Scope])).Lease!;
        var result = await next.ChargeAsync(10);
        Assert.Equal((19, 1990), (result.Requests!.Value.Remaining, result.Tokens!.Value.Remaining));
    }

    [Fact]
    public async Task ChargeThatIsRefusedTooLate_GivesNothingBack()
    {
        await _server.StartAsync();
        var stores = Create();
        await UntilGrantedAsync(stores);
        var one = new LimitScope("team:one", 1, null, 3);
        Assert.Null((await (await stores.Limits.EnterAsync([one])).Lease!.ChargeAsync(0)).RefusedBy);
        var lease = (await stores.Limits.EnterAsync([one])).Lease!;

        await _server.SuspendAsync();
        await FailAsync(lease.ChargeAsync(0));
        await _server.ResumeAsync();
        await UntilGrantedAsync(stores);

        // Within the minute of the first charge.
        Assert.Equal(LimitKind.Requests, (await lease.ChargeAsync(0)).RefusedBy);
    }

    [Fact]
    public async Task AmountsSetAsideTooLate_AreGivenBack()
    {
        await _server.StartAsync();
        var stores = Create();
        await UntilGrantedAsync(stores);
        var key = BudgetKey.At("a", BudgetPeriod.Total, default);
        Assert.Equal(PicoDollars.Zero, await stores.Budgets.ReadAsync(key));

        await _server.SuspendAsync();
        for (var i = 0; i < 3; i++)
        {
            var fault = await FailAsync(
                stores.Budgets.ReserveAsync(key, new PicoDollars(100), Guid.CreateVersion7(), new PicoDollars(10)));
            Assert.True(fault.MayHaveTakenEffect);
        }

        await _server.ResumeAsync();

        await Eventually.TrueAsync(
            async () =>
            {
                try
                {
                    // The total, the sum of the reservations and the ledger's mark are left.
                    return await stores.Budgets.ReadAsync(key) == PicoDollars.Zero
                        && await _server.SendAsync("HLEN ogw:budget:{a}:Total:0") == ":3";
                }
                catch (LimitStoreException)
                {
                    // The link is not back yet.
                    return false;
                }
            },
            "what was set aside");
    }

    [Fact]
    public async Task RedisThatStartsLater_IsFound()
    {
        var stores = Create();
        await FailAsync(stores);

        await _server.StartAsync();

        await UntilGrantedAsync(stores);
    }

    [Fact]
    public async Task ChargesOfAnOutage_AreAddedWhenItIsOver()
    {
        await _server.StartAsync();
        var stores = Create();
        await UntilGrantedAsync(stores);
        await stores.Reconciler.StartAsync(TestContext.Current.CancellationToken);
        var now = _time.GetUtcNow();
        var key = BudgetKey.At("a", BudgetPeriod.Month, now);
        var id = Guid.CreateVersion7();
        var limit = new PicoDollars(1000);
        Assert.True((await stores.Budgets.ReserveAsync(key, limit, id, new PicoDollars(100))).IsGranted);
        _ledger.Begin(id, "a", now, 100);

        // One that was set aside before, and one that the policy let pass: both may yet be executed, when Redis runs on.
        await _server.SuspendAsync();
        var passed = Guid.CreateVersion7();
        _ledger.Begin(passed, "a", now, 100, isCounted: false);
        _ledger.Close(
            id, 7, await EndAsync(stores.Budgets.SettleAsync(key, id, new PicoDollars(100), new PicoDollars(7), isCounted: true)));
        var isCounted = await EndAsync(
            stores.Budgets.SettleAsync(key, passed, new PicoDollars(100), new PicoDollars(30), isCounted: false));
        Assert.False(isCounted);
        _ledger.Close(passed, 30, isCounted);
        while (!stores.IsFailing)
        {
            await FailAsync(stores);
        }

        await _server.ResumeAsync();

        // The probes and the rounds go by the clock.
        await _time.AdvanceUntilAsync(
            RedisLink.ProbePeriod,
            async () => !stores.IsFailing && (await _ledger.ReadUncountedAsync(1, CancellationToken.None)).Count == 0,
            "the reconciler");
        Assert.Equal(new PicoDollars(37), await stores.Budgets.ReadAsync(key));
        await stores.Reconciler.StopAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task CallsThatAnOutageRefuses_DoNotDisplaceTheSettlementsOfOthers()
    {
        await _server.StartAsync();
        var stores = Create();
        await UntilGrantedAsync(stores);
        var now = _time.GetUtcNow();
        var (key, id) = (BudgetKey.At("a", BudgetPeriod.Month, now), Guid.CreateVersion7());
        Assert.True((await stores.Budgets.ReserveAsync(key, new PicoDollars(1000), id, new PicoDollars(100))).IsGranted);
        await _server.SuspendAsync();
        while (!stores.IsFailing)
        {
            await FailAsync(stores);
        }

        // More than the store keeps.
        await using var writer = new LedgerWriter(_ledger, TimeProvider.System, NullLogger<LedgerWriter>.Instance);
        for (var i = 0; i < 10_001; i++)
        {
            var refused = new MeteredCall(stores.Budgets, writer, TimeProvider.System, startedAt: 0, NullLogger<MeteredCall>.Instance)
            {
                Id = Guid.CreateVersion7(now),
                Reserved = new PicoDollars(1),
            };
            var fault = await Assert.ThrowsAsync<LimitStoreException>(
                async () => await refused.ReserveAsync(BudgetKey.At("b", BudgetPeriod.Month, now), new PicoDollars(1), includesByok: true));
            Assert.False(fault.MayHaveTakenEffect);
            await refused.CancelAsync();
        }

        Assert.True(await stores.Budgets.SettleAsync(key, id, new PicoDollars(100), new PicoDollars(7), isCounted: true));
        await _server.ResumeAsync();
        await UntilGrantedAsync(stores);
        await ((BudgetReconciler)stores.Reconciler).ReconcileAsync(TestContext.Current.CancellationToken);

        Assert.Equal(new PicoDollars(7), await stores.Budgets.ReadAsync(key));
        Assert.Equal(0, await ((RedisBudgetStore)stores.Budgets).SettleAgainAsync());
    }

    [Fact]
    public async Task Failures_TellNothingOfTheConnection()
    {
        await _server.StartAsync();
        await _server.SendAsync("CONFIG SET requirepass other");
        var stores = Create(",password=verysecret,user=alsosecret");
        var fault = await Assert.ThrowsAsync<LimitStoreException>(
            async () => await stores.Limits.EnterAsync([Scope]));
        while (!stores.IsFailing)
        {
            await FailAsync(stores);
        }

        Assert.DoesNotContain("secret", fault.ToString(), StringComparison.Ordinal);
        Assert.DoesNotContain(_logs.Lines, line => $"{line.Message} {line.Exception}".Contains("secret", StringComparison.Ordinal));
    }

    private LimitStores Create(string more = "")
    {
        var stores = LimitStores.Create(
            new LimitsSettings { Store = LimitsStore.Redis, Redis = new RedisSettings { Timeout = Bound } },
            _server.Configuration + more,
            _ledger.Access,
            TestTerms.Create(_time),
            new WorkerHealth(),
            _time,
            LoggerFactory.Create(builder => builder.AddProvider(_logs)));
        _owned.Add(stores);
        return stores;
    }

    private int LinesAt(LogLevel level) =>
        _logs.Lines.Count(line => line.Level == level && line.Category == typeof(RedisLink).FullName);

    // The line of a recovery follows the reopening of the store. On a busy machine the store may have failed again before it granted a request.
    private Task EveryOutageIsOverAsync() => Eventually.TrueAsync(
        () => LinesAt(LogLevel.Information) == LinesAt(LogLevel.Warning), "a line of recovery for each line of an outage");

    private Task<LimitStoreException> FailAsync(LimitStores stores) => FailAsync(stores.Limits.EnterAsync([Scope]));

    private Task<LimitStoreException> FailAsync<T>(ValueTask<T> call) =>
        Assert.ThrowsAsync<LimitStoreException>(async () => await EndAsync(call));

    /// <summary>Awaits a call during an outage. The bound passes unless the call ends without it.</summary>
    private async Task<T> EndAsync<T>(ValueTask<T> call)
    {
        var ending = call.AsTask();
        if (!ending.IsCompleted)
        {
            await _time.AdvanceUntilAsync(Bound, () => Task.FromResult(ending.IsCompleted), "the end of a call");
        }

        return await ending;
    }

    /// <summary>Waits until Redis grants a request. The clock moves from probe to probe, and stands while no probe is due.</summary>
    private Task UntilGrantedAsync(LimitStores stores) =>
        Eventually.InStepsAsync(
            async () =>
            {
                if (stores.IsFailing)
                {
                    _time.Advance(RedisLink.ProbePeriod);
                }

                try
                {
                    var entry = await stores.Limits.EnterAsync([Scope]);
                    if (entry.IsGranted)
                    {
                        await entry.Lease.CancelAsync();
                    }

                    // Places that an outage's late answers granted may still be on their way back.
                    return entry.IsGranted;
                }
                catch (LimitStoreException)
                {
                    return false;
                }
            },
            "Redis to be in use");
}
