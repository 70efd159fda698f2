using Gateway.Primitives;

namespace Gateway.Ledger.Sqlite;

/// <summary>
/// Whether the compactor can fold the entries of this process into their rows. Logs the begin and the end of an outage. Used by one thread at a
/// time.
/// </summary>
/// <param name="database">The full path of the database.</param>
/// <param name="logger">The log.</param>
internal sealed partial class FoldingOutage(string database, ILogger logger)
{
    private bool _isFailing;

    /// <summary>Notes entries that could not be folded.</summary>
    /// <param name="failure">The reason.</param>
    /// <param name="maxJournalSize">The size in bytes that the journal may reach during the outage.</param>
    public void Fail(LedgerException failure, long maxJournalSize)
    {
        if (!_isFailing)
        {
            _isFailing = true;
            Log.LedgerNotFolded(logger, failure.Message, maxJournalSize);
        }
    }

    /// <summary>Notes folded entries: an outage is over.</summary>
    public void End()
    {
        if (_isFailing)
        {
            _isFailing = false;
            Log.LedgerFolded(logger, database);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(
            LogEvents.LedgerNotFolded,
            LogLevel.Error,
            "Journal entries cannot be moved into the ledger: {Reason} The journal takes entries meanwhile, up to {Max} bytes")]
        public static partial void LedgerNotFolded(ILogger logger, string reason, long max);

        [LoggerMessage(LogEvents.LedgerFolded, LogLevel.Information, "Journal entries are moved into the ledger {Path} again")]
        public static partial void LedgerFolded(ILogger logger, string path);
    }
}
