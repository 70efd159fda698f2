using Microsoft.Data.Sqlite;

namespace Gateway.Ledger;

/// <summary>
/// Folds SQLite's log into the database on a thread of its own, so that no request waits for the disk's sync. A passive checkpoint lets
/// others write meanwhile; the log begins anew only when all of it was folded, which under steady load takes a short lock.
/// </summary>
internal sealed class SqliteCheckpoints : IDisposable
{
    private const int LongestLog = 16_000;
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(250);

    private readonly string _connectionString;
    private readonly ManualResetEvent _stopping = new(initialState: false);
    private readonly Thread _thread;

    /// <summary>Begins; the file has to be there.</summary>
    public SqliteCheckpoints(string connectionString)
    {
        _connectionString = connectionString;
        _thread = new Thread(Run) { IsBackground = true, Name = "Ledger checkpoints" };
        _thread.Start();
    }

    /// <inheritdoc />
    public void Dispose()
    {
        _stopping.Set();
        _thread.Join();
        _stopping.Dispose();
    }

    private void Run()
    {
        SqliteConnection? connection = null;
        try
        {
            while (!_stopping.WaitOne(Interval))
            {
                try
                {
                    connection ??= Open();
                    if (Checkpoint(connection, "PASSIVE") > LongestLog)
                    {
                        Checkpoint(connection, "RESTART");
                    }
                }
                catch (SqliteException)
                {
                    // The writer's own checkpoint, which comes when the log has grown further, says what is wrong.
                    connection?.Dispose();
                    connection = null;
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
