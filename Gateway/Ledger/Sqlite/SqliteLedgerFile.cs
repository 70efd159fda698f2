using Gateway.Primitives;
using Microsoft.Data.Sqlite;

namespace Gateway.Ledger.Sqlite;

/// <summary>
/// The SQLite file and its connections. One connection writes, under a lock. Each query opens its own connection and reads the last commit.
/// Other processes may have the file open, such as the second process of a rolling restart.
/// </summary>
/// <remarks>
/// Entries are appended to a journal table in the same file and moved into their rows by <see cref="JournalCompactor"/>. Reads and row
/// updates move the pending entries first.
/// </remarks>
internal sealed class SqliteLedgerFile : IDisposable
{
    // SQLite's result codes.
    private const int Busy = 5;
    private const int Corrupt = 11;
    private const int NotADatabase = 26;

    /// <summary>The wait for a file that has been locked for longer than <see cref="BusyTimeout"/>.</summary>
    private static readonly TimeSpan WaitWhileLocked = TimeSpan.FromMilliseconds(100);

    private readonly string _connectionString;
    private readonly string _readingString;
    private readonly SqliteLedgerRescue _rescue;
    private readonly Lock _writing = new();
    private SqliteLedgerConnection? _writer;
    private SqliteNode? _node;
    private JournalCompactor? _compactor;
    private bool _isCompactionDue;
    private volatile bool _isLocked;
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
    }

    /// <summary>The file's full path.</summary>
    public string Path { get; }

    /// <inheritdoc cref="SqliteLedgerStore.BusyTimeout" />
    public TimeSpan BusyTimeout { get; set; } = TimeSpan.FromSeconds(2);

    /// <inheritdoc cref="SqliteLedgerStore.CompactionInterval" />
    public TimeSpan CompactionInterval { get; set; } = TimeSpan.FromMilliseconds(200);

    /// <inheritdoc cref="SqliteLedgerStore.Tuning" />
    public string Tuning { get; set; } = "";

    /// <inheritdoc cref="ILedgerStore.LedgerId" />
    public string LedgerId => _ledgerId ?? throw new InvalidOperationException("The ledger is not open");

    /// <summary>The id of this process in the rows that it creates. Known once the file is open for writing.</summary>
    public Guid? NodeId => _node?.Id;

    // One request waits for a file that is locked for long, not every one.
    private TimeSpan Wait => _isLocked && WaitWhileLocked < BusyTimeout ? WaitWhileLocked : BusyTimeout;

    /// <summary>Appends entries to the journal, durably, and wakes the compactor.</summary>
    public Task AppendAsync(IReadOnlyList<LedgerEntry> entries)
    {
        try
        {
            lock (_writing)
            {
                try
                {
                    Writer().Append(entries);
                    _isLocked = false;
                    if (!_isCompactionDue)
                    {
                        _isCompactionDue = true;
                        _compactor!.Wake();
                    }
                }
                catch (Exception exception)
                {
                    Reset(exception);
                    throw;
                }
            }

            return Task.CompletedTask;
        }
        catch (Exception exception)
        {
            return Task.FromException(Failure(exception));
        }
    }

    /// <summary>Runs a write on the writing connection, after moving all journal entries into their rows.</summary>
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
                    writer.Journal.CompactAll();
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

    /// <summary>Moves the remaining journal entries into their rows, and closes the file.</summary>
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
            TryCompactRest();
            Close();
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
        if (System.IO.Path.GetDirectoryName(Path) is { } folder && !Directory.Exists(folder))
        {
            _ = OperatingSystem.IsWindows()
                ? Directory.CreateDirectory(folder)
                : Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        // SQLite gives the files beside the database (-wal, -shm) the mode of the database.
        PrivateFile.EnsureExists(Path);
        _node ??= SqliteNode.Create(Path);
        _writer = new SqliteLedgerConnection(_connectionString, _node.Id, Wait, BusyTimeout, Tuning);
        _isLocked = false;
        _rescue.Opened();
        _ledgerId = _writer.LedgerId;
        _compactor ??= new JournalCompactor(_readingString, CompactionInterval, _rescue, Rescue, Compact, WithoutWriters);
        return _writer;
    }

    // After a failure the state of the connection is unknown. The next call opens a new one, and SQLite rolls back uncommitted changes.
    private void Reset(Exception exception)
    {
        NoteLock(exception);
        Close();
    }

    private void Close()
    {
        _writer?.Dispose();
        _writer = null;
    }

    private void NoteLock(Exception exception) =>
        _isLocked |= exception is LedgerException { IsLocked: true } or SqliteException { SqliteErrorCode: Busy };

    private void WakeIfMoved()
    {
        if (_rescue.IsNeeded)
        {
            _compactor?.Wake();
        }
    }

    private T Read<T>(Func<SqliteConnection, T> read)
    {
        // Each query opens a connection, which takes about 100 microseconds: queries are rare and never wait for each other.
        WakeIfMoved();
        using var connection = new SqliteConnection(_readingString);
        connection.Open();
        CompactAll(connection);
        return read(connection);
    }

    // Uses the reader's connection: a full disk or a fault of the writing connection does not fail the read.
    private void CompactAll(SqliteConnection connection)
    {
        using (var command = connection.Command("SELECT EXISTS (SELECT 1 FROM journal)"))
        {
            if (command.ExecuteScalar() is not 1L)
            {
                return;
            }
        }

        using (var command = connection.Command($"PRAGMA busy_timeout = {(long)Wait.TotalMilliseconds}"))
        {
            command.ExecuteNonQuery();
        }

        using var journal = new SqliteJournal(connection);
        lock (_writing)
        {
            try
            {
                journal.CompactAll();
            }
            catch (LedgerException exception)
            {
                NoteLock(exception);
                throw;
            }
        }
    }

    // Called by the compactor's thread.
    private bool Compact(bool isShort)
    {
        lock (_writing)
        {
            _isCompactionDue = false;
            if (_isDisposed)
            {
                return false;
            }

            try
            {
                return Writer().Journal.Compact(isShort) is not null;
            }
            catch (Exception exception)
            {
                _isCompactionDue = true;
                Reset(exception);
                throw Failure(exception);
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
                writer.Journal.CompactAll();
                writer.Journal.CloseReadTransaction();
                RunRescue(writer);
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

    // Called by the compactor's thread. The log restarts only without open read transactions.
    private void WithoutWriters(Action act)
    {
        lock (_writing)
        {
            _writer?.Journal.CloseReadTransaction();
            act();
        }
    }

    // The next opening of the file moves entries that remain.
    private void TryCompactRest()
    {
        try
        {
            _writer?.Journal.CompactAll();
            if (_writer is { } writer && _rescue.IsNeeded)
            {
                RunRescue(writer);
            }
        }
        catch (Exception fault) when (fault is LedgerException or SqliteException)
        {
            // The store is closing; no caller can receive the fault.
        }
    }
}
