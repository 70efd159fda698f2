using Gateway.Primitives;
using Microsoft.Data.Sqlite;

namespace Gateway.Ledger.Sqlite;

/// <summary>
/// The ledger as a file. All that this process writes goes through one connection, in turns; queries have connections of their own and
/// see the last commit. Other processes may have the file open: a rolling restart has two.
/// </summary>
/// <remarks>
/// Entries are appended to a journal, in the same file, and brought into their rows a moment later. Whoever reads or changes rows here
/// has that done first.
/// </remarks>
internal sealed class SqliteLedgerStore : ILedgerStore
{
    private readonly string _path;
    private readonly string _connectionString;
    private readonly Lock _writing = new();
    private SqliteLedgerConnection? _writer;
    private SqliteNode? _node;
    private JournalCompactor? _folding;
    private bool _isFoldingDue;
    private string? _ledgerId;
    private bool _isDisposed;

    public SqliteLedgerStore(string path)
    {
        _path = Path.GetFullPath(path);
        _connectionString = new SqliteConnectionStringBuilder { DataSource = _path, Pooling = false, DefaultTimeout = 5 }.ToString();
    }

    /// <summary>How long another process's transaction is waited for. Default 2 seconds.</summary>
    public TimeSpan BusyTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>How long what is written stays in the journal at most, for other processes' readers. Default 200 milliseconds.</summary>
    public TimeSpan FoldingInterval { get; init; } = TimeSpan.FromMilliseconds(200);

    /// <summary>Statements for the next connection that is opened to write: tests make the disk full with it.</summary>
    internal string Tuning { get; set; } = "";

    public string LedgerId => _ledgerId ?? throw new InvalidOperationException("The ledger is not open");

    public Task OpenAsync(CancellationToken cancellationToken) => WriteAsync(_ => true);

