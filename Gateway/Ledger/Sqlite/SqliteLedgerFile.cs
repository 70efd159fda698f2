using System.Data;
using Gateway.Primitives;
using Microsoft.Data.Sqlite;

namespace Gateway.Ledger.Sqlite;

/// <summary>
/// The SQLite file and its connections, and the journal beside it. One connection writes, under a lock. Each query opens its own connection
/// and reads the last commit. Other processes may have the file open, such as the second process of a rolling restart.
/// </summary>
/// <remarks>
/// Entries are appended to the journal of this process and folded into their rows by <see cref="JournalCompactor"/>. Reads and row updates
/// fold the pending entries of all processes first.
/// </remarks>
internal sealed class SqliteLedgerFile : IDisposable
{
    // SQLite's result codes.
    private const int Corrupt = 11;
    private const int NotADatabase = 26;

    private const string ForgetSequence = "DELETE FROM journal_folded WHERE node = $1";

    private readonly string _connectionString;
    private readonly string _readingString;
    private readonly SqliteLedgerRescue _rescue;
    private readonly JournalFolding _folding;
    private readonly FoldingOutage _outage;
    private readonly SqliteBusyWait _busyWait = new();
    private readonly Lock _writing = new();
    private SqliteLedgerConnection? _writer;
    private SqliteNode? _node;
    private JournalCompactor? _compactor;
    private volatile NodeJournal? _journal;
    private int _isFoldDue;
    private string? _ledgerId;
    private bool _isDisposed;

    public SqliteLedgerFile(string path, ILogger logger)
    {
        Path = System.IO.Path.GetFullPath(path);
        var settings = new SqliteConnectionStringBuilder { DataSource = Path, Pooling = false, DefaultTimeout = 5 };
        _connectionString = settings.ToString();

        // A query must not create a file in the place of one that was deleted.
        settings.Mode = SqliteOpenMode.ReadWrite;
        _readingString = settings.ToString();
        _rescue = new SqliteLedgerRescue(Path, logger);
        _folding = new JournalFolding(Path, logger);
        _outage = new FoldingOutage(Path, logger);
    }

    /// <summary>The file's full path.</summary>
    public string Path { get; }

    /// <inheritdoc cref="SqliteLedgerStore.BusyTimeout" />
    public TimeSpan BusyTimeout
    {
        get => _busyWait.Timeout;
        set => _busyWait.Timeout = value;
    }

    /// <inheritdoc cref="SqliteLedgerStore.CompactionInterval" />
    public TimeSpan CompactionInterval { get; set; } = TimeSpan.FromMilliseconds(200);

    /// <inheritdoc cref="SqliteLedgerStore.WaitsForDisk" />
    public bool WaitsForDisk { get; set; }

    /// <inheritdoc cref="SqliteLedgerStore.MaxJournalSize" />
    public long MaxJournalSize { get; set; } = 256L * 1024 * 1024;

    /// <inheritdoc cref="SqliteLedgerStore.Tuning" />
    public string Tuning { get; set; } = "";

    /// <inheritdoc cref="ILedgerStore.LedgerId" />
    public string LedgerId => _ledgerId ?? throw new InvalidOperationException("The ledger is not open");

    /// <inheritdoc cref="ILedgerStore.JournalSize" />
    public long JournalSize => _journal?.Size ?? 0;

    /// <summary>The id of this process in the rows that it creates. Known once the file is open for writing.</summary>
    public Guid? NodeId => _node?.Id;

    // A journal file is removed once the transaction that folded it is durable.
    private string Synchronous => WaitsForDisk ? "PRAGMA synchronous = FULL;" : "";

    /// <summary>Appends entries to the journal, durably, and wakes the compactor. Waits for no transaction.</summary>
    public Task AppendAsync(IReadOnlyList<LedgerEntry> entries)
    {
        try
        {
            var journal = _journal ?? OpenJournal();
            journal.Append(entries);
            if (Interlocked.Exchange(ref _isFoldDue, 1) == 0)
            {
                _compactor!.Wake();
            }

            return WaitsForDisk ? FlushAsync(journal) : Task.CompletedTask;
        }
        catch (Exception exception)
        {
            return Task.FromException(Failure(exception));
        }
    }

    /// <summary>Runs a write on the writing connection, after folding all journal entries into their rows.</summary>
    public Task<T> WriteAsync<T>(Func<SqliteConnection, T> write)
    {
        try
        {
            lock (_writing)
            {
                try
                {
                    var writer = Writer();
                    WakeIfMoved();
                    _folding.FoldAll(writer.Rows, _journal, NodeId);
                    _busyWait.Succeed();
                    return Task.FromResult(write(writer.Connection));
                }
                catch (Exception exception)
                {
                    Reset(exception);
                    throw;
                }
            }
        }
        catch (Exception exception)
        {
            return Task.FromException<T>(Failure(exception));
        }
    }

