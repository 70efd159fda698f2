using Microsoft.Data.Sqlite;
using SQLitePCL;

namespace Gateway.Ledger.Sqlite;

/// <summary>
/// The entries that are written but not in their rows yet. A transaction that a request waits for appends one row to a table without
/// indexes, whatever is in it; <see cref="Fold"/> brings entries into <c>generations</c>, many at once, in their order, and removes them
/// from here in the same transaction. Any process may fold what another has appended.
/// </summary>
internal sealed class SqliteJournal : IDisposable
{
    // Rows changed by one transaction: it takes a quarter of a millisecond, for which whoever commits has to wait.
    private const int FewChanges = 32;

    // Where it matters more that it gets done.
    private const int ManyChanges = 512;

    // Inserts the merged row. Columns owned by an entry that has not arrived yet are NULL.
    private const string Whole =
        """
        INSERT INTO generations (id, node, started_at, team, key_label, rule, settings_version, endpoint, model_asked, model_sent, streams,
            reserved_pico, is_counted, state, ended, status, model_answered, provider, finish_reason, prompt_tokens, completion_tokens,
            cached_tokens, reasoning_tokens, cost_pico, discount_pico, first_token_us, ended_at, closed_at, asked, ask_at, destination,
            generation_id)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, COALESCE($31, $13), COALESCE($14, 0), $15, $16, $17, $18, $19, $20, $21,
            $22, $23, $24, $25, $26, $27, $28, COALESCE($29, 0), $30, COALESCE($32, $35), COALESCE($34, $33))
        ON CONFLICT (id) DO NOTHING
        """;

    // A log is brought into the database up to the oldest view that somebody keeps open: this one is never far behind.
    private const int LongestView = 256;

    // No position in the bytes.
    private const int None = -1;

    private readonly sqlite3 _database;
    private readonly List<SqliteStatement> _statements = [];
    private readonly SqliteStatement _begin;
    private readonly SqliteStatement _commit;
    private readonly SqliteStatement _rollback;
    private readonly SqliteStatement _append;
    private readonly SqliteStatement _hold;
    private readonly SqliteStatement _last;
    private readonly SqliteStatement _blocks;
    private readonly SqliteStatement _remove;
    private readonly SqliteStatement _whole;
    private readonly SqliteStatement _named;
    private readonly SqliteStatement _ended;
    private readonly SqliteStatement _endedAndNamed;

    // Of the transaction under way.
    private readonly LedgerRecordWriter _writer = new();
    private readonly List<Change> _changes = [];
    private readonly Dictionary<Guid, int> _begun = [];
    private byte[] _bytes = new byte[64 * 1024];
    private int _length;
    private bool _isHolding;
    private int _seen;

    /// <summary>Prepares for a database whose schema is up to date.</summary>
    public SqliteJournal(SqliteConnection connection)
    {
        _database = connection.Handle!;
        try
        {
            _begin = Prepare("BEGIN IMMEDIATE");
            _commit = Prepare("COMMIT");
            _rollback = Prepare("ROLLBACK");
            _append = Prepare("INSERT INTO journal (entries) VALUES ($1)");
            _hold = Prepare("SELECT 1 FROM meta");
            _last = Prepare("SELECT COALESCE(MAX(position), 0) FROM journal");
            _blocks = Prepare("SELECT position, entries FROM journal ORDER BY position");
            _remove = Prepare("DELETE FROM journal WHERE position <= $1");
            _whole = Prepare(Whole);
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

    /// <summary>
    /// Writes entries as one transaction. The view of the database is kept open until <see cref="LetGo"/>: to open it for each
    /// transaction, and close it, costs four calls into the system and a third of the whole.
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
            LetGo();
        }

        if (!_isHolding)
        {
            _isHolding = _hold.Read();
            _seen = 0;
        }

        _append.Bind(1, _writer.Written);
        if (!_append.TryRun())
        {
            // Somebody else has written since, so that the view is an old one, or is just writing, which is waited for only without a view.
            LetGo();
            _append.Run();
        }
    }

    /// <summary>Closes the view of the database that appending keeps open, which lets the log begin anew.</summary>
    public void LetGo()
    {
        if (_isHolding)
        {
            _isHolding = false;
            _hold.Reset();
        }
    }

