using Gateway.Primitives;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;

namespace Gateway.Ledger.Sqlite;

/// <summary>The ledger in an SQLite file: its statements. <see cref="SqliteLedgerFile"/> owns the connections.</summary>
internal sealed partial class SqliteLedgerStore : ILedgerStore
{
    private readonly SqliteLedgerFile _file;

    /// <param name="path">The file.</param>
    /// <param name="logger">The log of the file's events; by default none.</param>
    public SqliteLedgerStore(string path, ILogger<SqliteLedgerStore>? logger = null)
    {
        _file = new SqliteLedgerFile(path, logger ?? NullLogger<SqliteLedgerStore>.Instance);
        Alerts = new SqliteAlertStore(_file);
    }

    /// <summary>
    /// The maximum wait of a write for the transaction of another process. Default: 2 seconds. After a wait that was in vain, the next ones
    /// last a tenth of a second, until the file is free.
    /// </summary>
    public TimeSpan BusyTimeout
    {
        get => _file.BusyTimeout;
        set => _file.BusyTimeout = value;
    }

    /// <summary>
    /// The time that entries stay in the journal, where the SQL of other processes does not see them. Default: 200 milliseconds.
    /// </summary>
    public TimeSpan CompactionInterval
    {
        get => _file.CompactionInterval;
        init => _file.CompactionInterval = value;
    }

    /// <summary>
    /// The size in bytes that the journal of this process must not exceed while its entries cannot be folded; longer ones are refused.
    /// Default: 256 MB.
    /// </summary>
    public long MaxJournalSize
    {
        get => _file.MaxJournalSize;
        init => _file.MaxJournalSize = value;
    }

    /// <summary>Whether writes wait for the disk. Default: they are handed to the operating system.</summary>
    public bool WaitsForDisk
    {
        get => _file.WaitsForDisk;
        init => _file.WaitsForDisk = value;
    }

    /// <summary>Statements that the next writing connection runs when it opens. Tests use them to fill the disk.</summary>
    internal string Tuning
    {
        get => _file.Tuning;
        set => _file.Tuning = value;
    }

    public string LedgerId => _file.LedgerId;

    public bool IsPrompt => !WaitsForDisk;

    public long JournalSize => _file.JournalSize;

    public IAlertStore Alerts { get; }

    public Task OpenAsync(CancellationToken cancellationToken) => _file.WriteAsync(_ => true);

    public Task ApplyAsync(IReadOnlyList<LedgerEntry> entries, CancellationToken cancellationToken) => _file.AppendAsync(entries);

    public Task<(int Provisional, int Unresolvable)> AdoptOrphansAsync(DateTimeOffset now, CancellationToken cancellationToken) =>
        _file.WriteAsync(connection =>
        {
            var nodes = new HashSet<Guid>([.. SqliteNode.WithFile(_file.Path), .. JournalFile.Nodes(_file.Path)]);
            using (var command = connection.Command(LedgerSql.ReservingNodes))
            using (var reader = command.ExecuteReader())
            {
                while (reader.Read())
                {
                    nodes.Add(Id(reader, 0));
                }
            }

            nodes.Remove(_file.NodeId!.Value);
            var (provisional, unresolvable) = (0, 0);
            foreach (var node in nodes)
            {
                using var taken = SqliteNode.TakeDead(_file.Path, node);
                if (taken is null)
                {
                    continue;
                }

                if (!_file.FoldDead(connection, node))
                {
                    continue;
                }

                using var transaction = connection.BeginTransaction(deferred: false);
                using var named = connection.Command(LedgerSql.AdoptNamed, LedgerKeys.ToBytes(node), LedgerKeys.ToStored(now));
                using var unnamed = connection.Command(LedgerSql.AdoptUnnamed, LedgerKeys.ToBytes(node), LedgerKeys.ToStored(now));
                provisional += named.ExecuteNonQuery();
                unresolvable += unnamed.ExecuteNonQuery();
                transaction.Commit();
            }

            return (provisional, unresolvable);
        });

    public Task<IReadOnlyList<PendingGeneration>> TakeDueAsync(
        IReadOnlyCollection<string> teams, DateTimeOffset now, DateTimeOffset leasedUntil, int max, CancellationToken cancellationToken) =>
        _file.WriteAsync<IReadOnlyList<PendingGeneration>>(connection =>
        {
            var due = new List<PendingGeneration>();
            using var transaction = connection.BeginTransaction(deferred: false);
            using (var command = connection.Command(
                LedgerSql.Due(teams.Count), [LedgerKeys.ToStored(now), LedgerKeys.ToStored(leasedUntil), max, .. teams]))
            using (var reader = command.ExecuteReader())
            {
                while (reader.Read())
                {
                    due.Add(LedgerRows.Pending(reader, Id(reader, 0)));
                }
            }

            using var lease = connection.Command(
                LedgerSql.Lease, Array.Empty<byte>(), LedgerKeys.ToStored(leasedUntil));
            foreach (var row in due)
            {
                lease.Parameters[0].Value = LedgerKeys.ToBytes(row.Id);
                lease.ExecuteNonQuery();
            }

            transaction.Commit();
            return due;
        });

