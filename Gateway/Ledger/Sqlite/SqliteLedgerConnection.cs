using System.Globalization;
using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Gateway.Ledger.Sqlite;

/// <summary>The writing connection, with its prepared statements. Used by one thread at a time. After a failure it must be disposed.</summary>
internal sealed class SqliteLedgerConnection : IDisposable
{
    /// <summary>Opens the file and upgrades its schema.</summary>
    /// <param name="connectionString">The connection string of the database.</param>
    /// <param name="openTimeout">The maximum wait for the transaction of another process while the file is opened.</param>
    /// <param name="busyTimeout">The maximum wait of later writes.</param>
    /// <param name="tuning">Statements to run.</param>
    public SqliteLedgerConnection(string connectionString, TimeSpan openTimeout, TimeSpan busyTimeout, string tuning)
    {
        Connection = new SqliteConnection(connectionString);
        try
        {
            Connection.Open();
            Execute($"PRAGMA busy_timeout = {(long)openTimeout.TotalMilliseconds}");

            // Another process may have the whole file locked, also for readers. The commands below would each try again for five seconds.
            Begin();
            Execute("COMMIT");

            // A write is durable once it is in the write-ahead log: it survives the end of the process. JournalCompactor runs the
            // checkpoints; the automatic one is a fallback.
            Execute(
                $"""
                PRAGMA journal_mode = WAL;
                PRAGMA synchronous = NORMAL;
                PRAGMA wal_autocheckpoint = 16000;
                PRAGMA journal_size_limit = 67108864;
                {tuning}
                """);
            LedgerId = Migrate();
            Execute($"PRAGMA busy_timeout = {(long)busyTimeout.TotalMilliseconds}");
            Rows = new SqliteRowWriter(Connection);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The connection, for writes other than entries.</summary>
    public SqliteConnection Connection { get; }

    /// <summary>Folds entries into their rows.</summary>
    public SqliteRowWriter Rows { get; }

    /// <summary>The ledger's id.</summary>
    public string LedgerId { get; }

    /// <summary>
    /// Copies the rows whose bill is not known yet from a ledger that this file has replaced: their calls go on, and the file would have no
    /// row for their later entries.
    /// </summary>
    /// <param name="path">The full path of the replaced ledger, which has the current schema.</param>
    /// <exception cref="SqliteException">The rows could not be copied. They remain in the replaced ledger.</exception>
    public void TakeOpenRows(string path)
    {
        using (var attach = Connection.Command("ATTACH DATABASE $1 AS replaced", path))
        {
            attach.ExecuteNonQuery();
        }

        try
        {
            // By name: the columns of a file that was upgraded have another order than those of a new one.
            using var columns = Connection.Command("SELECT group_concat(name) FROM pragma_table_info('generations')");
            var names = (string)columns.ExecuteScalar()!;
            using var copy = Connection.CreateCommand();
#pragma warning disable CA2100 // The names are those of the schema.
            copy.CommandText = $"INSERT OR IGNORE INTO main.generations ({names}) SELECT {names} FROM replaced.generations WHERE state < 2";
#pragma warning restore CA2100
            copy.ExecuteNonQuery();
        }
        finally
        {
            Execute("DETACH DATABASE replaced");
        }
    }

    public void Dispose()
    {
        Rows?.Dispose();
        Connection.Dispose();
    }

    private string Migrate()
    {
        // If a statement fails, the connection is closed.
        Begin();
        Execute(LedgerSchema.CreateMeta);
        var version = ReadMeta(LedgerSchema.VersionKey);
        foreach (var statement in LedgerSchema.Upgrade(version, isSqlite: true))
        {
            Execute(statement);
        }

        var known = LedgerSchema.Version(isSqlite: true).ToString(CultureInfo.InvariantCulture);
        if (version != known)
        {
            WriteMeta(LedgerSchema.VersionKey, known);
        }

        var id = ReadMeta(LedgerSchema.LedgerIdKey);
        if (id is null)
        {
            id = Guid.NewGuid().ToString("N");
            WriteMeta(LedgerSchema.LedgerIdKey, id);
        }

        Execute("COMMIT");
        return id;
    }

    /// <summary>
    /// Begins a writing transaction, after one wait for the transaction of another process: a command would try again after SQLite's own wait.
    /// </summary>
    private void Begin()
    {
        using var begin = new SqliteStatement(Connection.Handle!, "BEGIN IMMEDIATE");
        try
        {
            begin.Run();
        }
        catch (LedgerException fault) when (!fault.IsLocked)
        {
            throw new SqliteException(fault.Message, raw.sqlite3_errcode(Connection.Handle!));
        }
    }

    private void Execute(string sql)
    {
        using var command = Connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    private string? ReadMeta(string key)
    {
        using var command = Connection.CreateCommand();
        command.CommandText = LedgerSchema.ReadMeta;
        command.Parameters.AddWithValue("$1", key);
        return (string?)command.ExecuteScalar();
    }

    private void WriteMeta(string key, string value)
    {
        using var command = Connection.CreateCommand();
        command.CommandText = LedgerSchema.WriteMeta;
        command.Parameters.AddWithValue("$1", key);
        command.Parameters.AddWithValue("$2", value);
        command.ExecuteNonQuery();
    }
}