    /// <summary>Brings into their rows all that was appended up to now.</summary>
    /// <exception cref="LedgerException">It failed, or another version of the gateway wrote what is there; all of it is kept.</exception>
    public void FoldAll()
    {
        LetGo();
        _last.Read();
        var last = _last.Number(0);
        _last.Reset();
        while (Fold(isShort: false) is { } position && position < last)
        {
        }
    }

    /// <summary>Brings the oldest entries into their rows, as one transaction.</summary>
    /// <param name="isShort">Whether others wait for its end: it is bounded to few rows then.</param>
    /// <returns>The position up to which that was done, or <see langword="null"/> when nothing is left.</returns>
    /// <exception cref="LedgerException">It failed, or another version of the gateway wrote what is there; all of it is kept.</exception>
    public long? Fold(bool isShort)
    {
        LetGo();
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
            var block = LedgerRecordReader.Upgrade(_blocks.Bytes(1));
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

    private void AddChange(LedgerRecordKind kind, Guid id, int block, int position)
    {
        if (kind == LedgerRecordKind.Began)
        {
            if (_begun.TryAdd(id, _changes.Count))
            {
                _changes.Add(new Change(kind, block, position));
            }
        }
        else if (_begun.TryGetValue(id, out var index) && _changes[index] is { Ended: None } begun)
        {
            // What comes behind the beginning of the same row is written with it: the first name, which stays, and the first end.
            _changes[index] = kind == LedgerRecordKind.Ended ? begun with { Ended = position }
                : begun.Named == None ? begun with { Named = position }
                : begun;
        }
        else
        {
            _changes.Add(new Change(kind, block, position));
        }
    }

    private void Write(in Change change)
    {
        if (change.Kind == LedgerRecordKind.Began)
        {
            Insert(change);
        }
        else
        {
            Update(change.Position);
        }
    }

    private void Insert(in Change change)
    {
        var began = ReaderAt(change.Position);
        var kind = began.Kind();
        _whole.Bind(1, began.Id());
        _whole.Bind(2, ReaderAt(change.Block).Begin());
        Bind(_whole, 3, kind, ref began);
        if (change.Ended != None)
        {
            var ended = ReaderAt(change.Ended);
            kind = ended.Kind();
            ended.Id();
            if (ended.Text(out var generationId))
            {
                _whole.BindText(33, generationId);
            }

            Bind(_whole, 14, kind, ref ended);
        }

        if (change.Named != None)
        {
            var named = ReaderAt(change.Named);
            kind = named.Kind();
            named.Id();
            named.Text(out var generationId);
            _whole.BindText(34, generationId);
            Bind(_whole, 35, kind, ref named);
        }

        _whole.Run();
        if (raw.sqlite3_changes(_database) != 0)
        {
            return;
        }

        // The row is there: it was told twice, which happens when the answer to a commit was lost. What comes behind is news.
        if (change.Named != None)
        {
            Update(change.Named);
        }

        if (change.Ended != None)
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
        if (kind == LedgerRecordKind.Ended)
        {
            var statement = isNamed ? _endedAndNamed : _ended;
            statement.Bind(1, id);
            Bind(statement, 2, kind, ref reader);
            if (isNamed)
            {
                statement.BindText(21, generationId);
            }

            statement.Run();
            if (!isNamed || raw.sqlite3_changes(_database) != 0)
            {
                return;
            }

            // The row is settled already and only its generation id may be missing.
        }
        else
        {
            Bind(_named, 3, kind, ref reader);
        }

        _named.Bind(1, id);
        _named.BindText(2, generationId);
        _named.Run();
    }

    private static void Bind(SqliteStatement statement, int first, LedgerRecordKind kind, ref LedgerRecordReader reader)
    {
        foreach (var value in LedgerRecordReader.ValuesOf(kind))
        {
            if (value == LedgerRecordReader.TextValue)
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

    private LedgerRecordReader ReaderAt(int position) => new(_bytes.AsSpan(position, _length - position));

    // After a failure SQLite may have rolled back by itself.
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

    /// <summary>What a transaction does to a row.</summary>
    /// <param name="Kind">What its first entry is.</param>
    /// <param name="Block">Where the block begins that this one is in.</param>
    /// <param name="Position">Where it begins itself.</param>
    private readonly record struct Change(LedgerRecordKind Kind, int Block, int Position)
    {
        /// <summary>Where the row's first name is, when its beginning is among them too.</summary>
        public int Named { get; init; } = None;

        /// <summary>Where the row's first end is, likewise.</summary>
        public int Ended { get; init; } = None;
    }
}
