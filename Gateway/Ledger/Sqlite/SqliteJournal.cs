using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Gateway.Ledger.Sqlite;

/// <summary>
/// Holds durable entries that are not in their rows yet. An awaited transaction appends a single row to a table without indexes.
/// <see cref="Compact"/> moves entries into <c>generations</c>, in order and in batches, and deletes them from the journal in the same
/// transaction. A process may move entries that another process appended.
/// </summary>
internal sealed class SqliteJournal : IDisposable
{
    // The number of rows that one short transaction changes. It takes a quarter of a millisecond, for which commits wait.
    private const int FewChanges = 32;

    // The number of rows of a long transaction, for throughput.
    private const int ManyChanges = 512;

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

    // The maximum number of appends in one read transaction. A checkpoint ends at the oldest open read transaction, so it is renewed often.
    private const int LongestView = 256;

    private readonly sqlite3 _database;
    private readonly List<SqliteStatement> _statements = [];
    private readonly SqliteStatement _begin;
    private readonly SqliteStatement _commit;
    private readonly SqliteStatement _rollback;
    private readonly SqliteStatement _append;
    private readonly SqliteStatement _openRead;
    private readonly SqliteStatement _last;
    private readonly SqliteStatement _blocks;
    private readonly SqliteStatement _remove;
    private readonly SqliteStatement _whole;
    private readonly SqliteStatement _named;
    private readonly SqliteStatement _namedAdopted;
    private readonly SqliteStatement _ended;
    private readonly SqliteStatement _endedAndNamed;

    // State of the transaction in progress.
    private readonly JournalBlockWriter _writer = new();
    private readonly List<JournalChange> _changes = [];
    private readonly Dictionary<Guid, int> _begun = [];
    private byte[] _bytes = new byte[64 * 1024];
    private int _length;
    private bool _isReadOpen;
    private int _seen;

    /// <summary>Prepares the statements; the schema must be up to date.</summary>
    public SqliteJournal(SqliteConnection connection)
    {
        _database = connection.Handle!;
        try
        {
            _begin = Prepare("BEGIN IMMEDIATE");
            _commit = Prepare("COMMIT");
            _rollback = Prepare("ROLLBACK");
            _append = Prepare("INSERT INTO journal (entries) VALUES ($1)");
            _openRead = Prepare("SELECT 1 FROM meta");
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

    /// <summary>
    /// Writes entries as one transaction. The read transaction stays open until <see cref="CloseReadTransaction"/>: opening and closing it
    /// each time costs four system calls, a third of the total.
    /// </summary>
    public void Append(Guid node, IReadOnlyList<LedgerEntry> entries)
    {
        _writer.Begin(node);
        for (var i = 0; i < entries.Count; i++)
        {
            _writer.Write(entries[i]);
        }

        if (++_seen > LongestView)
        {
            CloseReadTransaction();
        }

        if (!_isReadOpen)
        {
            _isReadOpen = _openRead.Read();
            _seen = 0;
        }

        _append.Bind(1, _writer.Written);
        if (!_append.TryRun())
        {
            // Another connection has written since, which makes the read transaction outdated, or is writing now. SQLite waits for a writer
            // only without a read transaction.
            CloseReadTransaction();
            _append.Run();
        }
    }

    /// <summary>Closes the read transaction of appending, so that the log can restart.</summary>
    public void CloseReadTransaction()
    {
        if (_isReadOpen)
        {
            _isReadOpen = false;
            _openRead.Reset();
        }
    }

    /// <summary>Moves all entries appended so far into their rows.</summary>
    /// <exception cref="LedgerException">
    /// The move failed, or another version of the gateway wrote the entries; all of them are kept.
    /// </exception>
    public void CompactAll()
    {
        CloseReadTransaction();
        _last.Read();
        var last = _last.Number(0);
        _last.Reset();
        while (Compact(isShort: false) is { } position && position < last)
        {
        }
    }

    /// <summary>Moves the oldest entries into their rows, as one transaction.</summary>
    /// <param name="isShort">Whether writers wait for the transaction, which is then limited to few rows.</param>
    /// <returns>The position of the last moved entry; <see langword="null"/> if no entries are left.</returns>
    /// <exception cref="LedgerException">
    /// The move failed, or another version of the gateway wrote the entries; all of them are kept.
    /// </exception>
    public long? Compact(bool isShort)
    {
        CloseReadTransaction();
        _begin.Run();
        try
        {
            var (last, isAll) = ReadChanges(isShort ? FewChanges : ManyChanges);
            foreach (var change in _changes)
            {
                Write(change);
            }

            if (_length > 0)
            {
                _remove.Bind(1, last);
                _remove.Run();
            }

            _commit.Run();
            return isAll ? null : last;
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

    private (long Last, bool IsAll) ReadChanges(int most)
    {
        _changes.Clear();
        _begun.Clear();
        _length = 0;
        var last = 0L;
        while (_changes.Count < most)
        {
            if (!_blocks.Read())
            {
                return (last, true);
            }

            last = _blocks.Number(0);
            var block = JournalBlockReader.Upgrade(_blocks.Bytes(1));
            if (_bytes.Length - _length < block.Length)
            {
                Array.Resize(ref _bytes, Math.Max(_bytes.Length * 2, _length + block.Length));
            }

            block.CopyTo(_bytes.AsSpan(_length));
            var start = _length;
            _length += block.Length;
            AddChanges(start);
        }

        _blocks.Reset();
        return (last, false);
    }

    private void AddChanges(int start)
    {
        var reader = ReaderAt(start);
        reader.Begin();
        while (!reader.IsAtEnd)
        {
            var position = _length - reader.Left;
            var kind = reader.Kind();
            var id = LedgerKeys.FromBytes(reader.Id());
            reader.Skip(kind);
            AddChange(kind, id, start, position);
        }
    }

    private void AddChange(JournalEntryKind kind, Guid id, int block, int position)
    {
        if (kind == JournalEntryKind.Began)
        {
            if (_begun.TryAdd(id, _changes.Count))
            {
                _changes.Add(new JournalChange(kind, block, position));
            }
        }
        else if (_begun.TryGetValue(id, out var index) && _changes[index] is { Ended: JournalChange.None } begun)
        {
            // Later entries of the same row are merged into its insert: the first name and the first end.
            _changes[index] = kind == JournalEntryKind.Ended ? begun with { Ended = position }
                : begun.Named == JournalChange.None ? begun with { Named = position }
                : begun;
        }
        else
        {
            _changes.Add(new JournalChange(kind, block, position));
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
        var began = ReaderAt(change.Position);
        var kind = began.Kind();
        _whole.Bind(1, began.Id());
        _whole.Bind(2, ReaderAt(change.Block).Begin());
        Bind(_whole, 3, kind, ref began);
        if (change.Ended != JournalChange.None)
        {
            var ended = ReaderAt(change.Ended);
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
            var named = ReaderAt(change.Named);
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
        var reader = ReaderAt(position);
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
        var reader = ReaderAt(position);
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

    private JournalBlockReader ReaderAt(int position) => new(_bytes.AsSpan(position, _length - position));

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