    public Task<IReadOnlyList<UsageRow>> ReadUsageAsync(UsageSelection selection, CancellationToken cancellationToken) =>
        _file.ReadLongAsync<IReadOnlyList<UsageRow>>(connection =>
        {
            var rows = new List<UsageRow>();
            var (sql, values) = UsageSql.Query(selection, isSqlite: true);
            using var command = connection.Command(
                sql,
                [
                    LedgerKeys.ToBytes(LedgerKeys.Floor(selection.From)),
                    LedgerKeys.ToBytes(LedgerKeys.Ceiling(selection.To)),
                    LedgerKeys.ToStored(selection.From ?? DateTimeOffset.MinValue),
                    LedgerKeys.ToStored(selection.To ?? DateTimeOffset.MaxValue),
                    .. values,
                ]);
            using var reader = command.ExecuteReader();
            while (reader.Read())
            {
                rows.Add(LedgerRows.Usage(reader, selection.Groups.Count));
            }

            return rows;
        });

    public Task<TeamCharges> ReadChargesAsync(
        string team,
        string? keyLabel,
        DateTimeOffset from,
        DateTimeOffset recent,
        DateTimeOffset heldSince,
        CancellationToken cancellationToken)
    {
        var day = LedgerKeys.DayOf(from);
        return _file.ReadAsync(connection =>
        {
            var (charged, upstreamCost) = (PicoDollars.Zero, PicoDollars.Zero);
            var open = new Dictionary<Guid, PicoDollars>();
            var (expired, recentIds) = (new List<Guid>(), new List<Guid>());
            var firstRecent = LedgerKeys.FirstAt(recent);
            using var command = connection.Command(
                LedgerSql.Charges,
                LedgerSanitizer.Text(team)!,
                day,
                LedgerKeys.ToStored(from),
                LedgerKeys.ToBytes(firstRecent),
                LedgerKeys.ToStored(heldSince),
                LedgerSanitizer.Text(keyLabel) ?? "");
            using var reader = command.ExecuteReader();
            while (reader.Read())
            {
                var charge = LedgerSums.FromSums(reader.GetInt64(1), reader.GetInt64(2));
                charged += charge;
                upstreamCost += LedgerSums.FromSums(reader.GetInt64(3), reader.GetInt64(4));
                if (!reader.IsDBNull(0))
                {
                    LedgerRows.AddSingle(reader, Id(reader, 0), charge, firstRecent, open, expired, recentIds);
                }
            }

            return new TeamCharges(charged, open, recentIds) { UpstreamCost = upstreamCost, Expired = expired };
        });
    }

    public Task<PicoDollars> ReadCostsAsync(string team, CancellationToken cancellationToken) => _file.ReadAsync(connection =>
    {
        using var command = connection.Command(LedgerSql.CostsEver, LedgerSanitizer.Text(team)!);
        using var reader = command.ExecuteReader();
        reader.Read();
        return LedgerSums.FromSums(reader.GetInt64(0), reader.GetInt64(1));
    });

    public Task<IReadOnlyList<UnresolvedRow>> ReadUnresolvedAsync(WriteOffQuery query, CancellationToken cancellationToken) =>
        _file.ReadLongAsync<IReadOnlyList<UnresolvedRow>>(connection => ReadUnresolved(connection, LedgerSql.Unresolved, [.. Values(query)]));

    public Task<IReadOnlyList<UnresolvedRow>> WriteOffAsync(
        WriteOffQuery query, string reason, DateTimeOffset now, CancellationToken cancellationToken) =>
        _file.WriteAsync<IReadOnlyList<UnresolvedRow>>(connection =>
        {
            var rows = ReadUnresolved(
                connection, LedgerSql.WriteOff, [.. Values(query), LedgerSanitizer.Text(reason)!, LedgerKeys.ToStored(now)]);
            return [.. rows.OrderBy(row => row.Id)];
        });

    public Task<string?> ReadValueAsync(string name, CancellationToken cancellationToken) => _file.ReadAsync(connection =>
    {
        using var command = connection.Command(LedgerSchema.ReadMeta, name);
        return (string?)command.ExecuteScalar();
    });

    public Task WriteValueAsync(string name, string value, CancellationToken cancellationToken) => _file.WriteAsync(connection =>
    {
        using var command = connection.Command(LedgerSchema.WriteMeta, name, value);
        return command.ExecuteNonQuery();
    });

