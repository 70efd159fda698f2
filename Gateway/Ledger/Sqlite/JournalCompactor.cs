using System.Diagnostics;
using Gateway.Primitives;
using Microsoft.Data.Sqlite;

namespace Gateway.Ledger.Sqlite;

/// <summary>
/// Folds journal entries into their rows and checkpoints SQLite's write-ahead log, on its own thread of low priority: requests wait neither
/// for these nor for the disk's sync nor for the processor that these take. Sleeps while there are no writes.
/// </summary>
/// <remarks>
/// A checkpoint follows the first transaction after it within two seconds. A passive checkpoint does not block writers. The log restarts only
/// after a complete checkpoint, which needs a short lock under steady load.
/// </remarks>
internal sealed class JournalCompactor : IDisposable
{
    private const int LongestLog = 4_000;

    // The pause between two transactions, for other processes.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(1);

    // From the first transaction to the checkpoint. A page that several transactions change is then written to the database once.
    private static readonly TimeSpan CheckpointDelay = TimeSpan.FromSeconds(2);

    private readonly string _connectionString;
    private readonly TimeSpan _interval;
    private readonly SqliteLedgerRescue _rescue;
    private readonly Action _runRescue;
    private readonly Func<bool> _fold;
    private readonly Action<Action> _withoutWriters;
    private readonly ManualResetEvent _stopping = new(initialState: false);
    private readonly AutoResetEvent _appended = new(initialState: false);
    private readonly WaitHandle[] _events;
    private readonly Thread _thread;

    /// <summary>Starts the thread; the file must exist.</summary>
    /// <param name="connectionString">The connection string of the database.</param>
    /// <param name="interval">
    /// The delay between the first entry and its transaction. Entries of the same row within the delay become one change.
    /// </param>
    /// <param name="rescue">Says whether the file was deleted or replaced.</param>
    /// <param name="runRescue">Saves the content of a file that was deleted or replaced.</param>
    /// <param name="fold">Folds some entries, and returns whether there are more.</param>
    /// <param name="withoutWriters">Runs an action while no writer of this process is active.</param>
    public JournalCompactor(
        string connectionString,
        TimeSpan interval,
        SqliteLedgerRescue rescue,
        Action runRescue,
        Func<bool> fold,
        Action<Action> withoutWriters)
    {
        _rescue = rescue;
        _runRescue = runRescue;
        _connectionString = connectionString;
        _interval = interval;
        _fold = fold;
        _withoutWriters = withoutWriters;
        _events = [_stopping, _appended];
        _thread = new Thread(Run) { IsBackground = true, Name = "Ledger compaction" };
        _thread.Start();
    }

    /// <summary>Signals new entries.</summary>
    public void Wake() => _appended.Set();

    /// <inheritdoc />
    public void Dispose()
    {
        _stopping.Set();
        _thread.Join();
        _stopping.Dispose();
        _appended.Dispose();
    }

    private void Run()
    {
        BackgroundPriority.Enter();
        SqliteConnection? connection = null;
        var logged = new Stopwatch();
        try
        {
            while (TryWait(logged, out var isAppended))
            {
                try
                {
                    if (_rescue.IsNeeded)
                    {
                        // The new file must not share the log's index with connections to the old one.
                        connection?.Dispose();
                        connection = null;
                        _runRescue();
                    }

                    while (isAppended && _fold() && !_stopping.WaitOne(Pause))
                    {
                    }

                    if (LeftOf(logged) == TimeSpan.Zero)
                    {
                        connection ??= Open();
                        Checkpoint(connection);
                        logged.Reset();
                    }
                    else
                    {
                        logged.Start();
                    }
                }
                catch (Exception exception) when (exception is SqliteException or LedgerException)
                {
                    // The entries stay in the journal or the log. The next reader or writer reports the fault.
                    connection?.Dispose();
                    connection = null;
                    _appended.Set();
                }
            }
        }
        finally
        {
            connection?.Dispose();
        }
    }

    /// <summary>Waits for entries, and then for those that come with them, or until a checkpoint is due.</summary>
    /// <returns>Whether the thread goes on.</returns>
    private bool TryWait(Stopwatch logged, out bool isAppended)
    {
        isAppended = WaitHandle.WaitAny(_events, LeftOf(logged)) == 1;
        return !_stopping.WaitOne(isAppended ? _interval : TimeSpan.Zero);
    }

    private SqliteConnection Open()
    {
        var connection = new SqliteConnection(_connectionString);
        connection.Open();
        return connection;
    }

    /// <summary>The time until the checkpoint of a log that has been written for so long; infinite if it has not been written.</summary>
    private static TimeSpan LeftOf(Stopwatch logged) => logged.IsRunning ? LeftAfter(logged.Elapsed) : Timeout.InfiniteTimeSpan;

    /// <summary>The time until the checkpoint. Never negative: a wait for a negative time fails, or never ends.</summary>
    internal static TimeSpan LeftAfter(TimeSpan elapsed) => elapsed < CheckpointDelay ? CheckpointDelay - elapsed : TimeSpan.Zero;

    private void Checkpoint(SqliteConnection connection)
    {
        if (Checkpoint(connection, "PASSIVE") > LongestLog)
        {
            // Covers the pages written during the first checkpoint, so the blocking one has little left to do.
            Checkpoint(connection, "PASSIVE");
            _withoutWriters(() => Checkpoint(connection, "RESTART"));
        }
    }

    /// <returns>The number of pages in the log.</returns>
    private static long Checkpoint(SqliteConnection connection, string mode)
    {
        using var command = connection.CreateCommand();
#pragma warning disable CA2100 // The mode is one of two constants.
        command.CommandText = $"PRAGMA wal_checkpoint({mode})";
#pragma warning restore CA2100
        using var reader = command.ExecuteReader();
        return reader.Read() ? reader.GetInt64(1) : 0;
    }
}
