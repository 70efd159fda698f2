using System.Globalization;
using System.Net.Sockets;
using Gateway.Primitives;
using Npgsql;
using NpgsqlTypes;

namespace Gateway.Ledger.Postgres;

/// <summary>The ledger as a database that several nodes share; any of them settles what another has left.</summary>
internal sealed class PostgresLedgerStore : ILedgerStore
{
    // Two nodes that start at once: one makes the tables, the other waits. "ogwledge" in ASCII.
    private const long MigrationLock = 0x6F67_776C_6564_6765;

    // Statements of requests and of the settlement take milliseconds; what takes longer than this has failed.
    private const int TimeoutSeconds = 5;

    // Reports read millions of rows.
    private const int ReportTimeoutSeconds = 60;

    private readonly NpgsqlDataSource _source;
    private readonly PostgresNode _node;
    private string? _ledgerId;

    /// <exception cref="LedgerException">The connection string cannot be read.</exception>
    public PostgresLedgerStore(string connectionString, TimeProvider time)
    {
        try
        {
            var bounded = Bounded(connectionString);
            var builder = new NpgsqlSlimDataSourceBuilder(bounded);
            builder.EnableTransportSecurity();
            builder.EnableArrays();
            _source = builder.Build();
            _node = new PostgresNode(bounded, time);
        }
        catch (Exception)
        {
            // Its message may quote what is secret.
            throw new LedgerException("The connection string of the ledger's PostgreSQL database cannot be read");
        }
    }

    public string LedgerId => _ledgerId ?? throw new InvalidOperationException("The ledger is not open");

    public Task OpenAsync(CancellationToken cancellationToken) => GuardAsync(async () =>
    {
        _ledgerId = await MigrateAsync(cancellationToken);
        await _node.StartAsync(cancellationToken);
        return true;
    });

