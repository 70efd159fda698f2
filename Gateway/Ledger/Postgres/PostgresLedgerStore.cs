using System.Net.Sockets;
using Gateway.Primitives;
using Npgsql;
using static Gateway.Ledger.Postgres.PostgresParameters;

namespace Gateway.Ledger.Postgres;

/// <summary>The ledger in a PostgreSQL database that several nodes share. Each node settles rows that other nodes have left open.</summary>
internal sealed partial class PostgresLedgerStore : ILedgerStore
{
    // Statements of requests and settlement take milliseconds. A longer one has failed.
    private static readonly TimeSpan DefaultTimeout = TimeSpan.FromSeconds(5);

    // Reports may read millions of rows.
    private const int ReportTimeoutSeconds = 60;

    private readonly NpgsqlDataSource _source;
    private readonly PostgresNode _node;
    private string? _ledgerId;

    /// <param name="connectionString">The database's connection string. Shorter timeouts in it apply.</param>
    /// <param name="time">The clock.</param>
    /// <param name="timeout">The longest time that a connection or a statement takes, in whole seconds.</param>
    /// <exception cref="LedgerException">The connection string cannot be read.</exception>
    public PostgresLedgerStore(string connectionString, TimeProvider time, TimeSpan? timeout = null)
    {
        try
        {
            var bounded = Bounded(connectionString, (int)(timeout ?? DefaultTimeout).TotalSeconds);
            var builder = new NpgsqlSlimDataSourceBuilder(bounded);
            builder.EnableTransportSecurity();
            builder.EnableArrays();
            _source = builder.Build();
            _node = new PostgresNode(bounded, time);
            Alerts = new PostgresAlertStore(_source);
        }
        catch (Exception)
        {
            // The exception's message may quote the password.
            throw new LedgerException("The connection string of the ledger's PostgreSQL database cannot be read");
        }
    }

    public string LedgerId => _ledgerId ?? throw new InvalidOperationException("The ledger is not open");

    public IAlertStore Alerts { get; }

    public Task OpenAsync(CancellationToken cancellationToken) => GuardAsync(async () =>
    {
        _ledgerId = await PostgresMigration.RunAsync(_source, cancellationToken);
        await _node.StartAsync(cancellationToken);
        return true;
    });

    public Task ApplyAsync(IReadOnlyList<LedgerEntry> entries, CancellationToken cancellationToken) => GuardAsync(async () =>
    {
        // One round trip: the server runs a batch as one transaction.
        await using var batch = _source.CreateBatch();
        foreach (var entry in entries)
        {
            PostgresEntries.AddTo(batch, entry, _node.Id);
        }

        return await batch.ExecuteNonQueryAsync(cancellationToken);
    });

    public Task<(int Provisional, int Unresolvable)> AdoptOrphansAsync(DateTimeOffset now, CancellationToken cancellationToken) =>
        GuardAsync(async () =>
        {
            var nodes = new List<Guid>();
            await using (var command = _source.CreateCommand(LedgerSql.ReservingNodes))
            await using (var reader = await command.ExecuteReaderAsync(cancellationToken))
            {
                while (await reader.ReadAsync(cancellationToken))
                {
                    nodes.Add(reader.GetGuid(0));
                }
            }

            nodes.Remove(_node.Id);
            var (provisional, unresolvable) = (0, 0);
            foreach (var node in nodes)
            {
                await using var connection = await _source.OpenConnectionAsync(cancellationToken);
                await using var transaction = await connection.BeginTransactionAsync(cancellationToken);

                // The lock of another node is free only if that node is dead. It is released with the transaction.
                await using var dead = connection.Command("SELECT pg_try_advisory_xact_lock($1)", Number(PostgresNode.LockOf(node)));
                if (await dead.ExecuteScalarAsync(cancellationToken) is not true)
                {
                    continue;
                }

                await using var named = connection.Command(LedgerSql.AdoptNamed, Id(node), Time(now));
                await using var unnamed = connection.Command(LedgerSql.AdoptUnnamed, Id(node), Time(now));
                provisional += await named.ExecuteNonQueryAsync(cancellationToken);
                unresolvable += await unnamed.ExecuteNonQueryAsync(cancellationToken);
                await transaction.CommitAsync(cancellationToken);
            }

            return (provisional, unresolvable);
        });

    public Task<IReadOnlyList<PendingGeneration>> TakeDueAsync(
        IReadOnlyCollection<string> teams, DateTimeOffset now, DateTimeOffset leasedUntil, int max, CancellationToken cancellationToken) =>
        GuardAsync<IReadOnlyList<PendingGeneration>>(async () =>
        {
            var due = new List<(long Place, PendingGeneration Row)>();
            await using var command = Command(
                LedgerSql.TakeDue,
                Time(now),
                Time(leasedUntil),
                Number(max),
                Texts(teams));
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken))
            {
                due.Add((reader.GetInt64(18), LedgerRows.Pending(reader, reader.GetGuid(0))));
            }