    /// <summary>
    /// Runs a short query on a thread of the pool: the caller may be a thread that polls sockets and must not block on a file.
    /// </summary>
    public async Task<T> ReadAsync<T>(Func<SqliteConnection, T> read)
    {
        try
        {
            return await Task.Run(() => Read(read));
        }
        catch (Exception exception)
        {
            throw Failure(exception);
        }
    }

    /// <summary>Runs a query over up to millions of rows on a dedicated thread, which SQLite blocks for seconds.</summary>
    public async Task<T> ReadLongAsync<T>(Func<SqliteConnection, T> read)
    {
        try
        {
            return await Task.Factory.StartNew(
                () => Read(read),
                CancellationToken.None,
                TaskCreationOptions.LongRunning | TaskCreationOptions.DenyChildAttach,
                TaskScheduler.Default);
        }
        catch (Exception exception)
        {
            throw Failure(exception);
        }
    }

    /// <summary>Folds the journal of a dead node and removes its files.</summary>
    /// <param name="connection">The writing connection, in a write.</param>
    /// <param name="node">The node, whose lock this process has.</param>
    /// <returns>Whether all of its entries are in their rows; <see langword="false"/> if its files belong to another user.</returns>
    public bool FoldDead(SqliteConnection connection, Guid node)
    {
        if (!_folding.TryFold(Writer().Rows, node, isDead: true))
        {
            return false;
        }

        using var forget = connection.Command(ForgetSequence, LedgerKeys.ToBytes(node));
        forget.ExecuteNonQuery();
        return true;
    }

    /// <summary>Folds the remaining journal entries into their rows, and closes the file.</summary>
    public void Dispose()
    {
        lock (_writing)
        {
            if (_isDisposed)
            {
                return;
            }

            _isDisposed = true;
        }

        // Outside the lock, which the compactor's thread may be waiting for.
        _compactor?.Dispose();
        lock (_writing)
        {
            TryFoldRest();
            Close();
            _journal?.Dispose();
            _node?.Dispose();
            _node = null;
        }
    }

    private LedgerException Failure(Exception exception) => exception as LedgerException
        ?? new LedgerException($"The ledger {Path} failed: {exception.Message}", exception)
        {
            IsPermanent = exception is SqliteException { SqliteErrorCode: NotADatabase or Corrupt },
        };

