using SQLitePCL;

namespace Gateway.Ledger.Sqlite;

/// <summary>
/// A prepared statement of the hot path, with parameters bound by number instead of ADO.NET's parameter objects. Parameters are <c>null</c>
/// until bound, and again after each run.
/// </summary>
internal sealed class SqliteStatement : IDisposable
{
    private readonly sqlite3 _database;
    private readonly sqlite3_stmt _statement;

    /// <summary>Prepares a statement whose parameters are written as <c>$1</c>, <c>$2</c>…</summary>
    public SqliteStatement(sqlite3 database, string sql)
    {
        _database = database;

        // SQLite numbers "?1" by its digits, and "$1" by its first occurrence.
        var code = raw.sqlite3_prepare_v3(database, sql.Replace('$', '?'), raw.SQLITE_PREPARE_PERSISTENT, out _statement);
        if (code != raw.SQLITE_OK)
        {
            throw Failure(code);
        }
    }

    public void Bind(int index, long value) => Check(raw.sqlite3_bind_int64(_statement, index, value));

    /// <summary>Binds bytes; there must be at least one.</summary>
    public void Bind(int index, ReadOnlySpan<byte> bytes) => Check(raw.sqlite3_bind_blob(_statement, index, bytes));

    public void BindText(int index, ReadOnlySpan<byte> utf8) => Check(utf8.IsEmpty
        ? raw.sqlite3_bind_text(_statement, index, "") // An empty span has no address, which SQLite reads as null.
        : raw.sqlite3_bind_text(_statement, index, utf8));

    /// <summary>Runs a statement that returns no rows.</summary>
    /// <exception cref="LedgerException">It failed.</exception>
    public void Run()
    {
        if (!TryRun())
        {
            throw new LedgerException("The SQLite database is locked") { IsLocked = true };
        }
    }

    /// <summary>Runs a statement that returns no rows. Its parameters stay bound if the database is locked.</summary>
    /// <returns>Whether it ran; <see langword="false"/> if the database is locked.</returns>
    /// <exception cref="LedgerException">It failed.</exception>
    public bool TryRun()
    {
        var code = raw.sqlite3_step(_statement);
        if ((code & 0xFF) == raw.SQLITE_BUSY)
        {
            raw.sqlite3_reset(_statement);
            return false;
        }

        if (code != raw.SQLITE_DONE)
        {
            throw Stop(code);
        }

        Reset();
        return true;
    }

    /// <summary>Steps to the first or next row.</summary>
    /// <returns>Whether there is a row. If not, the statement is ready to run again.</returns>
    /// <exception cref="LedgerException">It failed.</exception>
    public bool Read()
    {
        var code = raw.sqlite3_step(_statement);
        if (code == raw.SQLITE_ROW)
        {
            return true;
        }

        if (code != raw.SQLITE_DONE)
        {
            throw Stop(code);
        }

        Reset();
        return false;
    }

    /// <summary>A number in the row.</summary>
    public long Number(int column) => raw.sqlite3_column_int64(_statement, column);

    /// <summary>Bytes in the row, valid until the next step.</summary>
    public ReadOnlySpan<byte> Bytes(int column) => raw.sqlite3_column_blob(_statement, column);

    /// <summary>Ends reading before the last row.</summary>
    public void Reset()
    {
        raw.sqlite3_reset(_statement);
        raw.sqlite3_clear_bindings(_statement);
    }

    public void Dispose() => _statement.Dispose();

    private void Check(int code)
    {
        if (code != raw.SQLITE_OK)
        {
            throw Failure(code);
        }
    }

    // A statement that failed takes no parameters before it is reset, which forgets the message.
    private LedgerException Stop(int code)
    {
        var failure = Failure(code);
        Reset();
        return failure;
    }

    private LedgerException Failure(int code) =>
        new($"SQLite failed with code {code}: {raw.sqlite3_errmsg(_database).utf8_to_string()}");
}