            // UPDATE … RETURNING has no order.
            return [.. due.OrderBy(row => row.Place).Select(row => row.Row)];
        });

    public Task<IReadOnlyList<UsageRow>> ReadUsageAsync(UsageSelection selection, CancellationToken cancellationToken) =>
        GuardAsync<IReadOnlyList<UsageRow>>(async () =>
        {
            var rows = new List<UsageRow>();
            var (sql, values) = UsageSql.Query(selection, isSqlite: false);
            await using var command = Command(
                sql,
                [
                    Id(LedgerKeys.Floor(selection.From)),
                    Id(LedgerKeys.Ceiling(selection.To)),
                    Time(selection.From ?? DateTimeOffset.MinValue),
                    Time(selection.To ?? DateTimeOffset.MaxValue),
                    .. values.Select(LongText),
                ]);
            command.CommandTimeout = ReportTimeoutSeconds;
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken))
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
        return GuardAsync(async () =>
        {
            var (charged, upstreamCost) = (PicoDollars.Zero, PicoDollars.Zero);
            var open = new Dictionary<Guid, PicoDollars>();
            var (expired, recentIds) = (new List<Guid>(), new List<Guid>());
            var firstRecent = LedgerKeys.FirstAt(recent);
            await using var command = Command(
                LedgerSql.Charges, Text(team), Number(day), Time(from), Id(firstRecent), Time(heldSince), Text(keyLabel ?? ""));
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken))
            {
                var charge = LedgerSums.FromSums(reader.GetInt64(1), reader.GetInt64(2));
                charged += charge;
                upstreamCost += LedgerSums.FromSums(reader.GetInt64(3), reader.GetInt64(4));
                if (!reader.IsDBNull(0))
                {
                    LedgerRows.AddSingle(reader, reader.GetGuid(0), charge, firstRecent, open, expired, recentIds);
                }
            }

            return new TeamCharges(charged, open, recentIds) { UpstreamCost = upstreamCost, Expired = expired };
        });
    }

    public Task<PicoDollars> ReadCostsAsync(string team, CancellationToken cancellationToken) => GuardAsync(async () =>
    {
        await using var command = Command(LedgerSql.CostsEver, Text(team));
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return LedgerSums.FromSums(reader.GetInt64(0), reader.GetInt64(1));
    });

    public Task<IReadOnlyList<UnresolvedRow>> ReadUnresolvedAsync(WriteOffQuery query, CancellationToken cancellationToken) =>
        GuardAsync<IReadOnlyList<UnresolvedRow>>(async () =>
        {
            await using var command = Command(LedgerSql.Unresolved, Values(query));
            return await ReadUnresolvedAsync(command, cancellationToken);
        });

    public Task<IReadOnlyList<UnresolvedRow>> WriteOffAsync(
        WriteOffQuery query, string reason, DateTimeOffset now, CancellationToken cancellationToken) =>
        GuardAsync<IReadOnlyList<UnresolvedRow>>(async () =>
        {
            // One statement: the result is the rows that it has written, also if other rows become unresolvable meanwhile.
            await using var command = Command(LedgerSql.WriteOff, [.. Values(query), Text(reason), Time(now)]);
            var rows = await ReadUnresolvedAsync(command, cancellationToken);
            return [.. rows.OrderBy(row => row.Id)];
        });

    public Task<string?> ReadValueAsync(string name, CancellationToken cancellationToken) => GuardAsync(async () =>
    {
        await using var command = Command(LedgerSchema.ReadMeta, Text(name));
        return (string?)await command.ExecuteScalarAsync(cancellationToken);
    });

    public Task WriteValueAsync(string name, string value, CancellationToken cancellationToken) => GuardAsync(async () =>
    {
        await using var command = Command(LedgerSchema.WriteMeta, Text(name), LongText(value));
        return await command.ExecuteNonQueryAsync(cancellationToken);
    });

    public Task<IReadOnlyDictionary<Guid, RowCharge>> ReadChargesAsync(
        IReadOnlyCollection<Guid> ids, CancellationToken cancellationToken) =>
        GuardAsync<IReadOnlyDictionary<Guid, RowCharge>>(async () =>
        {
            await using var command = Command(LedgerSql.ChargesByIds, Ids(ids));
            return (await ReadAsync(command, cancellationToken)).ToDictionary(row => row.Id);
        });

    public Task<IReadOnlyList<RowCharge>> ReadBegunByOthersAsync(Guid after, int max, CancellationToken cancellationToken) =>
        GuardAsync<IReadOnlyList<RowCharge>>(async () =>
        {
            await using var command = Command(LedgerSql.BegunByOthers, Id(after), Id(_node.Id), Number(max));
            return await ReadAsync(command, cancellationToken);
        });

    public Task<IReadOnlyList<RowCharge>> ReadUncountedAsync(int max, CancellationToken cancellationToken) =>
        GuardAsync<IReadOnlyList<RowCharge>>(async () =>
        {
            await using var command = Command(LedgerSql.Uncounted, Number(max));
            return await ReadAsync(command, cancellationToken);
        });

    public Task<IReadOnlyList<RowCharge>> ReadUncountedAsync(UncountedPage page, CancellationToken cancellationToken) =>
        GuardAsync<IReadOnlyList<RowCharge>>(async () =>
        {
            await using var command = Command(
                LedgerSql.UncountedOfTeam, Text(page.Team), Time(page.From), Id(page.After), Number(page.Max), Text(page.KeyLabel ?? ""));
            return await ReadAsync(command, cancellationToken);
        });

    public Task MarkCountedAsync(IReadOnlyCollection<Guid> ids, CancellationToken cancellationToken) => GuardAsync(async () =>
    {
        await using var command = Command(LedgerSql.MarkAllCounted, Ids(ids));
        return await command.ExecuteNonQueryAsync(cancellationToken);
    });

    public Task<bool> HasGenerationAsync(string team, string generationId, CancellationToken cancellationToken)
    {
        // An id that sanitizing changes is in no row.
        return LedgerSanitizer.Text(generationId) != generationId
            ? Task.FromResult(false)
            : GuardAsync(async () =>
            {
                await using var command = Command(LedgerSql.HasGeneration, Text(generationId), Text(team));
                return await command.ExecuteScalarAsync(cancellationToken) is true;
            });
    }

    public Task<int> RemoveBeforeAsync(DateTimeOffset before, DateTimeOffset now, CancellationToken cancellationToken) => GuardAsync(async () =>
    {
        await using (var giveUp = Command(LedgerSql.GiveUp, Id(LedgerKeys.Ceiling(before)), Time(before), Time(now)))
        {
            await giveUp.ExecuteNonQueryAsync(cancellationToken);
        }

        await using var command = Command(
            LedgerSql.RemoveUnlocked,
            Id(LedgerKeys.Ceiling(before)),
            Time(before));
        return await command.ExecuteNonQueryAsync(cancellationToken);
    });

    public async ValueTask DisposeAsync()
    {
        await _node.DisposeAsync();
        await _source.DisposeAsync();
    }

    private static string Bounded(string connectionString, int timeoutSeconds)
    {
        var settings = new NpgsqlConnectionStringBuilder(connectionString);
        settings.Timeout = settings.Timeout == 0 ? timeoutSeconds : Math.Min(settings.Timeout, timeoutSeconds);
        settings.CommandTimeout = settings.CommandTimeout == 0 ? timeoutSeconds : Math.Min(settings.CommandTimeout, timeoutSeconds);
        settings.CancellationTimeout = 1000;

        // Each connection prepares a statement on its second use.
        settings.MaxAutoPrepare = settings.MaxAutoPrepare == 0 ? 20 : settings.MaxAutoPrepare;
        settings.AutoPrepareMinUsages = 2;
        settings.ApplicationName ??= "OpenRouterGateway";
        return settings.ConnectionString;
    }

    // The server's messages contain no values. Other messages are replaced, since they may quote the connection string.
    private static string Reason(Exception exception) => exception switch
    {
        PostgresException fault => $"{fault.SqlState}: {fault.MessageText}",
        TimeoutException => "it did not answer in time",
        SocketException socket => $"it cannot be reached ({socket.SocketErrorCode})",
        { InnerException: { } inner } => Reason(inner),
        _ => exception.GetType().Name,
    };

    /// <summary>Runs a statement. Its failures are <see cref="LedgerException"/>s.</summary>
    internal static async Task<T> GuardAsync<T>(Func<Task<T>> work)
    {
        try
        {
            return await work();
        }
        catch (Exception exception) when (exception is not LedgerException and not OperationCanceledException)
        {
            throw new LedgerException($"The ledger's PostgreSQL database failed: {Reason(exception)}");
        }
    }

    private static async Task<List<RowCharge>> ReadAsync(NpgsqlCommand command, CancellationToken cancellationToken)
    {
        var charges = new List<RowCharge>();
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            charges.Add(LedgerRows.Charge(reader, reader.GetGuid(0)));
        }

        return charges;
    }

    private static async Task<List<UnresolvedRow>> ReadUnresolvedAsync(NpgsqlCommand command, CancellationToken cancellationToken)
    {
        var rows = new List<UnresolvedRow>();
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            rows.Add(LedgerRows.Unresolved(reader, reader.GetGuid(0)));
        }

        return rows;
    }

    private static NpgsqlParameter[] Values(WriteOffQuery query) =>
    [
        Text(query.Team),
        Time(query.Until ?? DateTimeOffset.MaxValue),
        Text(query.Id ?? ""),
        Id(Guid.TryParse(query.Id, out var id) ? id : Guid.Empty),
    ];

    private NpgsqlCommand Command(string sql, params ReadOnlySpan<NpgsqlParameter> parameters) =>
        _source.CreateCommand(sql).With(parameters);
}
