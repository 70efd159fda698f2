using Gateway.Ledger;
using Gateway.Primitives;

namespace Gateway.Limits;

/// <summary>
/// Compares open reservations of memory budgets with the ledger, every minute. A reservation whose row another process closed is replaced
/// by the row's charge: during a rolling restart two processes share a ledger, and either settles rows that the other has reserved.
/// </summary>
internal sealed partial class MemoryBudgetReconciler(
    MemoryBudgetStore store, ILedgerStore ledger, TimeProvider time, ILogger<MemoryBudgetReconciler> logger) : BackgroundService
{
    /// <summary>Time between two rounds.</summary>
    internal static readonly TimeSpan Period = TimeSpan.FromMinutes(1);

    /// <summary>Minimum age of a reservation. Most calls end earlier and are settled by the process that admitted them.</summary>
    internal static readonly TimeSpan Age = TimeSpan.FromMinutes(2);

    private const int MaxIdsPerQuery = 1000;

    private bool _isFailing;

    /// <summary>Runs one round.</summary>
    /// <exception cref="LedgerException">The ledger failed; the next round does the rest.</exception>
    internal async Task RunOnceAsync(CancellationToken cancellationToken)
    {
        var closed = 0;
        foreach (var (key, ids) in store.ReadOpen(time.GetUtcNow() - Age))
        {
            foreach (var some in ids.Chunk(MaxIdsPerQuery))
            {
                foreach (var (id, charge) in ClosedReservations.Of(some, await ledger.ReadChargesAsync(some, cancellationToken)))
                {
                    closed += store.TryClose(key, id, charge) ? 1 : 0;
                }
            }
        }

        if (closed > 0)
        {
            Log.ReservationsClosed(logger, closed);
        }
    }

    /// <inheritdoc />
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Period, time);
        try
        {
            while (await timer.WaitForNextTickAsync(stoppingToken))
            {
                try
                {
                    await RunOnceAsync(stoppingToken);
                    _isFailing = false;
                }
#pragma warning disable CA1031 // A reconciler that ends on one round would leave budgets wrong until the restart.
                catch (Exception fault) when (!stoppingToken.IsCancellationRequested)
#pragma warning restore CA1031
                {
                    if (!_isFailing)
                    {
                        Log.ReservationsNotCompared(logger, fault);
                    }

                    _isFailing = true;
                }
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The host stops.
        }
    }

    private static partial class Log
    {
        [LoggerMessage(
            LogEvents.ReservationsClosed,
            LogLevel.Information,
            "{Count} budget reservations were closed from the ledger: another process settled their calls")]
        public static partial void ReservationsClosed(ILogger logger, int count);

        [LoggerMessage(
            LogEvents.ReservationsNotCompared,
            LogLevel.Warning,
            "Open budget reservations could not be compared with the ledger; the next round retries")]
        public static partial void ReservationsNotCompared(ILogger logger, Exception fault);
    }
}
