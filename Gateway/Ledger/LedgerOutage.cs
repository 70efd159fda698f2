using Gateway.Primitives;

namespace Gateway.Ledger;

/// <summary>Whether the ledger can be written, and since when it cannot. Logs the begin and the end of an outage.</summary>
internal sealed partial class LedgerOutage(TimeProvider time, ILogger logger)
{
    private volatile bool _isFailing;
    private long _since;
    private long _failures;

    /// <summary>Whether the last transaction failed.</summary>
    public bool IsFailing => _isFailing;

    /// <summary>The time for which the ledger has been failing; zero if it works.</summary>
    public TimeSpan FailingFor => _isFailing ? time.GetElapsedTime(Volatile.Read(ref _since)) : TimeSpan.Zero;

    /// <summary>The number of failed transactions.</summary>
    public long Failures => Volatile.Read(ref _failures);

    /// <summary>Notes a failed transaction.</summary>
    public void Fail(LedgerException failure)
    {
        _failures++;
        if (!_isFailing)
        {
            _since = time.GetTimestamp();
            _isFailing = true;
            Log.LedgerFailed(logger, failure.Message, failure.InnerException);
        }
    }

    /// <summary>Notes the end of the outage.</summary>
    /// <param name="queued">The number of queued entries.</param>
    /// <param name="dropped">The number of entries lost since the start.</param>
    public void End(int queued, long dropped)
    {
        _isFailing = false;
        Log.LedgerRecovered(logger, time.GetElapsedTime(_since), queued, dropped);
    }

    private static partial class Log
    {
        [LoggerMessage(LogEvents.LedgerFailed, LogLevel.Error, "The ledger cannot be written: {Reason}")]
        public static partial void LedgerFailed(ILogger logger, string reason, Exception? exception);

        [LoggerMessage(
            LogEvents.LedgerRecovered,
            LogLevel.Information,
            "The ledger works again after {Duration}; {Queued} entries are queued, {Dropped} were lost since the start")]
        public static partial void LedgerRecovered(ILogger logger, TimeSpan duration, int queued, long dropped);
    }
}
