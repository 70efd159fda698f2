using Gateway.Configuration.Model;
using Gateway.Ledger;
using Gateway.Primitives;
using Gateway.Workers;
using StackExchange.Redis;

namespace Gateway.Limits;

/// <summary>The limit and budget stores that the settings select, with the connections and workers they need.</summary>
internal sealed class LimitStores : IAsyncDisposable
{
    private readonly RedisLink? _link;
    private readonly RedisLimitStore? _redisLimits;

    private LimitStores(ILimitStore limits, IBudgetStore budgets, Worker reconciler)
    {
        Limits = limits;
        Budgets = budgets;
        Reconciler = reconciler;
    }

    private LimitStores(RedisLink link, RedisLimitStore limits, RedisBudgetStore budgets, BudgetReconciler reconciler)
        : this(limits, budgets, reconciler)
    {
        _link = link;
        _redisLimits = limits;
    }

    /// <summary>The store of limits.</summary>
    public ILimitStore Limits { get; }

    /// <summary>The store of budgets.</summary>
    public IBudgetStore Budgets { get; }

    /// <summary>Compares the budgets with the ledger; to be started after the ledger is open.</summary>
    public Worker Reconciler { get; }

    /// <summary>Whether the store has failed: calls follow <see cref="LimitsSettings.WhenStoreFails"/> without waiting for it.</summary>
    public bool IsFailing => _link?.IsOpen ?? false;

    /// <summary>The number of calls since the start that the store did not answer in time.</summary>
    public long Failures => _link?.Failures ?? 0;

    /// <summary>Creates the stores, without waiting for Redis.</summary>
    /// <param name="settings">The section.</param>
    /// <param name="redisConfiguration">The resolved <see cref="RedisSettings.Configuration"/>; read for Redis only.</param>
    /// <param name="ledger">The truth about charges; may be opened later, before the first request.</param>
    /// <param name="periodOf">The period of a team's budget as the settings have it now, <see langword="null"/> without one.</param>
    /// <param name="health">The registry of workers.</param>
    /// <param name="time">The clock.</param>
    /// <param name="loggers">The log.</param>
    /// <exception cref="ArgumentException"><paramref name="redisConfiguration"/> cannot be read; see <see cref="IsReadable"/>.</exception>
    public static LimitStores Create(
        LimitsSettings settings,
        string redisConfiguration,
        ILedgerStore ledger,
        Func<string, BudgetPeriod?> periodOf,
        WorkerHealth health,
        TimeProvider time,
        ILoggerFactory loggers)
    {
        if (settings.Store == LimitsStore.Memory)
        {
            var memory = new MemoryBudgetStore(key => ledger.ReadChargesAsync(key.Team, key.Start, CancellationToken.None), time);
            return new LimitStores(
                new MemoryLimitStore(time),
                memory,
                new MemoryBudgetReconciler(memory, ledger, health, time, loggers.CreateLogger<MemoryBudgetReconciler>()));
        }

        var redis = settings.Redis;
        var link = new RedisLink(
            ConfigurationOptions.Parse(redisConfiguration), redis.KeyPrefix, redis.Timeout, time, loggers.CreateLogger<RedisLink>());
        var budgets = new RedisBudgetStore(link, redis.KeyPrefix, ledger, time);
        return new LimitStores(
            link,
            new RedisLimitStore(link, redis.KeyPrefix, time),
            budgets,
            new BudgetReconciler(budgets, link, ledger, periodOf, health, time, loggers.CreateLogger<BudgetReconciler>()));
    }

    /// <summary>
    /// Whether a Redis configuration is valid, for the check of the settings. The reason is not returned: it may quote a password.
    /// </summary>
    public static bool IsReadable(string redisConfiguration)
    {
        try
        {
            return ConfigurationOptions.Parse(redisConfiguration).EndPoints.Count > 0;
        }
#pragma warning disable CA1031 // The library throws what its parts throw: arguments, formats, overflows.
        catch (Exception)
#pragma warning restore CA1031
        {
            return false;
        }
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        Reconciler.Dispose();
        if (_redisLimits is not null)
        {
            await _redisLimits.DisposeAsync();
        }

        if (_link is not null)
        {
            await _link.DisposeAsync();
        }
    }
}
