using System.Text;
using SQLitePCL;

namespace Gateway.Ledger;

/// <summary>
/// A statement of the hot path: prepared once and bound by number, without the parameter objects of ADO.NET. Parameters are <c>null</c>
/// until they are bound, and are so again after each run.
/// </summary>
internal sealed class SqliteStatement : IDisposable
{
    private readonly sqlite3 _database;
    private readonly sqlite3_stmt _statement;

    /// <summary>Prepares a statement whose parameters are written as <c>$1</c>, <c>$2</c>…</summary>
    public SqliteStatement(sqlite3 database, string sql)
    {
        _database = database;

        // "?1" has the number that it says, "$1" the number of its first appearance.
        var code = raw.sqlite3_prepare_v2(database, sql.Replace('$', '?'), out _statement);
        if (code != raw.SQLITE_OK)
        {
            throw Failure(code);
        }
    }

    public void Bind(int index, long? value)
    {
        if (value is { } number)
        {
            Check(raw.sqlite3_bind_int64(_statement, index, number));
        }
    }

    public void Bind(int index, bool value) => Check(raw.sqlite3_bind_int(_statement, index, value ? 1 : 0));

    public void Bind(int index, Guid value)
    {
        Span<byte> bytes = stackalloc byte[LedgerKeys.Size];
        value.TryWriteBytes(bytes, bigEndian: true, out _);
        Check(raw.sqlite3_bind_blob(_statement, index, bytes));
    }

    public void Bind(int index, string? value)
    {
        if (LedgerValues.Text(value) is not { } text)
        {
            return;
        }

        if (text.Length == 0)
        {
            // An empty span has no address, which SQLite takes for null.
            Check(raw.sqlite3_bind_text(_statement, index, ""));
            return;
        }

        Span<byte> utf8 = stackalloc byte[LedgerValues.MaxTextLength * 3];
        Check(raw.sqlite3_bind_text(_statement, index, utf8[..Encoding.UTF8.GetBytes(text, utf8)]));
    }

    /// <summary>Runs a statement that returns no rows.</summary>
    /// <exception cref="LedgerException">It failed.</exception>
    public void Run()
    {
        var code = raw.sqlite3_step(_statement);
        if (code != raw.SQLITE_DONE)
        {
            throw Failure(code);
        }

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

    private LedgerException Failure(int code) =>
        new($"SQLite failed with code {code}: {raw.sqlite3_errmsg(_database).utf8_to_string()}");
}
