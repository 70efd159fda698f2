using Gateway.Configuration.Model;
using Gateway.Ledger;
using Gateway.Primitives;
using StackExchange.Redis;

namespace Gateway.Limits;

/// <summary>The stores of limits and budgets, by the settings.</summary>
internal sealed class LimitStores : IAsyncDisposable
{
    private readonly RedisLink? _link;
    private readonly RedisLimitStore? _redisLimits;

    private LimitStores(ILimitStore limits, IBudgetStore budgets)
    {
        Limits = limits;
        Budgets = budgets;
    }

    private LimitStores(RedisLink link, RedisLimitStore limits, RedisBudgetStore budgets, BudgetReconciler reconciler)
        : this(limits, budgets)
    {
        _link = link;
        _redisLimits = limits;
        Reconciler = reconciler;
    }

    /// <summary>The store of limits.</summary>
    public ILimitStore Limits { get; }

    /// <summary>The store of budgets.</summary>
    public IBudgetStore Budgets { get; }

    /// <summary>Corrects the budgets in Redis; start it after the ledger. <see langword="null"/> for the memory store.</summary>
    public BudgetReconciler? Reconciler { get; }

    /// <summary>Whether the store has failed: calls follow <see cref="LimitsSettings.WhenStoreFails"/> without waiting for it.</summary>
    public bool IsFailing => _link?.IsOpen ?? false;

    /// <summary>The number of calls since the start that the store did not answer in time.</summary>
    public long Failures => _link?.Failures ?? 0;

    /// <summary>Creates the stores, without waiting for Redis.</summary>
    /// <param name="settings">The section.</param>
    /// <param name="redisConfiguration">The resolved <see cref="RedisSettings.Configuration"/>; read for Redis only.</param>
    /// <param name="ledger">The ledger; may be opened later, before the first request.</param>
    /// <param name="periodOf">Returns the current period of a team's budget, <see langword="null"/> without a budget.</param>
    /// <param name="time">The clock.</param>
    /// <param name="loggers">The log.</param>
    /// <exception cref="ArgumentException"><paramref name="redisConfiguration"/> cannot be read; see <see cref="IsReadable"/>.</exception>
    public static LimitStores Create(
        LimitsSettings settings,
        string redisConfiguration,
        ILedgerStore ledger,
        Func<string, BudgetPeriod?> periodOf,
        TimeProvider time,
        ILoggerFactory loggers)
    {
        if (settings.Store == LimitsStore.Memory)
        {
            return new LimitStores(
                new MemoryLimitStore(time),
                new MemoryBudgetStore(key => ledger.ReadChargesAsync(key.Team, key.Start, CancellationToken.None), time));
        }

        var redis = settings.Redis;
        var link = new RedisLink(
            ConfigurationOptions.Parse(redisConfiguration), redis.KeyPrefix, redis.Timeout, time, loggers.CreateLogger<RedisLink>());
        var budgets = new RedisBudgetStore(link, redis.KeyPrefix, ledger, time);
        return new LimitStores(
            link,
            new RedisLimitStore(link, redis.KeyPrefix, time),
            budgets,
            new BudgetReconciler(budgets, link, ledger, periodOf, time, loggers.CreateLogger<BudgetReconciler>()));
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
        Reconciler?.Dispose();
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