    public Task ApplyAsync(IReadOnlyList<LedgerEntry> entries, CancellationToken cancellationToken)
    {
        try
        {
            lock (_writing)
            {
                try
                {
                    Writer().Append(entries);
                    if (!_isFoldingDue)
                    {
                        _isFoldingDue = true;
                        _folding!.Wake();
                    }
                }
                catch
                {
                    Reset();
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

    public Task<(int Provisional, int Unresolvable)> AdoptOrphansAsync(DateTimeOffset now, CancellationToken cancellationToken) =>
        WriteAsync(connection =>
        {
            var nodes = new HashSet<Guid>(SqliteNode.WithFile(_path));
            using (var command = Command(connection, LedgerSql.ReservingNodes))
            using (var reader = command.ExecuteReader())
            {
                while (reader.Read())
                {
                    nodes.Add(Id(reader, 0));
                }
            }

            nodes.Remove(_node!.Id);
            var (provisional, unresolvable) = (0, 0);
            foreach (var node in nodes)
            {
                using var taken = SqliteNode.TakeDead(_path, node);
                if (taken is null)
                {
                    continue;
                }

                using var transaction = connection.BeginTransaction(deferred: false);
                using var named = Command(connection, LedgerSql.AdoptNamed, LedgerKeys.ToBytes(node), LedgerKeys.ToStored(now));
                using var unnamed = Command(connection, LedgerSql.AdoptUnnamed, LedgerKeys.ToBytes(node), LedgerKeys.ToStored(now));
                provisional += named.ExecuteNonQuery();
                unresolvable += unnamed.ExecuteNonQuery();
                transaction.Commit();
            }

            return (provisional, unresolvable);
        });

    public Task<IReadOnlyList<PendingGeneration>> TakeDueAsync(
        IReadOnlyCollection<string> teams, DateTimeOffset now, DateTimeOffset leasedUntil, int max, CancellationToken cancellationToken) =>
        WriteAsync<IReadOnlyList<PendingGeneration>>(connection =>
        {
            var due = new List<PendingGeneration>();
            using var transaction = connection.BeginTransaction(deferred: false);
            using (var command = Command(
                connection,
                $"""
                SELECT {LedgerSql.PendingColumns} FROM generations
                WHERE state = 1 AND state < 2 AND ask_at <= $1 AND team IN ({string.Join(", ", teams.Select((_, i) => $"${i + 3}"))})
                ORDER BY ask_at LIMIT $2
                """,
                [LedgerKeys.ToStored(now), max, .. teams]))
            using (var reader = command.ExecuteReader())
            {
                while (reader.Read())
                {
                    due.Add(LedgerRows.Pending(reader, Id(reader, 0)));
                }
            }

            using var lease = Command(
                connection, "UPDATE generations SET ask_at = $2 WHERE id = $1", Array.Empty<byte>(), LedgerKeys.ToStored(leasedUntil));
            foreach (var row in due)
            {
                lease.Parameters[0].Value = LedgerKeys.ToBytes(row.Id);
                lease.ExecuteNonQuery();
            }

            transaction.Commit();
            return due;
        });

    public Task<IReadOnlyList<UsageRow>> ReadUsageAsync(
        UsageGroup group, DateTimeOffset? from, DateTimeOffset? to, CancellationToken cancellationToken) =>
        ReadLongAsync<IReadOnlyList<UsageRow>>(connection =>
        {
            var rows = new List<UsageRow>();
            using var command = Command(
                connection,
                LedgerSql.Usage(group),
                LedgerKeys.ToBytes(LedgerKeys.Floor(from)),
                LedgerKeys.ToBytes(LedgerKeys.Ceiling(to)),
                LedgerKeys.ToStored(from ?? DateTimeOffset.MinValue),
                LedgerKeys.ToStored(to ?? DateTimeOffset.MaxValue));
            using var reader = command.ExecuteReader();
            while (reader.Read())
            {
                rows.Add(LedgerRows.Usage(reader));
            }

            return rows;
        });

    public Task<TeamCharges> ReadChargesAsync(string team, DateTimeOffset from, CancellationToken cancellationToken) =>
        ReadLongAsync(connection =>
        {
            var charged = PicoDollars.Zero;
            var open = new Dictionary<Guid, PicoDollars>();
            using var command = Command(
                connection,
                from == DateTimeOffset.MinValue ? LedgerSql.ChargesEver : LedgerSql.Charges,
                LedgerValues.Text(team)!,
                LedgerKeys.ToBytes(LedgerKeys.Floor(from)),
                LedgerKeys.ToStored(from));
            using var reader = command.ExecuteReader();
            while (reader.Read())
            {
                var charge = LedgerMoney.FromSums(reader.GetInt64(1), reader.GetInt64(2));
                charged += charge;
                if (!reader.IsDBNull(0))
                {
                    open.Add(Id(reader, 0), charge);
                }
            }

            return new TeamCharges(charged, open);
        });

    public Task<IReadOnlyDictionary<Guid, RowCharge>> ReadChargesAsync(
        IReadOnlyCollection<Guid> ids, CancellationToken cancellationToken) =>
        ReadAsync<IReadOnlyDictionary<Guid, RowCharge>>(connection =>
        {
            var charges = new Dictionary<Guid, RowCharge>();
            using var command = Command(connection, LedgerSql.RowCharge + "id = $1", Array.Empty<byte>());
            foreach (var id in ids)
            {
                command.Parameters[0].Value = LedgerKeys.ToBytes(id);
                using var reader = command.ExecuteReader();
                if (reader.Read())
                {
                    charges[id] = Charge(reader);
                }
            }

            return charges;
        });

    public Task<IReadOnlyList<RowCharge>> ReadUncountedAsync(int max, CancellationToken cancellationToken) =>
        ReadAsync<IReadOnlyList<RowCharge>>(connection =>
        {
            var charges = new List<RowCharge>();
            using var command = Command(connection, LedgerSql.Uncounted, max);
            using var reader = command.ExecuteReader();
            while (reader.Read())
            {
                charges.Add(Charge(reader));
            }

            return charges;
        });

    public Task MarkCountedAsync(IReadOnlyCollection<Guid> ids, CancellationToken cancellationToken) => WriteAsync(connection =>
    {
        using var transaction = connection.BeginTransaction(deferred: false);
        using var command = Command(connection, "UPDATE generations SET is_counted = 1 WHERE id = $1", Array.Empty<byte>());
        foreach (var id in ids)
        {
            command.Parameters[0].Value = LedgerKeys.ToBytes(id);
            command.ExecuteNonQuery();
        }

        transaction.Commit();
        return true;
    });

    public Task<bool> HasGenerationAsync(string team, string generationId, CancellationToken cancellationToken)
    {
        // A name that could not be kept as it is never is in a row.
        return LedgerValues.Text(generationId) != generationId
            ? Task.FromResult(false)
            : ReadAsync(connection =>
            {
                using var command = Command(connection, LedgerSql.HasGeneration, generationId, LedgerValues.Text(team)!);
                return command.ExecuteScalar() is 1L;
            });
    }

    public Task<int> RemoveBeforeAsync(DateTimeOffset before, CancellationToken cancellationToken) => WriteAsync(connection =>
    {
        var (ceiling, moment) = (LedgerKeys.ToBytes(LedgerKeys.Ceiling(before)), LedgerKeys.ToStored(before));
        using var transaction = connection.BeginTransaction(deferred: false);
        using var total = Command(
            connection,
            $"""
            INSERT INTO removed_totals (team, requests, charged_micro, charged_pico)
            SELECT {LedgerSql.TotalsOfRemoved} FROM generations WHERE id IN ({LedgerSql.Removable}) GROUP BY team
            {LedgerSql.AddToTotals}
            """,
            ceiling,
            moment);
        using var remove = Command(connection, $"DELETE FROM generations WHERE id IN ({LedgerSql.Removable})", ceiling, moment);
        total.ExecuteNonQuery();
        var removed = remove.ExecuteNonQuery();
        transaction.Commit();
        return removed;
    });

    public ValueTask DisposeAsync()
    {
        lock (_writing)
        {
            if (_isDisposed)
            {
                return ValueTask.CompletedTask;
            }

            _isDisposed = true;
        }

        // Its thread may want the lock.
        _folding?.Dispose();
        lock (_writing)
        {
            TryFoldLast();
            _writer?.Dispose();
            _writer = null;
            _node?.Dispose();
            _node = null;
        }

        return ValueTask.CompletedTask;
    }

    private static Guid Id(SqliteDataReader reader, int ordinal) => LedgerKeys.FromBytes(reader.GetFieldValue<byte[]>(ordinal));

    private static RowCharge Charge(SqliteDataReader reader) => LedgerRows.Charge(reader, Id(reader, 0));

    private static SqliteCommand Command(SqliteConnection connection, string sql, params ReadOnlySpan<object> values)
    {
        var command = connection.CreateCommand();
        command.CommandText = sql;
        for (var i = 0; i < values.Length; i++)
        {
            command.Parameters.AddWithValue($"${i + 1}", values[i]);
        }

        return command;
    }

    private LedgerException Failure(Exception exception) => exception as LedgerException
        ?? new LedgerException($"The ledger {_path} failed: {exception.Message}", exception);

    private SqliteLedgerConnection Writer()
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        if (_writer is { } open)
        {
            return open;
        }

        if (Path.GetDirectoryName(_path) is { } folder && !Directory.Exists(folder))
        {
            _ = OperatingSystem.IsWindows()
                ? Directory.CreateDirectory(folder)
                : Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        _node ??= SqliteNode.Create(_path);
        _writer = new SqliteLedgerConnection(_connectionString, _node.Id, BusyTimeout, Tuning);
        _ledgerId = _writer.LedgerId;
        _folding ??= new JournalCompactor(_connectionString, FoldingInterval, Fold, Alone);
        return _writer;
    }

    // After a failure nothing is known of the connection: the next call has a fresh one, and the file takes back what was not committed.
    private void Reset()
    {
        _writer?.Dispose();
        _writer = null;
    }

    private Task<T> WriteAsync<T>(Func<SqliteConnection, T> write)
    {
        try
        {
            lock (_writing)
            {
                try
                {
                    var writer = Writer();
                    writer.Journal.FoldAll();
                    return Task.FromResult(write(writer.Connection));
                }
                catch
                {
                    Reset();
                    throw;
                }
            }
        }
        catch (Exception exception)
        {
            return Task.FromException<T>(Failure(exception));
        }
    }

    // A request may ask on the thread that polls its socket, which is not to wait for a file.
    private async Task<T> ReadAsync<T>(Func<SqliteConnection, T> read)
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

    // Millions of rows take seconds, and SQLite has no way to wait but to block: not on a thread of the pool.
    private async Task<T> ReadLongAsync<T>(Func<SqliteConnection, T> read)
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

    private T Read<T>(Func<SqliteConnection, T> read)
    {
        // Opened each time, which takes some 100 microseconds: queries are rare, and none ever waits for another.
        using var connection = new SqliteConnection(_connectionString);
        connection.Open();
        FoldAll(connection);
        return read(connection);
    }

    // On the reader's own connection: a full disk or a fault of the writer's is not the reader's.
    private void FoldAll(SqliteConnection connection)
    {
        using (var command = Command(connection, "SELECT EXISTS (SELECT 1 FROM journal)"))
        {
            if (command.ExecuteScalar() is not 1L)
            {
                return;
            }
        }

        using (var command = Command(connection, $"PRAGMA busy_timeout = {(long)BusyTimeout.TotalMilliseconds}"))
        {
            command.ExecuteNonQuery();
        }

        using var journal = new SqliteJournal(connection);
        lock (_writing)
        {
            journal.FoldAll();
        }
    }

    // For the thread that folds: some of what is there.
    private bool Fold(bool isShort)
    {
        lock (_writing)
        {
            _isFoldingDue = false;
            if (_isDisposed)
            {
                return false;
            }

            try
            {
                return Writer().Journal.Fold(isShort) is not null;
            }
            catch (Exception exception)
            {
                _isFoldingDue = true;
                Reset();
                throw Failure(exception);
            }
        }
    }

    // For the same thread: the log begins anew only while nobody looks at it.
    private void Alone(Action act)
    {
        lock (_writing)
        {
            _writer?.Journal.LetGo();
            act();
        }
    }

    // What stays behind is folded by the next one who opens the file.
    private void TryFoldLast()
    {
        try
        {
            _writer?.Journal.FoldAll();
        }
        catch (LedgerException)
        {
            // There is nobody left to tell.
        }
    }
}
