using Gateway.Billing;
using Gateway.Ledger;
using Gateway.Primitives;
using Gateway.Workers;

namespace Gateway.Limits;

/// <summary>
/// Compares the budgets in Redis with the ledger, periodically and after an outage. Adds charges that Redis does not have, settles
/// reservations of calls that have ended, and removes counters that lack charges of the ledger. Several nodes may reconcile at the same time,
/// since all steps are idempotent.
/// </summary>
internal sealed partial class BudgetReconciler : Worker
{
    /// <summary>The time between two rounds.</summary>
    internal static readonly TimeSpan DefaultPeriod = TimeSpan.FromSeconds(10);

    /// <summary>The minimum age of a reservation that is looked up. Most calls end earlier and are settled by their own node.</summary>
    internal static readonly TimeSpan DefaultAge = TimeSpan.FromMinutes(2);

    private const int MaxRowsPerQuery = 1000;

    /// <summary>The number of rows of failing counters at which a round reads no further.</summary>
    private const int MaxFailedRows = 10 * MaxRowsPerQuery;

    private readonly RedisBudgetStore _store;
    private readonly RedisLink _link;
    private readonly ILedgerStore _ledger;
    private readonly BudgetTerms _terms;
    private readonly TimeProvider _time;
    private readonly ILogger<BudgetReconciler> _logger;
    private readonly TimeSpan _age;
    private readonly BudgetAudit _audit;

    /// <summary>Creates a reconciler.</summary>
    /// <param name="store">The budgets.</param>
    /// <param name="link">The connection to Redis, whose recovery starts a round; not owned.</param>
    /// <param name="ledger">The ledger.</param>
    /// <param name="terms">The terms by which budgets count rows.</param>
    /// <param name="health">The registry of workers.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">The log.</param>
    /// <param name="period">The time between two rounds.</param>
    /// <param name="age">The minimum age of a reservation that is looked up.</param>
    public BudgetReconciler(
        RedisBudgetStore store,
        RedisLink link,
        ILedgerStore ledger,
        BudgetTerms terms,
        WorkerHealth health,
        TimeProvider time,
        ILogger<BudgetReconciler> logger,
        TimeSpan? period = null,
        TimeSpan? age = null)
        : base("budgets", period ?? DefaultPeriod, health, time, logger)
    {
        // At the start the connection is not established yet.
        FirstDelay = period ?? DefaultPeriod;
        _store = store;
        _link = link;
        _ledger = ledger;
        _terms = terms;
        _time = time;
        _logger = logger;
        _age = age ?? DefaultAge;
        _audit = new BudgetAudit(ledger, terms, _age, time, logger);
        link.Recovered += Wake;
    }

    /// <inheritdoc />
    public override void Dispose()
    {
        _link.Recovered -= Wake;
        base.Dispose();
    }

    /// <summary>Runs one round. A counter that fails, such as one whose sum overflows, does not keep others from being corrected.</summary>
    /// <exception cref="LimitStoreException">
    /// Redis failed or was too slow, or a counter failed, after all others were corrected. The next round completes the work.
    /// </exception>
    /// <exception cref="LedgerException">The ledger failed. The next round completes the work.</exception>
    internal async Task ReconcileAsync(CancellationToken cancellationToken)
    {
        var round = new Round();
        await _store.ForgetAgainAsync();

        // Before the charges of rows are added: a settlement without a reply may be marked as added by its retry.
        round.Settled += await _store.SettleAgainAsync();
        await AddUncountedAsync(round, cancellationToken);
        foreach (var key in _store.KnownKeys())
        {
            await round.TryAsync(async () =>
            {
                await foreach (var open in _store.ScanOpenAsync(key))
                {
                    await SettleEndedAsync(round, key, open, cancellationToken);
                }
            });
        }

        if (round.Added + round.Settled > 0)
        {
            Log.BudgetsReconciled(_logger, round.Added, round.Settled);
        }

        await _audit.RunAsync(_store.KnownKeys, ReadSettledAsync, _store.Forget);
        if (round.Fault is { } fault)
        {
            throw new LimitStoreException(fault.Message, fault) { IsOfCounter = true };
        }

        async ValueTask<PicoDollars?> ReadSettledAsync(BudgetKey key)
        {
            PicoDollars? settled = null;
            await round.TryAsync(async () => settled = await _store.TryReadSettledAsync(key));
            return settled;
        }
    }

    /// <inheritdoc />
    protected override Task RunOnceAsync(CancellationToken cancellationToken) =>
        _link.IsOpen ? Task.CompletedTask : ReconcileAsync(cancellationToken);

    /// <inheritdoc />
    protected override bool IsExpected(Exception fault) => fault is LedgerException or LimitStoreException || base.IsExpected(fault);

