using Gateway.Primitives;

namespace Gateway.Ledger.Sqlite;

/// <summary>Folds the journals of this process and of others into rows. Used by one thread at a time.</summary>
/// <param name="database">The full path of the database.</param>
/// <param name="logger">The log.</param>
internal sealed partial class JournalFolding(string database, ILogger logger)
{
    // Told once.
    private readonly HashSet<Guid> _unreadable = [];

    /// <summary>Whether other processes have journal files.</summary>
    /// <param name="own">This process.</param>
    public bool HasOthers(Guid? own) => JournalFile.Nodes(database).Any(node => node != own);

    /// <summary>Folds the entries appended so far, by any process.</summary>
    public void FoldAll(SqliteRowWriter rows, NodeJournal? journal, Guid? own)
    {
        rows.FoldTable();
        FoldAllOwn(rows, journal);
        FoldOthers(rows, own);
    }

    /// <summary>Folds the entries that this process has appended so far.</summary>
    public void FoldAllOwn(SqliteRowWriter rows, NodeJournal? journal)
    {
        for (var last = journal?.Sequence; journal?.Folded < last;)
        {
            FoldOwn(rows, journal);
        }
    }

    /// <summary>Folds the entries that other processes have appended so far.</summary>
    public void FoldOthers(SqliteRowWriter rows, Guid? own)
    {
        foreach (var node in JournalFile.Nodes(database))
        {
            if (node != own)
            {
                TryFold(rows, node, isDead: false);
            }
        }
    }

    /// <summary>Folds entries of this process in one transaction.</summary>
    /// <returns>Whether there may be more.</returns>
    public bool FoldOwn(SqliteRowWriter rows, NodeJournal journal)
    {
        var last = journal.Sequence;
        var (folded, isMore) = rows.Fold(journal.Reader, journal.Folded, last, isOwn: true);
        if (folded < last && !isMore)
        {
            // The appended entries are not in the files any more: another program has written to them.
            last = journal.EndFile();
            Log.JournalDamaged(logger, database, last - folded);
            folded = last;
        }

        journal.SetFolded(folded);
        return isMore;
    }

    /// <summary>Folds the entries of another process.</summary>
    /// <param name="rows">Writes the rows.</param>
    /// <param name="node">The process.</param>
    /// <param name="isDead">Whether it has ended, and this process has its lock: its files are removed.</param>
    /// <returns><see langword="false"/> if the files belong to another user.</returns>
    public bool TryFold(SqliteRowWriter rows, Guid node, bool isDead)
    {
        IReadOnlyList<JournalFile> files;
        try
        {
            files = JournalFile.OpenAll(database, node);
        }
        catch (UnauthorizedAccessException exception)
        {
            if (_unreadable.Add(node))
            {
                Log.JournalUnreadable(logger, exception.Message);
            }

            return false;
        }

        try
        {
            // One that lives keeps an empty file.
            var hasEntries = files.Any(static file => RandomAccess.GetLength(file.Handle) > 0);
            var reader = new JournalReader(node, number => files.FirstOrDefault(file => file.Number > number));
            while (hasEntries && rows.Fold(reader, 0, long.MaxValue, isOwn: false).IsMore)
            {
            }

            if (isDead)
            {
                if (reader.Torn > 0)
                {
                    Log.JournalTorn(logger, files[^1].Path, reader.Torn);
                }

                foreach (var file in files)
                {
                    file.Delete();
                }
            }

            return true;
        }
        finally
        {
            foreach (var file in files)
            {
                file.Dispose();
            }
        }
    }

    private static partial class Log
    {
        [LoggerMessage(
            LogEvents.JournalTorn,
            LogLevel.Warning,
            "The journal {Path} of a process that was killed ends within an entry; its last {Count} bytes are left out")]
        public static partial void JournalTorn(ILogger logger, string path, long count);

        [LoggerMessage(
            LogEvents.JournalDamaged,
            LogLevel.Error,
            "The journal of the ledger {Path} was changed by another program; {Count} of its entries are lost, and their generations stay open "
                + "until the process ends")]
        public static partial void JournalDamaged(ILogger logger, string path, long count);

        [LoggerMessage(
            LogEvents.JournalUnreadable,
            LogLevel.Error,
            "The journal of another process cannot be read: {Reason} Its entries are not in the ledger until it is")]
        public static partial void JournalUnreadable(ILogger logger, string reason);
    }
}
