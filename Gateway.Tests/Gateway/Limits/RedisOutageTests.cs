using Gateway.Billing;
using Gateway.Configuration.Model;
using Gateway.Limits;
using Gateway.Primitives;
using Gateway.Teams;
using Gateway.Tests.Support;
using Gateway.Workers;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Gateway.Tests.Gateway.Limits;

/// <summary>Promise: a Redis that is dead, slow or not there yet costs a request its bound at most, and soon nothing.</summary>
public sealed class RedisOutageTests : IAsyncLifetime
{
    private static readonly TimeSpan Bound = TimeSpan.FromMilliseconds(250);

    /// <summary>The bound, and what a busy machine may add to it.</summary>
    private static readonly TimeSpan Tolerated = Bound + TimeSpan.FromSeconds(1);

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private static readonly LimitScope Scope = new("team:a", 100_000, 1_000_000, 3);

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

        await (isSlow ? _server.SuspendAsync() : _server.KillAsync());
        for (var i = 0; i < OutageDetector.FailuresInARow; i++)
        {
            Assert.InRange(await FailAsync(stores), TimeSpan.Zero, Tolerated);
        }

        Assert.True(stores.IsFailing);
        Assert.InRange(stores.Failures, OutageDetector.FailuresInARow, OutageDetector.FailuresInARow + 1);

        // A thousand requests do not pay anything any more.
        var startedAt = TimeProvider.System.GetTimestamp();
        for (var i = 0; i < 1000; i++)
        {
            await FailAsync(stores);
        }

        Assert.InRange(TimeProvider.System.GetElapsedTime(startedAt), TimeSpan.Zero, TimeSpan.FromSeconds(2));

        await (isSlow ? _server.ResumeAsync() : _server.StartAsync());
        await UntilGrantedAsync(stores);
        Assert.False(stores.IsFailing);
        Assert.Equal(1, LinesAt(LogLevel.Warning));
        Assert.Equal(1, LinesAt(LogLevel.Information));
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

        // All three places, and what was counted against the other limits.
        await Eventually.TrueAsync(
            async () => await _server.SendAsync("ZCARD ogw:limit:{a}:team:a:flying") == ":0", Patience, "the places");
        var result = await stores.Limits.TakeAsync(new LimitRequest(Guid.NewGuid(), [Scope], 10));
        Assert.Equal((99_999, 999_990), (result.Requests!.Value.Remaining, result.Tokens!.Value.Remaining));
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
            await Assert.ThrowsAsync<LimitStoreException>(
                async () => await stores.Budgets.ReserveAsync(key, new PicoDollars(100), Guid.CreateVersion7(), new PicoDollars(10)));
        }

        await _server.ResumeAsync();

        await Eventually.TrueAsync(
            async () => await stores.Budgets.ReadAsync(key) == PicoDollars.Zero
                && await _server.SendAsync("HLEN ogw:budget:{a}:Total:0") == ":2",
            Patience,
            "what was set aside");
    }

    [Fact]
    public async Task RedisThatStartsLater_IsFound()
    {
        var startedAt = TimeProvider.System.GetTimestamp();
        var stores = Create();
        Assert.InRange(TimeProvider.System.GetElapsedTime(startedAt), TimeSpan.Zero, TimeSpan.FromSeconds(1));
        Assert.InRange(await FailAsync(stores), TimeSpan.Zero, Tolerated);

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
        var now = TimeProvider.System.GetUtcNow();
        var key = BudgetKey.At("a", BudgetPeriod.Month, now);
        var id = Guid.CreateVersion7();
        var limit = new PicoDollars(1000);
        Assert.True((await stores.Budgets.ReserveAsync(key, limit, id, new PicoDollars(100))).IsGranted);
        _ledger.Begin(id, "a", now, 100);

        // One that was set aside before, and one that the policy let pass: both may yet be executed, when Redis runs on.
        await _server.SuspendAsync();
        var passed = Guid.CreateVersion7();
        _ledger.Begin(passed, "a", now, 100, isCounted: false);
        _ledger.Close(id, 7, await stores.Budgets.SettleAsync(key, id, new PicoDollars(100), new PicoDollars(7), isCounted: true));
        var isCounted = await stores.Budgets.SettleAsync(key, passed, new PicoDollars(100), new PicoDollars(30), isCounted: false);
        Assert.False(isCounted);
        _ledger.Close(passed, 30, isCounted);
        while (!stores.IsFailing)
        {
            await FailAsync(stores);
        }

        await _server.ResumeAsync();

        await Eventually.TrueAsync(
            async () => !stores.IsFailing && (await _ledger.ReadUncountedAsync(1, CancellationToken.None)).Count == 0,
            Patience,
            "the reconciler");
        Assert.Equal(new PicoDollars(37), await stores.Budgets.ReadAsync(key));
        await stores.Reconciler.StopAsync(TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task Failures_TellNothingOfTheConnection()
    {
        await _server.StartAsync();
        await _server.SendAsync("CONFIG SET requirepass other");
        var stores = Create(",password=verysecret,user=alsosecret");
        var fault = await Assert.ThrowsAsync<LimitStoreException>(
            async () => await stores.Limits.TakeAsync(new LimitRequest(Guid.NewGuid(), [Scope], 1)));
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
            _ledger,
            team => team == "a" ? BudgetPeriod.Month : null,
            new WorkerHealth(),
            TimeProvider.System,
            LoggerFactory.Create(builder => builder.AddProvider(_logs)));
        _owned.Add(stores);
        return stores;
    }

    private int LinesAt(LogLevel level) =>
        _logs.Lines.Count(line => line.Level == level && line.Category == typeof(RedisLink).FullName);

    private static async Task<TimeSpan> FailAsync(LimitStores stores)
    {
        var startedAt = TimeProvider.System.GetTimestamp();
        await Assert.ThrowsAsync<LimitStoreException>(
            async () => await stores.Limits.TakeAsync(new LimitRequest(Guid.NewGuid(), [Scope], 10)));
        return TimeProvider.System.GetElapsedTime(startedAt);
    }

    private static async Task UntilGrantedAsync(LimitStores stores) =>
        await Eventually.TrueAsync(
            async () =>
            {
                try
                {
                    var result = await stores.Limits.TakeAsync(new LimitRequest(Guid.NewGuid(), [Scope], 10));
                    if (result.Lease is { } lease)
                    {
                        await lease.CancelAsync();
                    }

                    // Places that an outage's late answers granted may still be on their way back.
                    return result.Lease is not null;
                }
                catch (LimitStoreException)
                {
                    return false;
                }
            },
            Patience,
            "Redis to be in use");
}
