using Gateway.Ledger;
using Gateway.Primitives;
using Gateway.Workers;

namespace Gateway.Limits;

/// <summary>
/// Compares open reservations of memory budgets with the ledger, every minute. If another process has closed the row of a reservation, the
/// row's charge replaces the reservation. During a rolling restart two processes share a ledger, and each may settle rows of the other.
/// </summary>
internal sealed partial class MemoryBudgetReconciler : Worker
{
    /// <summary>The time between two rounds.</summary>
    internal static readonly TimeSpan RoundPeriod = TimeSpan.FromMinutes(1);

    /// <summary>
    /// The minimum age of a compared reservation. Most calls end earlier and are settled by the process that admitted them.
    /// </summary>
    internal static readonly TimeSpan Age = TimeSpan.FromMinutes(2);

    private const int MaxIdsPerQuery = 1000;

    private readonly MemoryBudgetStore _store;
    private readonly ILedgerStore _ledger;
    private readonly TimeProvider _time;
    private readonly ILogger<MemoryBudgetReconciler> _logger;

    /// <summary>Creates a reconciler.</summary>
    /// <param name="store">The budgets.</param>
    /// <param name="ledger">The ledger.</param>
    /// <param name="health">The registry of workers.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">The log.</param>
    public MemoryBudgetReconciler(
        MemoryBudgetStore store, ILedgerStore ledger, WorkerHealth health, TimeProvider time, ILogger<MemoryBudgetReconciler> logger)
        : base("budgets", RoundPeriod, health, time, logger)
    {
        FirstDelay = RoundPeriod;
        _store = store;
        _ledger = ledger;
        _time = time;
        _logger = logger;
    }

    /// <summary>Runs one round.</summary>
    /// <exception cref="LedgerException">The ledger failed. The next round completes the work.</exception>
    internal async Task ReconcileAsync(CancellationToken cancellationToken)
    {
        var closed = 0;
        foreach (var (key, ids) in _store.ReadOpen(_time.GetUtcNow() - Age))
        {
            foreach (var chunk in ids.Chunk(MaxIdsPerQuery))
            {
                foreach (var (id, charge) in ClosedReservations.Of(chunk, await _ledger.ReadChargesAsync(chunk, cancellationToken)))
                {
                    closed += _store.TryClose(key, id, charge) ? 1 : 0;
                }
            }
        }

        if (closed > 0)
        {
            Log.ReservationsClosed(_logger, closed);
        }
    }

    /// <inheritdoc />
    protected override Task RunOnceAsync(CancellationToken cancellationToken) => ReconcileAsync(cancellationToken);

    /// <inheritdoc />
    protected override bool IsExpected(Exception fault) => fault is LedgerException || base.IsExpected(fault);

    private static partial class Log
    {
        [LoggerMessage(
            LogEvents.ReservationsClosed,
            LogLevel.Information,
            "{Count} budget reservations were closed from the ledger: another process settled their calls")]
        public static partial void ReservationsClosed(ILogger logger, int count);
    }
}