    /// <summary>Adds the charges of closed rows that no counter includes. A row whose counter fails stays uncounted.</summary>
    private async Task AddUncountedAsync(Round round, CancellationToken cancellationToken)
    {
        var failed = new HashSet<Guid>();
        var failedCounters = new HashSet<BudgetKey>();
        while (failed.Count < MaxFailedRows)
        {
            var rows = await _ledger.ReadUncountedAsync(MaxRowsPerQuery + failed.Count, cancellationToken);
            var isLast = rows.Count < MaxRowsPerQuery + failed.Count;
            var added = new List<Guid>();
            foreach (var row in rows)
            {
                if (failed.Contains(row.Id))
                {
                    continue;
                }

                // If one of the two counters fails, the next turn reads the row again, and the other one has added it once.
                var (team, key) = _terms.KeysOf(row.Team, row.KeyLabel, row.StartedAt);
                if (await TryAddAsync(team, row) && await TryAddAsync(key, row))
                {
                    added.Add(row.Id);
                }
                else
                {
                    failed.Add(row.Id);
                }
            }

            if (added.Count > 0)
            {
                await _ledger.MarkCountedAsync(added, cancellationToken);
                round.Added += added.Count;
            }

            if (isLast)
            {
                return;
            }
        }

        // A counter that has failed is not called again for each of its rows.
        async ValueTask<bool> TryAddAsync(BudgetKey? counter, RowCharge row)
        {
            if (counter is not { } key)
            {
                return true;
            }

            if (failedCounters.Contains(key))
            {
                return false;
            }

            var isAdded = await round.TryAsync(() => AddAsync(key, row));
            if (!isAdded)
            {
                failedCounters.Add(key);
            }

            return isAdded;
        }
    }

    /// <summary>
    /// Adds the charge of a row to a counter. The counter is missing if there is no budget, if the period is over, or if Redis has lost the
    /// counter and no request has needed it since. In the last case a later request seeds the counter from the ledger, including this row.
    /// </summary>
    private async ValueTask AddAsync(BudgetKey key, RowCharge row)
    {
        if (_terms.IsExpired(row))
        {
            await _store.ExpireAsync(key, row.Id, isCounted: false);
        }
        else if (_terms.IsHeld(row))
        {
            await _store.TryHoldAsync(key, row.Id, row.Charge, isCounted: false);
        }
        else
        {
            await _store.TrySettleAsync(key, row.Id, _terms.ChargeOf(key, row), isCounted: false);
        }
    }

    /// <summary>
    /// Settles reservations whose row is closed. A reservation whose row is open or unresolvable holds the amount of the row. A reservation
    /// without a row is unknown: its row may be queued on another node. It counts for the same time as an unresolvable row.
    /// </summary>
    private async Task SettleEndedAsync(
        Round round, BudgetKey key, IReadOnlyList<(Guid Id, PicoDollars Amount)> open, CancellationToken cancellationToken)
    {
        var firstYoung = LedgerKeys.FirstAt(_time.GetUtcNow() - _age);
        var old = open.Where(reservation => reservation.Id.CompareTo(firstYoung) < 0).ToList();
        if (old.Count == 0)
        {
            return;
        }

        var firstHeld = LedgerKeys.FirstAt(_terms.HeldSince);
        var rows = await _ledger.ReadChargesAsync([.. old.Select(reservation => reservation.Id)], cancellationToken);
        foreach (var (id, amount) in old)
        {
            var row = rows.GetValueOrDefault(id);
            var isHeld = row is not null ? _terms.IsHeld(row) : id.CompareTo(firstHeld) >= 0;
            if (isHeld && (row is null || row.Charge == amount))
            {
                continue;
            }

            if (await round.TryAsync(async () =>
            {
                if (isHeld)
                {
                    await _store.TryHoldAsync(key, id, row!.Charge, isCounted: true);
                }
                else if (row is null || _terms.IsExpired(row))
                {
                    await _store.ExpireAsync(key, id, isCounted: true);
                }
                else
                {
                    await _store.TrySettleAsync(key, id, _terms.ChargeOf(key, row), isCounted: true);
                }
            }))
            {
                round.Settled++;
            }
        }
    }

    /// <summary>The result of a round.</summary>
    private sealed class Round
    {
        /// <summary>The number of charges that were added.</summary>
        public int Added { get; set; }

        /// <summary>The number of reservations that were changed.</summary>
        public int Settled { get; set; }

        /// <summary>The first failure of a counter.</summary>
        public LimitStoreException? Fault { get; private set; }

        /// <summary>Runs a step. Returns false if its counter failed.</summary>
        /// <exception cref="LimitStoreException">Redis failed or was too slow.</exception>
        public async ValueTask<bool> TryAsync(Func<ValueTask> step)
        {
            try
            {
                await step();
                return true;
            }
            catch (LimitStoreException fault) when (fault.IsOfCounter)
            {
                Fault ??= fault;
                return false;
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(
            LogEvents.BudgetsReconciled,
            LogLevel.Information,
            "Budgets were corrected from the ledger: {Added} charges added, {Settled} reservations changed")]
        public static partial void BudgetsReconciled(ILogger logger, int added, int settled);
    }
}
