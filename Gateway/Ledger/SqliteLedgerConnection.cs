using System.Globalization;
using Microsoft.Data.Sqlite;

namespace Gateway.Ledger;

/// <summary>The connection that writes, with its prepared statements. Used by one thread at a time.</summary>
internal sealed class SqliteLedgerConnection : IDisposable
{
    private readonly List<SqliteStatement> _statements = [];
    private readonly SqliteStatement _begin;
    private readonly SqliteStatement _commit;
    private readonly SqliteStatement _began;
    private readonly SqliteStatement _named;
    private readonly SqliteStatement _ended;
    private readonly SqliteStatement _endedAndNamed;
    private readonly Guid _node;

    /// <summary>Opens the file and brings its schema up to date.</summary>
    public SqliteLedgerConnection(string connectionString, Guid node, TimeSpan busyTimeout, string tuning)
    {
        _node = node;
        Connection = new SqliteConnection(connectionString);
        try
        {
            Connection.Open();

            // Durable means written to the log ahead: it survives the end of the process. The log is folded into the database by
            // SqliteCheckpoints, and here only when that does not keep up. A commit writes whole pages: small ones cost less.
            Execute(
                $"""
                PRAGMA page_size = 1024;
                PRAGMA busy_timeout = {(long)busyTimeout.TotalMilliseconds};
                PRAGMA journal_mode = WAL;
                PRAGMA synchronous = NORMAL;
                PRAGMA wal_autocheckpoint = 64000;
                PRAGMA journal_size_limit = 67108864;
                {tuning}
                """);
            LedgerId = Migrate();
            _begin = Prepare("BEGIN IMMEDIATE");
            _commit = Prepare("COMMIT");
            _began = Prepare(LedgerSql.Began);
            _named = Prepare(LedgerSql.Named);
            _ended = Prepare(LedgerSql.Ended);
            _endedAndNamed = Prepare(LedgerSql.EndedAndNamed);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>For what is not written with every request.</summary>
    public SqliteConnection Connection { get; }

    /// <summary>The ledger's own id.</summary>
    public string LedgerId { get; }

    /// <summary>Writes entries as one transaction. After a failure the connection is to be disposed of, which takes all back.</summary>
    public void Apply(IReadOnlyList<LedgerEntry> entries)
    {
        _begin.Run();
        for (var i = 0; i < entries.Count; i++)
        {
            switch (entries[i])
            {
                case LedgerEntry.Began began:
                    Apply(began);
                    break;
                case LedgerEntry.Named named:
                    Apply(named.Id, named.GenerationId);
                    break;
                case LedgerEntry.Ended ended:
                    Apply(ended);
                    break;
                default:
                    throw new InvalidOperationException($"{entries[i].GetType().Name} is no entry of a ledger");
            }
        }

        _commit.Run();
    }

    public void Dispose()
    {
        foreach (var statement in _statements)
        {
            statement.Dispose();
        }

        Connection.Dispose();
    }

    private void Apply(LedgerEntry.Began entry)
    {
        _began.Bind(1, entry.Id);
        _began.Bind(2, LedgerKeys.ToStored(entry.StartedAt));
        _began.Bind(3, _node);
        _began.Bind(4, entry.Team);
        _began.Bind(5, entry.KeyLabel);
        _began.Bind(6, entry.Rule);
        _began.Bind(7, entry.SettingsVersion);
        _began.Bind(8, entry.Endpoint);
        _began.Bind(9, entry.AskedModel);
        _began.Bind(10, entry.SentModel);
        _began.Bind(11, entry.Streams);
        _began.Bind(12, entry.Reserved.ToStored());
        _began.Bind(13, entry.IsCounted);
        _began.Run();
    }

    private void Apply(Guid id, string generationId)
    {
        _named.Bind(1, id);
        _named.Bind(2, generationId);
        _named.Run();
    }

    private void Apply(LedgerEntry.Ended entry)
    {
        var statement = entry.GenerationId is null ? _ended : _endedAndNamed;
        var usage = entry.Usage;
        statement.Bind(1, entry.Id);
        statement.Bind(2, (int)entry.State);
        statement.Bind(3, entry.End);
        statement.Bind(4, entry.Status);
        statement.Bind(5, entry.AnsweredModel);
        statement.Bind(6, entry.Provider);
        statement.Bind(7, entry.FinishReason);
        statement.Bind(8, LedgerValues.Tokens(usage?.PromptTokens));
        statement.Bind(9, LedgerValues.Tokens(usage?.CompletionTokens));
        statement.Bind(10, LedgerValues.Tokens(usage?.CachedTokens));
        statement.Bind(11, LedgerValues.Tokens(usage?.ReasoningTokens));
        statement.Bind(12, usage?.Cost?.ToStored());
        statement.Bind(13, usage?.Discount?.ToStored());
        statement.Bind(14, LedgerValues.Microseconds(entry.TimeToFirstToken));
        statement.Bind(15, entry.EndedAt is { } endedAt ? LedgerKeys.ToStored(endedAt) : null);
        statement.Bind(16, entry.ClosedAt is { } closedAt ? LedgerKeys.ToStored(closedAt) : null);
        statement.Bind(17, entry.Asked);
        statement.Bind(18, entry.AskAt is { } askAt ? LedgerKeys.ToStored(askAt) : null);
        statement.Bind(19, entry.IsCounted);
        if (entry.GenerationId is { } generationId)
        {
            statement.Bind(20, generationId);
        }

        statement.Run();
        if (entry.GenerationId is { } late && SQLitePCL.raw.sqlite3_changes(Connection.Handle!) == 0)
        {
            // The row is settled already: all that may still be learnt is its name.
            Apply(entry.Id, late);
        }
    }

    private string Migrate()
    {
        using var transaction = Connection.BeginTransaction(deferred: false);
        Execute(LedgerSchema.CreateMeta);
        var version = ReadMeta(LedgerSchema.VersionKey);
        foreach (var statement in LedgerSchema.Upgrade(version, isSqlite: true))
        {
            Execute(statement);
        }

        var known = LedgerSchema.Version.ToString(CultureInfo.InvariantCulture);
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

        transaction.Commit();
        return id;
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

    private SqliteStatement Prepare(string sql)
    {
        var statement = new SqliteStatement(Connection.Handle!, sql);
        _statements.Add(statement);
        return statement;
    }
}
