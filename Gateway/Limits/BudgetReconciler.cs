using Gateway.Billing;
using Gateway.Ledger;
using Gateway.Primitives;

namespace Gateway.Limits;

/// <summary>
/// Puts the budgets in Redis right by the ledger, every few seconds and after an outage: charges that Redis was not told are added, and
/// what is set aside for calls that are over, or never began, is settled. Several nodes may do it at once; everything counts once.
/// </summary>
internal sealed partial class BudgetReconciler : BackgroundService
{
    /// <summary>Between two rounds.</summary>
    internal static readonly TimeSpan DefaultPeriod = TimeSpan.FromSeconds(10);

    /// <summary>A reservation's row may be on its way into the ledger for so long.</summary>
    internal static readonly TimeSpan DefaultAge = TimeSpan.FromMinutes(2);

    private const int RowsAtOnce = 1000;

    private readonly RedisBudgetStore _store;
    private readonly RedisLink _link;
    private readonly ILedgerStore _ledger;
    private readonly Func<string, BudgetPeriod?> _periodOf;
    private readonly TimeProvider _time;
    private readonly ILogger<BudgetReconciler> _logger;
    private readonly TimeSpan _period;
    private readonly TimeSpan _age;
    private readonly SemaphoreSlim _recovered = new(0);
    private bool _hasFailed;

    /// <summary>Creates a reconciler.</summary>
    /// <param name="store">The budgets.</param>
    /// <param name="link">The way to Redis, whose recovery begins a round; not owned.</param>
    /// <param name="ledger">The truth.</param>
    /// <param name="periodOf">The period of a team's budget as the settings have it now, <see langword="null"/> without one.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">The log.</param>
    /// <param name="period">Between two rounds.</param>
    /// <param name="age">How old a reservation has to be before its row is looked for.</param>
    public BudgetReconciler(
        RedisBudgetStore store,
        RedisLink link,
        ILedgerStore ledger,
        Func<string, BudgetPeriod?> periodOf,
        TimeProvider time,
        ILogger<BudgetReconciler> logger,
        TimeSpan? period = null,
        TimeSpan? age = null)
    {
        _store = store;
        _link = link;
        _ledger = ledger;
        _periodOf = periodOf;
        _time = time;
        _logger = logger;
        _period = period ?? DefaultPeriod;
        _age = age ?? DefaultAge;
        link.Recovered += OnRecovered;
    }

    /// <inheritdoc />
    public override void Dispose()
    {
        _link.Recovered -= OnRecovered;
        base.Dispose();
    }

    /// <summary>One round.</summary>
    /// <exception cref="LimitStoreException">Redis failed or was too slow; the next round does the rest.</exception>
    /// <exception cref="LedgerException">The ledger failed; the next round does the rest.</exception>
    internal async Task ReconcileAsync(CancellationToken cancellationToken)
    {
        var added = await AddUncountedAsync(cancellationToken);
        var settled = await _store.SettleAgainAsync();
        foreach (var key in _store.KnownKeys())
        {
            await foreach (var ids in _store.ScanOpenAsync(key))
            {
                settled += await SettleOverAsync(key, ids, cancellationToken);
            }
        }

        if (added + settled > 0)
        {
            Log.BudgetsReconciled(_logger, added, settled);
        }
    }

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (true)
            {
                await WaitAsync(stoppingToken);
                await ReconcileOnceAsync(stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The program stops.
        }
    }

    /// <summary>The moment that a UUID of version 7 was made: its first 48 bits are milliseconds of Unix time.</summary>
    private static DateTimeOffset MadeAt(Guid id)
    {
        Span<byte> bytes = stackalloc byte[16];
        id.TryWriteBytes(bytes, bigEndian: true, out _);
        long milliseconds = 0;
        foreach (var value in bytes[..6])
        {
            milliseconds = (milliseconds << 8) | value;
        }

        // 48 bits reach further than the calendar.
        return DateTimeOffset.FromUnixTimeMilliseconds(Math.Min(milliseconds, DateTimeOffset.MaxValue.ToUnixTimeMilliseconds()));
    }

    private void OnRecovered() => _recovered.Release();

    private async Task WaitAsync(CancellationToken stoppingToken)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
        var recovered = _recovered.WaitAsync(over.Token);
        await Task.WhenAny(recovered, Task.Delay(_period, _time, over.Token));
        await over.CancelAsync();
        await recovered.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        stoppingToken.ThrowIfCancellationRequested();
    }

    private async Task ReconcileOnceAsync(CancellationToken stoppingToken)
    {
        if (_link.IsOpen)
        {
            return;
        }

        try
        {
            await ReconcileAsync(stoppingToken);
            _hasFailed = false;
        }
#pragma warning disable CA1031 // A reconciler that dies of one round would leave budgets wrong for ever.
        catch (Exception fault) when (fault is not OperationCanceledException)
#pragma warning restore CA1031
        {
            // Once an outage: the next rounds fail for the same reason.
            if (!_hasFailed)
            {
                Log.ReconciliationFailed(_logger, fault);
            }

            _hasFailed = true;
        }
    }

    /// <summary>Adds the charges of closed rows that no counter was told.</summary>
    private async Task<int> AddUncountedAsync(CancellationToken cancellationToken)
    {
        var added = 0;
        while (true)
        {
            var rows = await _ledger.ReadUncountedAsync(RowsAtOnce, cancellationToken);
            foreach (var row in rows)
            {
                // A team without a budget has nothing to add to, and neither has a period that is over or that nobody has asked for since
                // Redis lost it: its counter will be made from the ledger, this row included.
                if (_periodOf(row.Team) is { } period)
                {
                    await _store.TrySettleAsync(BudgetKey.At(row.Team, period, row.StartedAt), row.Id, row.Charge, isCounted: false);
                }
            }

            if (rows.Count > 0)
            {
                await _ledger.MarkCountedAsync([.. rows.Select(row => row.Id)], cancellationToken);
                added += rows.Count;
            }

            if (rows.Count < RowsAtOnce)
            {
                return added;
            }
        }
    }

    /// <summary>Settles what is set aside for rows that are closed, or that do not exist because their request got no further.</summary>
    private async Task<int> SettleOverAsync(BudgetKey key, IReadOnlyList<Guid> open, CancellationToken cancellationToken)
    {
        var before = _time.GetUtcNow() - _age;
        Guid[] old = [.. open.Where(id => MadeAt(id) < before)];
        if (old.Length == 0)
        {
            return 0;
        }

        var settled = 0;
        var rows = await _ledger.ReadChargesAsync(old, cancellationToken);
        foreach (var id in old)
        {
            var charge = PicoDollars.Zero;
            if (rows.TryGetValue(id, out var row))
            {
                if (row.IsOpen)
                {
                    continue;
                }

                charge = row.Charge;
            }

            await _store.TrySettleAsync(key, id, charge, isCounted: true);
            settled++;
        }

        return settled;
    }

    private static partial class Log
    {
        [LoggerMessage(
            LogEvents.ReconciliationFailed, LogLevel.Warning, "Budgets could not be compared with the ledger; the next try follows")]
        public static partial void ReconciliationFailed(ILogger logger, Exception fault);

        [LoggerMessage(
            LogEvents.BudgetsReconciled,
            LogLevel.Information,
            "Budgets were put right by the ledger: {Added} charges added, {Settled} reservations settled")]
        public static partial void BudgetsReconciled(ILogger logger, int added, int settled);
    }
}
