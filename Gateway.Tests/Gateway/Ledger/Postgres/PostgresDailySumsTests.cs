using System.Data.Common;
using System.Globalization;
using Gateway.Ledger;
using Gateway.Ledger.Postgres;
using Gateway.Tests.Support;
using Npgsql;
using Xunit;
using static Gateway.Tests.Gateway.Ledger.LedgerSamples;

namespace Gateway.Tests.Gateway.Ledger.Postgres;

public sealed class PostgresDailySumsTests(PostgresServer server) : DailySumsTests
{
    private string _database = "";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>Each restart of a node, and each new connection, has another process at the server.</summary>
    [Fact]
    public async Task ConnectionsOneAfterAnother_AddToTheSameRow()
    {
        const int Connections = 20;
        for (var i = 0; i < Connections; i++)
        {
            await using var store = Create();
            await store.OpenAsync(Cancel);
            var id = NewId();
            await store.ApplyAsync([Began(id, "a"), Settled(id, 7)], Cancel);
        }

        Assert.Equal((1, Connections), await CountAsync());
    }

    [Fact]
    public async Task TransactionsAtOnce_HaveARowEach_UpToABound()
    {
        const int Late = 5;
        var holding = new List<(NpgsqlConnection Connection, NpgsqlTransaction Transaction)>();
        for (var i = 0; i < DailySumsShards.Count; i++)
        {
            // The trigger runs, and its transaction does not end.
            var connection = (NpgsqlConnection)await ConnectAsync();
            var transaction = await connection.BeginTransactionAsync(Cancel);
            await SettleAsync(connection);
            await ExecuteAsync(connection, "SET CONSTRAINTS ALL IMMEDIATE");
            holding.Add((connection, transaction));
        }

        var late = Enumerable.Range(0, Late).Select(_ => Task.Run(
            async () =>
            {
                await using var connection = (NpgsqlConnection)await ConnectAsync();
                await SettleAsync(connection);
            },
            Cancel)).ToList();
        foreach (var (connection, transaction) in holding)
        {
            await transaction.CommitAsync(Cancel);
            await connection.DisposeAsync();
        }

        await Task.WhenAll(late).GuardAsync();
        Assert.Equal((DailySumsShards.Count, DailySumsShards.Count + Late), await CountAsync());
    }

    [Fact]
    public async Task RowsOfEarlierConnections_AreFoldedByTheUpgrade()
    {
        const int Before = 6;
        const int Connections = 4;
        await PrepareAsync();
        await using var connection = (NpgsqlConnection)await ConnectAsync();
        var later = LedgerSchema.Upgrade(Before.ToString(CultureInfo.InvariantCulture), isSqlite: false).Count();
        foreach (var statement in LedgerSchema.Upgrade(null, isSqlite: false).SkipLast(later).Prepend(LedgerSchema.CreateMeta))
        {
            await ExecuteAsync(connection, statement);
        }

        await ExecuteAsync(connection, $"INSERT INTO meta (key, value) VALUES ('{LedgerSchema.VersionKey}', '{Before}')");
        for (var i = 0; i < Connections; i++)
        {
            await using var earlier = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(_database) { Pooling = false }.ConnectionString);
            await earlier.OpenAsync(Cancel);
            await SettleAsync(earlier);
            await SettleAsync(earlier);
        }

        Assert.Equal((Connections, 2 * Connections), await CountAsync());
        await using var store = Create();
        await store.OpenAsync(Cancel);

        Assert.Equal((1, 2 * Connections), await CountAsync());
    }

    protected override async Task PrepareAsync() => _database = await server.EmptyDatabaseAsync(GetType());

    protected override void CleanUp()
    {
    }

    private protected override ILedgerStore Create() => new PostgresLedgerStore(_database, TimeProvider.System, HangGuard.Limit);

    protected override async Task<DbConnection> ConnectAsync()
    {
        var connection = new NpgsqlConnection(_database);
        await connection.OpenAsync();
        return connection;
    }

    private static Task SettleAsync(NpgsqlConnection connection) => ExecuteAsync(
        connection,
        $"""
        INSERT INTO generations (id, started_at, node, team, key_label, settings_version, endpoint, streams, reserved_pico, cost_pico, state, is_counted)
        VALUES (gen_random_uuid(), {Now.ToUnixTimeMilliseconds()}, gen_random_uuid(), 'a', 'ci', 'v', '/chat/completions', 0, 1000, 7, 2, 1)
        """);

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(Cancel);
    }

    /// <summary>The rows of sums, and the requests that they have.</summary>
    private async Task<(long Rows, long Requests)> CountAsync()
    {
        await using var connection = await ConnectAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = "SELECT COUNT(*), CAST(SUM(requests) AS BIGINT) FROM daily_sums WHERE team = 'a' AND requests > 0";
        await using var reader = await command.ExecuteReaderAsync(Cancel);
        await reader.ReadAsync(Cancel);
        return (reader.GetInt64(0), reader.GetInt64(1));
    }
}
