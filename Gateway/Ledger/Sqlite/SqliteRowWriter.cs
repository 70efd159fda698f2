using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Gateway.Ledger.Sqlite;

/// <summary>
/// Folds journal entries into their rows, in order and in batches. The transaction that folds entries of a node's file stores the sequence
/// number of the last one, so that none counts twice, even if several processes fold it.
/// </summary>
/// <remarks>
/// Earlier versions appended entries to the table <c>journal</c>, and may still do so while this process has the file open. Entries in the
/// table are removed by the transaction that folds them.
/// </remarks>
internal sealed class SqliteRowWriter : IDisposable
{
    // The number of rows that one transaction changes, for which other processes wait.
    private const int MaxChanges = 2000;

    private const string Sequence = "SELECT sequence FROM journal_folded WHERE node = $1";
    private const string SetSequence =
        "INSERT INTO journal_folded (node, sequence) VALUES ($1, $2) ON CONFLICT (node) DO UPDATE SET sequence = excluded.sequence";

    // Inserts the merged row. Columns owned by an entry that has not arrived yet are NULL.
    private const string Whole =
        """
        INSERT INTO generations (id, node, started_at, team, key_label, rule, settings_version, endpoint, model_asked, model_sent, streams,
            reserved_pico, is_counted, request_id, state, ended, status, model_answered, provider, finish_reason, prompt_tokens,
            completion_tokens, cached_tokens, reasoning_tokens, cost_pico, discount_pico, first_token_us, ended_at, closed_at, asked, ask_at,
            destination, upstream_cost_pico, held_pico, is_error, limit_tokens, answered_ms, asked_at, upstream_key, region, service_tier,
            generation_id)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, COALESCE($32, $13), $14, COALESCE($15, 0), $16, $17, $18, $19, $20,
            $21, $22, $23, $24, $25, $26, $27, $28, $29, COALESCE($30, 0), $31, COALESCE($33, $45), $34, $35, COALESCE($36, 0), $37,
            COALESCE($38, 0), $39, COALESCE($40, $46), $41, $42, COALESCE($44, $43))
        ON CONFLICT (id) DO NOTHING
        """;

    private readonly sqlite3 _database;
    private readonly List<SqliteStatement> _statements = [];
    private readonly SqliteStatement _begin;
    private readonly SqliteStatement _commit;
    private readonly SqliteStatement _rollback;
    private readonly SqliteStatement _sequence;
    private readonly SqliteStatement _setSequence;
    private readonly SqliteStatement _last;
    private readonly SqliteStatement _blocks;
    private readonly SqliteStatement _remove;
    private readonly SqliteStatement _whole;
    private readonly SqliteStatement _named;
    private readonly SqliteStatement _namedAdopted;
    private readonly SqliteStatement _ended;
    private readonly SqliteStatement _endedAndNamed;

    // State of the transaction in progress.
    private readonly JournalChanges _changes = new();
    private long _lastRead;

