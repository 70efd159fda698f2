using Gateway.Ledger;
using Gateway.Primitives;
using Gateway.Workers;

namespace Gateway.Limits;

/// <summary>
/// Compares memory budgets with the ledger, every minute. During a rolling restart two processes share a ledger: each admits calls that the
/// other's counters do not include, and each may settle rows of the other. A round adds the rows that other processes have begun. If
/// another process has closed the row of an open reservation, the row's charge replaces the reservation. The reservation of an unresolvable
/// row stops counting after <c>Limits:UnknownHold</c>. A counter that lacks charges of the ledger is removed.
/// </summary>
internal sealed partial class MemoryBudgetReconciler : Worker
{
    /// <summary>The time between two rounds.</summary>
    internal static readonly TimeSpan RoundPeriod = TimeSpan.FromMinutes(1);

    /// <summary>
    /// The minimum age of a compared reservation. Most calls end earlier and are settled by the process that admitted them.
    /// </summary>
    internal static readonly TimeSpan Age = TimeSpan.FromMinutes(2);

    private const int MaxRowsPerQuery = 1000;

    private readonly MemoryBudgetStore _store;
    private readonly ILedgerStore _ledger;
    private readonly BudgetTerms _terms;
    private readonly TimeProvider _time;
    private readonly ILogger<MemoryBudgetReconciler> _logger;
    private readonly BudgetAudit _audit;

    /// <summary>Creates a reconciler.</summary>
    /// <param name="store">The budgets.</param>
    /// <param name="ledger">The ledger.</param>
    /// <param name="terms">The terms by which budgets count rows.</param>
    /// <param name="health">The registry of workers.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">The log.</param>
    public MemoryBudgetReconciler(
        MemoryBudgetStore store,
        ILedgerStore ledger,
        BudgetTerms terms,
        WorkerHealth health,
        TimeProvider time,
        ILogger<MemoryBudgetReconciler> logger)
        : base("budgets", RoundPeriod, health, time, logger)
    {
        FirstDelay = RoundPeriod;
        _store = store;
        _ledger = ledger;
        _terms = terms;
        _time = time;
        _logger = logger;
        _audit = new BudgetAudit(ledger, terms, Age, time, logger);
    }

    /// <summary>Runs one round.</summary>
    /// <exception cref="LedgerException">The ledger failed. The next round completes the work.</exception>
    internal async Task ReconcileAsync(CancellationToken cancellationToken)
    {
        var now = _time.GetUtcNow();
        var (added, closed) = (await AddBegunByOthersAsync(now, cancellationToken), 0);
        foreach (var (key, ids) in _store.ReadOpen(now - Age))
        {
            foreach (var chunk in ids.Chunk(MaxRowsPerQuery))
            {
                var rows = await _ledger.ReadChargesAsync(chunk, cancellationToken);
                foreach (var change in ClosedReservations.Of(key, chunk, rows, _terms, now))
                {
                    closed += _store.TryChange(key, change) ? 1 : 0;
                }
            }
        }

        if (added + closed > 0)
        {
            Log.ReservationsClosed(_logger, added, closed);
        }

        await _audit.RunAsync(_store.KnownKeys, key => new(_store.TryReadSettled(key)), _store.Forget);
    }

    /// <inheritdoc />
    protected override Task RunOnceAsync(CancellationToken cancellationToken) => ReconcileAsync(cancellationToken);

    /// <inheritdoc />
    protected override bool IsExpected(Exception fault) => fault is LedgerException || base.IsExpected(fault);

    // After a failure the next round reads the same rows again.
    private async Task<int> AddBegunByOthersAsync(DateTimeOffset now, CancellationToken cancellationToken)
    {
        if (_store.FirstUnread() is not { } after)
        {
            return 0;
        }

        var added = 0;
        IReadOnlyList<RowCharge> rows;
        do
        {
            rows = await _ledger.ReadBegunByOthersAsync(after, MaxRowsPerQuery, cancellationToken);
            added += _store.AddBegun(rows, (key, row) => row with
            {
                Charge = _terms.ChargeOf(key, row),
                IsUnresolvable = row.IsUnresolvable && _terms.IsHeld(row),
                IsExpired = _terms.IsExpired(row),
            });
            after = rows.Count > 0 ? rows[^1].Id : after;
        }
        while (rows.Count == MaxRowsPerQuery);

        _store.MarkRead(now);
        return added;
    }

    private static partial class Log
    {
        [LoggerMessage(
            LogEvents.ReservationsClosed,
            LogLevel.Information,
            "Budgets were corrected from the ledger: {Added} calls of other processes added, {Closed} reservations changed")]
        public static partial void ReservationsClosed(ILogger logger, int added, int closed);
    }
}
