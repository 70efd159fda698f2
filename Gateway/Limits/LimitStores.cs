using Gateway.Billing;
using Gateway.Configuration.Model;
using Gateway.Ledger;
using Gateway.Workers;
using StackExchange.Redis;

namespace Gateway.Limits;

/// <summary>Creates and owns the limit and budget stores that the settings select, with their connection and their worker.</summary>
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

    /// <summary>The previews of <see cref="Limits"/>.</summary>
    public ILimitPreview LimitPreview => (ILimitPreview)Limits;

    /// <summary>The previews of <see cref="Budgets"/>.</summary>
    public IBudgetPreview BudgetPreview => (IBudgetPreview)Budgets;

    /// <summary>The worker that compares the budgets with the ledger. It must be started after the ledger is open.</summary>
    public Worker Reconciler { get; }

    /// <summary>Whether the store has an outage. Calls then follow <see cref="LimitsSettings.WhenStoreFails"/> without waiting.</summary>
    public bool IsFailing => _link?.IsOpen ?? false;

    /// <summary>Why the store fails; <see langword="null"/> as long as it works.</summary>
    public string? Fault => _link?.Fault;

    /// <summary>The number of failed calls of the store since the start of the process.</summary>
    public long Failures => _link?.Failures ?? 0;

    /// <summary>Creates the stores, without waiting for Redis.</summary>
    /// <param name="settings">The section <c>Limits</c>.</param>
    /// <param name="redisConfiguration">The resolved <see cref="RedisSettings.Configuration"/>; read for Redis only.</param>
    /// <param name="ledger">The ledger, which a budget opens before it reads it.</param>
    /// <param name="terms">The terms by which budgets count rows.</param>
    /// <param name="health">The registry of workers.</param>
    /// <param name="time">The clock.</param>
    /// <param name="loggers">The log.</param>
    /// <exception cref="ArgumentException"><paramref name="redisConfiguration"/> is invalid; see <see cref="IsReadable"/>.</exception>
    public static LimitStores Create(
        LimitsSettings settings,
        string redisConfiguration,
        LedgerAccess ledger,
        BudgetTerms terms,
        WorkerHealth health,
        TimeProvider time,
        ILoggerFactory loggers)
    {
        if (settings.Store == LimitsStore.Memory)
        {
            var memory = new MemoryBudgetStore(
                async (key, recent) =>
                {
                    await ledger.EnsureOpenAsync();
                    return await SeedAsync(ledger.Store, terms, key, recent);
                },
                time);
            return new LimitStores(
                new MemoryLimitStore(time),
                memory,
                new MemoryBudgetReconciler(memory, ledger.Store, terms, health, time, loggers.CreateLogger<MemoryBudgetReconciler>()));
        }

        var redis = settings.Redis;
        var link = new RedisLink(
            ConfigurationOptions.Parse(redisConfiguration), redis.KeyPrefix, redis.Timeout, time, loggers.CreateLogger<RedisLink>());
        var budgets = new RedisBudgetStore(link, redis.KeyPrefix, ledger, terms, time);
        return new LimitStores(
            link,
            new RedisLimitStore(link, redis.KeyPrefix, time),
            budgets,
            new BudgetReconciler(budgets, link, ledger.Store, terms, health, time, loggers.CreateLogger<BudgetReconciler>()));
    }

    /// <summary>Reads the charges of a period from the ledger, under the terms of the current settings.</summary>
    internal static async Task<TeamCharges> SeedAsync(ILedgerStore ledger, BudgetTerms terms, BudgetKey key, DateTimeOffset recent)
    {
        var charges = await ledger.ReadChargesAsync(key.Team, key.KeyLabel, key.Start, recent, terms.HeldSince, CancellationToken.None);
        return charges with { Charged = terms.ChargeOf(key, charges) };
    }

    /// <summary>
    /// Whether a Redis configuration is valid, for the validation of the settings. The reason is not returned, since it may quote a
    /// password.
    /// </summary>
    public static bool IsReadable(string redisConfiguration)
    {
        try
        {
            return ConfigurationOptions.Parse(redisConfiguration).EndPoints.Count > 0;
        }
#pragma warning disable CA1031 // The parser documents no exceptions; it throws argument, format and overflow exceptions.
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