    public Task ApplyAsync(IReadOnlyList<LedgerEntry> entries, CancellationToken cancellationToken) => GuardAsync(async () =>
    {
        // One round trip; without errors in between, the server takes a batch for one transaction.
        await using var batch = _source.CreateBatch();
        foreach (var entry in entries)
        {
            switch (entry)
            {
                case LedgerEntry.Began began:
                    batch.BatchCommands.Add(Command(began));
                    break;
                case LedgerEntry.Named named:
                    batch.BatchCommands.Add(Command(named.Id, named.GenerationId, named.Destination));
                    break;
                case LedgerEntry.Ended ended:
                    batch.BatchCommands.Add(Command(ended));
                    if (ended.GenerationId is { } generationId)
                    {
                        // A row that stays as it is takes the id all the same.
                        batch.BatchCommands.Add(Command(ended.Id, generationId, destination: null));
                    }

                    break;
                default:
                    throw new InvalidOperationException($"{entry.GetType().Name} is no entry of a ledger");
            }
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

                // Whoever gets the lock of another node's connection knows that it is gone; it is given back with the transaction.
                await using var dead = Command(connection, "SELECT pg_try_advisory_xact_lock($1)", Number(PostgresNode.LockOf(node)));
                if (await dead.ExecuteScalarAsync(cancellationToken) is not true)
                {
                    continue;
                }

                await using var named = Command(connection, LedgerSql.AdoptNamed, Id(node), Time(now));
                await using var unnamed = Command(connection, LedgerSql.AdoptUnnamed, Id(node), Time(now));
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
            var due = new List<(long DueAt, PendingGeneration Row)>();
            await using var command = Command(
                $"""
                WITH due AS (
                    SELECT id AS due_id, ask_at AS due_at FROM generations
                    WHERE state = 1 AND state < 2 AND ask_at <= $1 AND team = ANY($4) ORDER BY ask_at LIMIT $3
                    FOR UPDATE SKIP LOCKED)
                UPDATE generations SET ask_at = $2 FROM due WHERE id = due_id
                RETURNING {LedgerSql.PendingColumns}, due_at
                """,
                Time(now),
                Time(leasedUntil),
                Number(max),
                Texts(teams));
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken))
            {
                due.Add((reader.GetInt64(10), LedgerRows.Pending(reader, reader.GetGuid(0))));
            }

            // What an update returns has no order.
            return [.. due.OrderBy(row => row.DueAt).Select(row => row.Row)];
        });

    public Task<IReadOnlyList<UsageRow>> ReadUsageAsync(
        UsageGroup group, DateTimeOffset? from, DateTimeOffset? to, CancellationToken cancellationToken) =>
        GuardAsync<IReadOnlyList<UsageRow>>(async () =>
        {
            var rows = new List<UsageRow>();
            await using var command = Command(
                LedgerSql.Usage(group),
                Id(LedgerKeys.Floor(from)),
                Id(LedgerKeys.Ceiling(to)),
                Time(from ?? DateTimeOffset.MinValue),
                Time(to ?? DateTimeOffset.MaxValue));
            command.CommandTimeout = ReportTimeoutSeconds;
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken))
            {
                rows.Add(LedgerRows.Usage(reader));
            }

            return rows;
        });

    public Task<TeamCharges> ReadChargesAsync(
        string team, DateTimeOffset from, CancellationToken cancellationToken) => GuardAsync(async () =>
    {
        var charged = PicoDollars.Zero;
        var open = new Dictionary<Guid, PicoDollars>();
        await using var command = Command(
            from == DateTimeOffset.MinValue ? LedgerSql.ChargesEver : LedgerSql.Charges,
            Text(team),
            Id(LedgerKeys.Floor(from)),
            Time(from));
        command.CommandTimeout = ReportTimeoutSeconds;
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            var charge = LedgerMoney.FromSums(reader.GetInt64(1), reader.GetInt64(2));
            charged += charge;
            if (!reader.IsDBNull(0))
            {
                open.Add(reader.GetGuid(0), charge);
            }
        }

        return new TeamCharges(charged, open);
    });

    public Task<IReadOnlyDictionary<Guid, RowCharge>> ReadChargesAsync(
        IReadOnlyCollection<Guid> ids, CancellationToken cancellationToken) =>
        GuardAsync<IReadOnlyDictionary<Guid, RowCharge>>(async () =>
        {
            await using var command = Command(LedgerSql.RowCharge + "id = ANY($1)", Ids(ids));
            return (await ReadAsync(command, cancellationToken)).ToDictionary(row => row.Id);
        });

    public Task<IReadOnlyList<RowCharge>> ReadUncountedAsync(int max, CancellationToken cancellationToken) =>
        GuardAsync<IReadOnlyList<RowCharge>>(async () =>
        {
            await using var command = Command(LedgerSql.Uncounted, Number(max));
            return await ReadAsync(command, cancellationToken);
        });

    public Task MarkCountedAsync(IReadOnlyCollection<Guid> ids, CancellationToken cancellationToken) => GuardAsync(async () =>
    {
        await using var command = Command("UPDATE generations SET is_counted = 1 WHERE id = ANY($1)", Ids(ids));
        return await command.ExecuteNonQueryAsync(cancellationToken);
    });

    public Task<bool> HasGenerationAsync(string team, string generationId, CancellationToken cancellationToken)
    {
        // A name that could not be kept as it is never is in a row.
        return LedgerValues.Text(generationId) != generationId
            ? Task.FromResult(false)
            : GuardAsync(async () =>
            {
                await using var command = Command(LedgerSql.HasGeneration, Text(generationId), Text(team));
                return await command.ExecuteScalarAsync(cancellationToken) is true;
            });
    }

    public Task<int> RemoveBeforeAsync(DateTimeOffset before, CancellationToken cancellationToken) => GuardAsync(async () =>
    {
        // Teams in their order, so that two nodes never wait for each other's totals.
        await using var command = Command(
            $"""
            WITH gone AS (
                DELETE FROM generations WHERE id IN ({LedgerSql.Removable} FOR UPDATE SKIP LOCKED) RETURNING *),
            totals AS (
                INSERT INTO removed_totals (team, requests, charged_micro, charged_pico)
                SELECT {LedgerSql.TotalsOfRemoved} FROM gone GROUP BY team ORDER BY team
                {LedgerSql.AddToTotals})
            SELECT COUNT(*) FROM gone
            """,
            Id(LedgerKeys.Ceiling(before)),
            Time(before));
        return (int)(long)(await command.ExecuteScalarAsync(cancellationToken))!;
    });

    public async ValueTask DisposeAsync()
    {
        await _node.DisposeAsync();
        await _source.DisposeAsync();
    }

    private static string Bounded(string connectionString)
    {
        var settings = new NpgsqlConnectionStringBuilder(connectionString);
        settings.Timeout = settings.Timeout is 0 or > TimeoutSeconds ? TimeoutSeconds : settings.Timeout;
        settings.CommandTimeout = settings.CommandTimeout is 0 or > TimeoutSeconds ? TimeoutSeconds : settings.CommandTimeout;
        settings.CancellationTimeout = 1000;

        // Statements are prepared when they come for the second time, on each connection.
        settings.MaxAutoPrepare = settings.MaxAutoPrepare == 0 ? 20 : settings.MaxAutoPrepare;
        settings.AutoPrepareMinUsages = 2;
        settings.ApplicationName ??= "OpenRouterGateway";
        return settings.ConnectionString;
    }

    // What a server says of a fault names no values; all else is said in our own words, since a message may quote the connection string.
    private static string Reason(Exception exception) => exception switch
    {
        PostgresException fault => $"{fault.SqlState}: {fault.MessageText}",
        TimeoutException => "it did not answer in time",
        SocketException socket => $"it cannot be reached ({socket.SocketErrorCode})",
        { InnerException: { } inner } => Reason(inner),
        _ => exception.GetType().Name,
    };

    private static async Task<T> GuardAsync<T>(Func<Task<T>> work)
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

    private static NpgsqlParameter<Guid> Id(Guid value) => new() { NpgsqlDbType = NpgsqlDbType.Uuid, TypedValue = value };

    private static NpgsqlParameter<Guid[]> Ids(IReadOnlyCollection<Guid> values) =>
        new() { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Uuid, TypedValue = [.. values] };

    private static NpgsqlParameter<string[]> Texts(IReadOnlyCollection<string> values) =>
        new() { NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text, TypedValue = [.. values] };

    private static NpgsqlParameter Text(string? value) =>
        new() { NpgsqlDbType = NpgsqlDbType.Text, Value = (object?)LedgerValues.Text(value) ?? DBNull.Value };

    private static NpgsqlParameter Number(long? value) =>
        new() { NpgsqlDbType = NpgsqlDbType.Bigint, Value = (object?)value ?? DBNull.Value };

    private static NpgsqlParameter Small(int? value) =>
        new() { NpgsqlDbType = NpgsqlDbType.Integer, Value = (object?)value ?? DBNull.Value };

    private static NpgsqlParameter Flag(bool value) => Small(value ? 1 : 0);

    private static NpgsqlParameter Time(DateTimeOffset? value) => Number(value is { } moment ? LedgerKeys.ToStored(moment) : null);

    private static NpgsqlBatchCommand Batched(string sql, params ReadOnlySpan<NpgsqlParameter> parameters)
    {
        var command = new NpgsqlBatchCommand(sql);
        foreach (var parameter in parameters)
        {
            command.Parameters.Add(parameter);
        }

        return command;
    }

    private static NpgsqlCommand Command(NpgsqlConnection connection, string sql, params ReadOnlySpan<NpgsqlParameter> parameters)
    {
        var command = new NpgsqlCommand(sql, connection);
        foreach (var parameter in parameters)
        {
            command.Parameters.Add(parameter);
        }

        return command;
    }

    private static NpgsqlBatchCommand Command(Guid id, string generationId, string? destination) =>
        Batched(LedgerSql.Named, Id(id), Text(generationId), Text(destination));

    private static NpgsqlBatchCommand Command(LedgerEntry.Ended entry)
    {
        var command = Batched(
            entry.GenerationId is null ? LedgerSql.Ended : LedgerSql.EndedAndNamed,
            Id(entry.Id),
            Small((int)entry.State),
            Text(entry.End),
            Small(entry.Status),
            Text(entry.AnsweredModel),
            Text(entry.Provider),
            Text(entry.FinishReason),
            Number(LedgerValues.Tokens(entry.Usage?.PromptTokens)),
            Number(LedgerValues.Tokens(entry.Usage?.CompletionTokens)),
            Number(LedgerValues.Tokens(entry.Usage?.CachedTokens)),
            Number(LedgerValues.Tokens(entry.Usage?.ReasoningTokens)),
            Number(entry.Usage?.Cost?.ToStored()),
            Number(entry.Usage?.Discount?.ToStored()),
            Number(LedgerValues.Microseconds(entry.TimeToFirstToken)),
            Time(entry.EndedAt),
            Time(entry.ClosedAt),
            Small(entry.Asked),
            Time(entry.AskAt),
            Flag(entry.IsCounted),
            Text(entry.Destination));
        if (entry.GenerationId is { } generationId)
        {
            command.Parameters.Add(Text(generationId));
        }

        return command;
    }

    private NpgsqlBatchCommand Command(LedgerEntry.Began entry) => Batched(
        LedgerSql.Began,
        Id(entry.Id),
        Time(entry.StartedAt),
        Id(_node.Id),
        Text(entry.Team),
        Text(entry.KeyLabel),
        Text(entry.Rule),
        Text(entry.SettingsVersion),
        Text(entry.Endpoint),
        Text(entry.AskedModel),
        Text(entry.SentModel),
        Flag(entry.Streams),
        Number(entry.Reserved.ToStored()),
        Flag(entry.IsCounted));

    private NpgsqlCommand Command(string sql, params ReadOnlySpan<NpgsqlParameter> parameters)
    {
        var command = _source.CreateCommand(sql);
        foreach (var parameter in parameters)
        {
            command.Parameters.Add(parameter);
        }

        return command;
    }

    private async Task<string> MigrateAsync(CancellationToken cancellationToken)
    {
        await using var connection = await _source.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await ExecuteAsync(connection, "SELECT pg_advisory_xact_lock($1)", Number(MigrationLock));
        await ExecuteAsync(connection, LedgerSchema.CreateMeta);
        var version = await ReadMetaAsync(LedgerSchema.VersionKey);
        foreach (var statement in LedgerSchema.Upgrade(version, isSqlite: false))
        {
            await ExecuteAsync(connection, statement);
        }

        var known = LedgerSchema.Version(isSqlite: false).ToString(CultureInfo.InvariantCulture);
        if (version != known)
        {
            await ExecuteAsync(connection, LedgerSchema.WriteMeta, Text(LedgerSchema.VersionKey), Text(known));
        }

        var id = await ReadMetaAsync(LedgerSchema.LedgerIdKey);
        if (id is null)
        {
            id = Guid.NewGuid().ToString("N");
            await ExecuteAsync(connection, LedgerSchema.WriteMeta, Text(LedgerSchema.LedgerIdKey), Text(id));
        }

        await transaction.CommitAsync(cancellationToken);
        return id;

        async Task ExecuteAsync(NpgsqlConnection connection, string sql, params NpgsqlParameter[] parameters)
        {
            await using var command = Command(connection, sql, parameters);
            await command.ExecuteNonQueryAsync(cancellationToken);
        }

        async Task<string?> ReadMetaAsync(string key)
        {
            await using var command = Command(connection, LedgerSchema.ReadMeta, Text(key));
            return (string?)await command.ExecuteScalarAsync(cancellationToken);
        }
    }
}
