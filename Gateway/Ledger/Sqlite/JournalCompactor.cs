using Microsoft.Data.Sqlite;

namespace Gateway.Ledger.Sqlite;

/// <summary>
/// Brings what was appended into its rows, and SQLite's log into the database, on a thread of its own, so that no request waits for either
/// or for the disk's sync. It sleeps as long as nothing is written.
/// </summary>
/// <remarks>
/// A passive checkpoint lets others write meanwhile; the log begins anew only when all of it was folded, which under steady load takes a
/// short lock.
/// </remarks>
internal sealed class JournalCompactor : IDisposable
{
    private const int LongestLog = 16_000;

    // Between two transactions, for those who want to write.
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(1);

    // Short transactions of one round; what is still left then came faster than they are, and must not grow for ever.
    private const int MaxShort = 200;

    private readonly string _connectionString;
    private readonly TimeSpan _interval;
    private readonly Func<bool, bool> _fold;
    private readonly Action<Action> _alone;
    private readonly ManualResetEvent _stopping = new(initialState: false);
    private readonly AutoResetEvent _appended = new(initialState: false);
    private readonly Thread _thread;

    /// <summary>Begins; the file has to be there.</summary>
    /// <param name="connectionString">Of the database.</param>
    /// <param name="interval">From the first entry to its folding; what a call writes within it becomes one change of its row.</param>
    /// <param name="fold">Folds some entries, few when it is told to be short, and says whether there are more.</param>
    /// <param name="alone">Does something while nobody in this process writes.</param>
    public JournalCompactor(string connectionString, TimeSpan interval, Func<bool, bool> fold, Action<Action> alone)
    {
        _connectionString = connectionString;
        _interval = interval;
        _fold = fold;
        _alone = alone;
        _thread = new Thread(Run) { IsBackground = true, Name = "Ledger folding" };
        _thread.Start();
    }

    /// <summary>Says that there is something to fold.</summary>
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
        SqliteConnection? connection = null;
        WaitHandle[] events = [_stopping, _appended];
        try
        {
            while (WaitHandle.WaitAny(events) != 0 && !_stopping.WaitOne(_interval))
            {
                try
                {
                    for (var i = 0; _fold(i < MaxShort) && !_stopping.WaitOne(Pause); i++)
                    {
                    }

                    connection ??= Open();
                    if (Checkpoint(connection, "PASSIVE") > LongestLog)
                    {
                        // What came during the first: so that only the rest is left to the one for which all others wait.
                        Checkpoint(connection, "PASSIVE");
                        _alone(() => Checkpoint(connection, "RESTART"));
                    }
                }
                catch (Exception exception) when (exception is SqliteException or LedgerException)
                {
                    // It stays in the journal, or in the log, and whoever reads or writes next is told what is wrong.
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

    private SqliteConnection Open()
    {
        var connection = new SqliteConnection(_connectionString);
        connection.Open();
        return connection;
    }

    /// <returns>How many pages the log has.</returns>
    private static long Checkpoint(SqliteConnection connection, string mode)
    {
        using var command = connection.CreateCommand();
#pragma warning disable CA2100 // One of two words of this class.
        command.CommandText = $"PRAGMA wal_checkpoint({mode})";
#pragma warning restore CA2100
        using var reader = command.ExecuteReader();
        return reader.Read() ? reader.GetInt64(1) : 0;
    }
}