    public Task<IReadOnlyDictionary<Guid, RowCharge>> ReadChargesAsync(
        IReadOnlyCollection<Guid> ids, CancellationToken cancellationToken) =>
        _file.ReadAsync<IReadOnlyDictionary<Guid, RowCharge>>(connection =>
        {
            var charges = new Dictionary<Guid, RowCharge>();
            using var command = connection.Command(LedgerSql.ChargeById, Array.Empty<byte>());
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

    public Task<IReadOnlyList<RowCharge>> ReadBegunByOthersAsync(Guid after, int max, CancellationToken cancellationToken) =>

        // A file that this process has not written has rows of other nodes only.
        _file.ReadAsync<IReadOnlyList<RowCharge>>(connection => ReadCharges(
            connection, LedgerSql.BegunByOthers, LedgerKeys.ToBytes(after), LedgerKeys.ToBytes(_file.NodeId ?? Guid.Empty), max));

    public Task<IReadOnlyList<RowCharge>> ReadUncountedAsync(int max, CancellationToken cancellationToken) =>
        _file.ReadAsync<IReadOnlyList<RowCharge>>(connection => ReadCharges(connection, LedgerSql.Uncounted, max));

    public Task<IReadOnlyList<RowCharge>> ReadUncountedAsync(UncountedPage page, CancellationToken cancellationToken) =>
        _file.ReadAsync<IReadOnlyList<RowCharge>>(connection => ReadCharges(
            connection,
            LedgerSql.UncountedOfTeam,
            LedgerSanitizer.Text(page.Team)!,
            LedgerKeys.ToStored(page.From),
            LedgerKeys.ToBytes(page.After),
            page.Max,
            LedgerSanitizer.Text(page.KeyLabel) ?? ""));

    public Task MarkCountedAsync(IReadOnlyCollection<Guid> ids, CancellationToken cancellationToken) => _file.WriteAsync(connection =>
    {
        using var transaction = connection.BeginTransaction(deferred: false);
        using var command = connection.Command(LedgerSql.MarkCounted, Array.Empty<byte>());
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
        // An id that sanitizing changes is in no row.
        return LedgerSanitizer.Text(generationId) != generationId
            ? Task.FromResult(false)
            : _file.ReadAsync(connection =>
            {
                using var command = connection.Command(LedgerSql.HasGeneration, generationId, LedgerSanitizer.Text(team)!);
                return command.ExecuteScalar() is 1L;
            });
    }

    public Task<int> RemoveBeforeAsync(DateTimeOffset before, DateTimeOffset now, CancellationToken cancellationToken) =>
        _file.WriteAsync(connection =>
    {
        var (ceiling, moment) = (LedgerKeys.ToBytes(LedgerKeys.Ceiling(before)), LedgerKeys.ToStored(before));
        using var transaction = connection.BeginTransaction(deferred: false);
        using var giveUp = connection.Command(LedgerSql.GiveUp, ceiling, moment, LedgerKeys.ToStored(now));
        giveUp.ExecuteNonQuery();
        using var remove = connection.Command(LedgerSql.Remove, ceiling, moment);
        var removed = remove.ExecuteNonQuery();
        transaction.Commit();
        return removed;
    });

    public ValueTask DisposeAsync()
    {
        _file.Dispose();
        return ValueTask.CompletedTask;
    }

    private static List<RowCharge> ReadCharges(SqliteConnection connection, string sql, params object[] values)
    {
        var rows = new List<RowCharge>();
        using var command = connection.Command(sql, values);
        using var reader = command.ExecuteReader();
        while (reader.Read())
        {
            rows.Add(Charge(reader));
        }

        return rows;
    }

    private static List<UnresolvedRow> ReadUnresolved(SqliteConnection connection, string sql, object[] values)
    {
        var rows = new List<UnresolvedRow>();
        using var command = connection.Command(sql, values);
        using var reader = command.ExecuteReader();
        while (reader.Read())
        {
            rows.Add(LedgerRows.Unresolved(reader, Id(reader, 0)));
        }

        return rows;
    }

    private static object[] Values(WriteOffQuery query) =>
    [
        LedgerSanitizer.Text(query.Team)!,
        LedgerKeys.ToStored(query.Until ?? DateTimeOffset.MaxValue),
        query.Id ?? "",
        LedgerKeys.ToBytes(Guid.TryParse(query.Id, out var id) ? id : Guid.Empty),
    ];

    private static Guid Id(SqliteDataReader reader, int ordinal) => LedgerKeys.FromBytes(reader.GetFieldValue<byte[]>(ordinal));

    private static RowCharge Charge(SqliteDataReader reader) => LedgerRows.Charge(reader, Id(reader, 0));
}