    private SqliteLedgerConnection Writer()
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        return _writer ?? Open();
    }

    private SqliteLedgerConnection Open()
    {
        PrivateFile.EnsureFolderOf(Path);

        // SQLite gives the files beside the database (-wal, -shm) the mode of the database.
        PrivateFile.EnsureExists(Path);
        _node ??= SqliteNode.Create(Path);
        _writer = new SqliteLedgerConnection(_connectionString, _busyWait.Next, BusyTimeout, Synchronous + Tuning);
        _busyWait.Succeed();
        _rescue.Opened();
        _ledgerId = _writer.LedgerId;
        _compactor ??= new JournalCompactor(_readingString, CompactionInterval, _rescue, Rescue, Fold, WithoutWriters);

        // Last: an entry that finds the journal wakes the compactor.
        _journal ??= new NodeJournal(Path, _node.Id, MaxJournalSize);
        return _writer;
    }

    private async Task FlushAsync(NodeJournal journal)
    {
        try
        {
            await Task.Run(journal.FlushToDisk);
        }
        catch (Exception exception)
        {
            throw Failure(exception);
        }
    }

    private NodeJournal OpenJournal()
    {
        lock (_writing)
        {
            Writer();
            return _journal!;
        }
    }

    // After a failure the state of the connection is unknown. The next call opens a new one, and SQLite rolls back uncommitted changes.
    private void Reset(Exception exception)
    {
        _busyWait.Fail(exception);

        // A file that was deleted ends with the connection.
        if (!_rescue.IsNeeded)
        {
            Close();
        }
    }

    private void Close()
    {
        _writer?.Dispose();
        _writer = null;
    }

    private void WakeIfMoved()
    {
        if (_rescue.IsNeeded)
        {
            _compactor?.Wake();
        }
    }

    private T Read<T>(Func<SqliteConnection, T> read)
    {
        WakeIfMoved();

        // Each query opens a connection, which takes about 100 microseconds: queries are rare and never wait for each other.
        using var connection = new SqliteConnection(_readingString);
        if (!_rescue.IsNeeded)
        {
            connection.Open();
        }

        // Also if the file was replaced before it was opened: SQLite would take the log of the ledger for that of this file.
        if (_rescue.IsNeeded)
        {
            lock (_writing)
            {
                if (_rescue.IsNeeded && !_isDisposed && _writer is { } writer)
                {
                    _folding.FoldAllOwn(writer.Rows, _journal);
                    return read(writer.Connection);
                }
            }
        }

        if (connection.State != ConnectionState.Open)
        {
            connection.Open();
        }

        if (HasEntries(connection))
        {
            FoldAll(connection);
        }

        return read(connection);
    }

    private bool HasEntries(SqliteConnection connection)
    {
        if (_journal is { } journal && journal.Folded < journal.Sequence)
        {
            return true;
        }

        using var command = connection.Command("SELECT EXISTS (SELECT 1 FROM journal)");
        return command.ExecuteScalar() is 1L || _folding.HasOthers(NodeId);
    }

    // Uses the reader's connection: a full disk or a fault of the writing connection does not fail the read. Checkpoints are left to the
    // compactor: a request does not wait for their syncs.
    private void FoldAll(SqliteConnection connection)
    {
        using (var command = connection.Command(
            $"{Synchronous}PRAGMA wal_autocheckpoint = 0; PRAGMA busy_timeout = {(long)_busyWait.Next.TotalMilliseconds}"))
        {
            command.ExecuteNonQuery();
        }

        using var rows = new SqliteRowWriter(connection);
        try
        {
            // One transaction at a time: others wait for the lock.
            for (var last = _journal?.Sequence ?? 0; FoldsOwn(rows, last);)
            {
            }

            lock (_writing)
            {
                if (!_rescue.IsNeeded)
                {
                    rows.FoldTable();
                    _folding.FoldOthers(rows, NodeId);
                }
            }
        }
        catch (LedgerException exception)
        {
            _busyWait.Fail(exception);
            throw;
        }
    }

    // A query that finds another file at the path must not fold into it: the entries belong to the open file, which is saved first.
    private bool FoldsOwn(SqliteRowWriter rows, long last)
    {
        lock (_writing)
        {
            if (_isDisposed || _rescue.IsNeeded || _journal is not { } journal || journal.Folded >= last)
            {
                return false;
            }

            _folding.FoldOwn(rows, journal);
            return true;
        }
    }

    // Called by the compactor's thread.
    private bool Fold()
    {
        lock (_writing)
        {
            Volatile.Write(ref _isFoldDue, 0);
            if (_isDisposed)
            {
                return false;
            }

            try
            {
                var writer = Writer();
                writer.Rows.FoldTable();
                var isMore = _folding.FoldOwn(writer.Rows, _journal!);
                _busyWait.Succeed();
                _outage.End();
                return isMore;
            }
            catch (Exception exception)
            {
                Volatile.Write(ref _isFoldDue, 1);
                Reset(exception);
                var failure = Failure(exception);
                _outage.Fail(failure, MaxJournalSize);
                throw failure;
            }
        }
    }

    // Called by the compactor's thread, which has closed its own connection.
    private void Rescue()
    {
        lock (_writing)
        {
            if (!_isDisposed && _writer is { } writer && _rescue.IsNeeded)
            {
                try
                {
                    _folding.FoldAllOwn(writer.Rows, _journal);
                    RunRescue(writer);
                }
                catch (Exception exception)
                {
                    throw Failure(exception);
                }
            }
        }
    }

    /// <summary>Saves the content of a file that was deleted or replaced. All entries are in their rows.</summary>
    private void RunRescue(SqliteLedgerConnection writer)
    {
        if (_rescue.Run(writer.Connection, Close) is { } kept)
        {
            Open().TakeOpenRows(kept);
        }
    }

    // Called by the compactor's thread. The log restarts only while no transaction is in progress.
    private void WithoutWriters(Action act)
    {
        lock (_writing)
        {
            act();
        }
    }

    // The next process folds entries that remain.
    private void TryFoldRest()
    {
        Try(() =>
        {
            if ((_writer ?? (_journal is { } journal && journal.Folded < journal.Sequence ? Open() : null)) is { } writer)
            {
                _folding.FoldAllOwn(writer.Rows, _journal);
                ForgetNode(writer.Connection);
            }
        });
        Try(() =>
        {
            if (_writer is { } writer && _rescue.IsNeeded)
            {
                RunRescue(writer);
            }
        });

        static void Try(Action act)
        {
            try
            {
                act();
            }
            catch (Exception fault) when (fault is LedgerException or SqliteException or IOException or UnauthorizedAccessException)
            {
                // The store is closing; no caller can receive the fault.
            }
        }
    }

    // A file that remains is folded by the next process, which must know up to where it is folded.
    private void ForgetNode(SqliteConnection connection)
    {
        _journal?.Dispose();
        if (_node is { } node && !JournalFile.Nodes(Path).Contains(node.Id))
        {
            using var forget = connection.Command(ForgetSequence, LedgerKeys.ToBytes(node.Id));
            forget.ExecuteNonQuery();
        }
    }
}
