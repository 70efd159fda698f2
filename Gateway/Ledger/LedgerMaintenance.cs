using Gateway.Configuration.Model;
using Gateway.Primitives;
using Gateway.Workers;

namespace Gateway.Ledger;

/// <summary>
/// Removes rows older than <see cref="UsageSettings.Retention"/> of the current settings, every hour. The sums of days keep their cost. A
/// ledger that is not open stays closed.
/// </summary>
internal sealed partial class LedgerMaintenance : Worker
{
    internal static readonly TimeSpan Interval = TimeSpan.FromHours(1);

    // The first turn runs early, for processes that live less than an hour.
    internal static readonly TimeSpan FirstTurn = TimeSpan.FromMinutes(1);

    // The pause between two chunks, for other writers.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    private readonly ILedgerStore _store;
    private readonly LedgerWriter _writer;
    private readonly Func<TimeSpan> _retention;
    private readonly TimeProvider _time;
    private readonly ILogger<LedgerMaintenance> _logger;

    /// <summary>Creates the worker.</summary>
    /// <param name="store">The ledger.</param>
    /// <param name="writer">The writer, which opens the ledger.</param>
    /// <param name="retention">Returns the retention in the current settings.</param>
    /// <param name="health">The registry of workers.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">The log.</param>
    public LedgerMaintenance(
        ILedgerStore store,
        LedgerWriter writer,
        Func<TimeSpan> retention,
        WorkerHealth health,
        TimeProvider time,
        ILogger<LedgerMaintenance> logger)
        : base("retention", Interval, health, time, logger)
    {
        FirstDelay = FirstTurn;
        _store = store;
        _writer = writer;
        _retention = retention;
        _time = time;
        _logger = logger;
    }

    /// <inheritdoc />
    protected override async Task RunOnceAsync(CancellationToken cancellationToken)
    {
        if (!_writer.IsOpen)
        {
            return;
        }

        var total = 0;
        try
        {
            // A reload may change the retention during a turn.
            while (Boundary() is { } before && await _store.RemoveBeforeAsync(before, _time.GetUtcNow(), cancellationToken) is > 0 and var removed)
            {
                total += removed;
                await Task.Delay(Pause, _time, cancellationToken);
            }
        }
        finally
        {
            if (total > 0)
            {
                Log.LedgerRowsRemoved(_logger, total, _retention());
            }
        }
    }

    /// <inheritdoc />
    protected override bool IsExpected(Exception fault) => fault is LedgerException || base.IsExpected(fault);

    /// <summary>The time before which rows are removed; <see langword="null"/> if none are.</summary>
    private DateTimeOffset? Boundary()
    {
        var (now, retention) = (_time.GetUtcNow(), _retention());
        return retention <= TimeSpan.Zero || now - DateTimeOffset.UnixEpoch <= retention ? null : now - retention;
    }

    private static partial class Log
    {
        [LoggerMessage(
            LogEvents.LedgerRowsRemoved, LogLevel.Information, "{Count} rows of the ledger were older than {Retention} and were removed")]
        public static partial void LedgerRowsRemoved(ILogger logger, int count, TimeSpan retention);
    }
}