    /// <summary>Prepares the statements; the schema must be up to date.</summary>
    public SqliteRowWriter(SqliteConnection connection)
    {
        _database = connection.Handle!;
        try
        {
            _begin = Prepare("BEGIN IMMEDIATE");
            _commit = Prepare("COMMIT");
            _rollback = Prepare("ROLLBACK");
            _sequence = Prepare(Sequence);
            _setSequence = Prepare(SetSequence);
            _last = Prepare("SELECT COALESCE(MAX(position), 0) FROM journal");
            _blocks = Prepare("SELECT position, entries FROM journal ORDER BY position");
            _remove = Prepare("DELETE FROM journal WHERE position <= $1");
            _whole = Prepare(Whole);
            _named = Prepare(LedgerSql.Named);
            _namedAdopted = Prepare(LedgerSql.NamedAdopted);
            _ended = Prepare(LedgerSql.Ended);
            _endedAndNamed = Prepare(LedgerSql.EndedAndNamed);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Folds all entries that are in the table now.</summary>
    /// <exception cref="LedgerException">
    /// The transaction failed, or another version of the gateway wrote the entries; all of them are kept.
    /// </exception>
    public void FoldTable()
    {
        _last.Read();
        var last = _last.Number(0);
        _last.Reset();
        for (var position = 0L; position < last;)
        {
            _begin.Run();
            try
            {
                ReadTable(last);
                if (_changes.HasEntries)
                {
                    WriteChanges();
                    _remove.Bind(1, position = _lastRead);
                    _remove.Run();
                }
                else
                {
                    // Another process has folded them.
                    position = last;
                }

                _commit.Run();
            }
            catch
            {
                RollBack();
                throw;
            }
        }
    }

    /// <summary>Folds the next entries of a node, as one transaction.</summary>
    /// <param name="reader">Reads the node's files.</param>
    /// <param name="folded">The sequence number up to which entries are known to be folded, also if the database does not know it.</param>
    /// <param name="last">The sequence number of the last entry to fold.</param>
    /// <param name="isOwn">Whether the node is this process, which removes the folded entries.</param>
    /// <returns>The sequence number up to which entries are folded, and whether others may follow.</returns>
    /// <exception cref="LedgerException">
    /// The transaction failed, or another version of the gateway wrote the entries; all of them are kept.
    /// </exception>
    public (long Folded, bool IsMore) Fold(JournalReader reader, long folded, long last, bool isOwn)
    {
        Span<byte> node = stackalloc byte[LedgerKeys.Size];
        reader.Node.TryWriteBytes(node, bigEndian: true, out _);
        _begin.Run();
        try
        {
            var stored = folded;
            _sequence.Bind(1, node);
            if (_sequence.Read())
            {
                stored = Math.Max(folded, _sequence.Number(0));
                _sequence.Reset();
            }

            reader.Seek(stored);
            ReadFile(reader, last);

            // Also if another process has folded them: a node that waits for the disk removes its files after a commit of its own.
            if (_changes.HasEntries || (isOwn && stored > folded))
            {
                WriteChanges();
                folded = Math.Max(stored, reader.Sequence);
                _setSequence.Bind(1, node);
                _setSequence.Bind(2, folded);
                _setSequence.Run();
            }

            _commit.Run();
            return (folded, _changes.Count >= MaxChanges);
        }
        catch
        {
            RollBack();
            throw;
        }
    }

    public void Dispose()
    {
        foreach (var statement in _statements)
        {
            statement.Dispose();
        }
    }

    private void ReadFile(JournalReader reader, long last)
    {
        _changes.Clear();
        while (_changes.Count < MaxChanges && reader.TryRead(last, out var block))
        {
            _changes.Add(block);
        }
    }

    private void ReadTable(long last)
    {
        _changes.Clear();
        while (_changes.Count < MaxChanges && _blocks.Read())
        {
            if (_blocks.Number(0) > last)
            {
                break;
            }

            _lastRead = _blocks.Number(0);
            _changes.Add(_blocks.Bytes(1));
        }

        _blocks.Reset();
    }

    private void WriteChanges()
    {
        for (var i = 0; i < _changes.Count; i++)
        {
            Write(_changes[i]);
        }
    }

    private void Write(in JournalChange change)
    {
        if (change.Kind == JournalEntryKind.Began)
        {
            Insert(change);
        }
        else
        {
            Update(change.Position);
        }
    }

    private void Insert(in JournalChange change)
    {
        var began = _changes.ReaderAt(change.Position);
        var kind = began.Kind();
        _whole.Bind(1, began.Id());
        _whole.Bind(2, _changes.ReaderAt(change.Block).Begin());
        Bind(_whole, 3, kind, ref began);
        if (change.Ended != JournalChange.None)
        {
            var ended = _changes.ReaderAt(change.Ended);
            kind = ended.Kind();
            ended.Id();
            if (ended.Text(out var generationId))
            {
                _whole.BindText(43, generationId);
            }

            Bind(_whole, 15, kind, ref ended);
        }

        if (change.Named != JournalChange.None)
        {
            var named = _changes.ReaderAt(change.Named);
            kind = named.Kind();
            named.Id();
            named.Text(out var generationId);
            _whole.BindText(44, generationId);
            Bind(_whole, 45, kind, ref named);
        }

        _whole.Run();
        if (raw.sqlite3_changes(_database) != 0)
        {
            return;
        }

        // The row exists: the entry was written twice because the response to a commit was lost. The later entries are new.
        if (change.Named != JournalChange.None)
        {
            Update(change.Named);
        }

        if (change.Ended != JournalChange.None)
        {
            Update(change.Ended);
        }
    }

    private void Update(int position)
    {
        var reader = _changes.ReaderAt(position);
        var kind = reader.Kind();
        var id = reader.Id();
        var isNamed = reader.Text(out var generationId);
        if (kind == JournalEntryKind.Ended)
        {
            var statement = isNamed ? _endedAndNamed : _ended;
            statement.Bind(1, id);
            Bind(statement, 2, kind, ref reader);
            if (isNamed)
            {
                statement.BindText(30, generationId);
            }

            statement.Run();
            if (!isNamed || raw.sqlite3_changes(_database) != 0)
            {
                return;
            }

            // The row is already settled; only its generation id may be missing.
        }

        if (!TryName(_named, position))
        {
            TryName(_namedAdopted, position);
        }
    }

    private bool TryName(SqliteStatement statement, int position)
    {
        var reader = _changes.ReaderAt(position);
        var kind = reader.Kind();
        statement.Bind(1, reader.Id());
        reader.Text(out var generationId);
        statement.BindText(2, generationId);
        if (kind == JournalEntryKind.Named)
        {
            Bind(statement, 3, kind, ref reader);
        }

        statement.Run();
        return raw.sqlite3_changes(_database) != 0;
    }

    private static void Bind(SqliteStatement statement, int first, JournalEntryKind kind, ref JournalBlockReader reader)
    {
        foreach (var value in JournalBlockReader.ValuesOf(kind))
        {
            if (value == JournalBlockReader.TextValue)
            {
                if (reader.Text(out var text))
                {
                    statement.BindText(first, text);
                }
            }
            else if (reader.Number() is { } number)
            {
                statement.Bind(first, number);
            }

            first++;
        }
    }

    // SQLite may have rolled back already.
    private void RollBack()
    {
        _blocks.Reset();
        if (raw.sqlite3_get_autocommit(_database) == 0)
        {
            _rollback.TryRun();
        }
    }

    private SqliteStatement Prepare(string sql)
    {
        var statement = new SqliteStatement(_database, sql);
        _statements.Add(statement);
        return statement;
    }
}
