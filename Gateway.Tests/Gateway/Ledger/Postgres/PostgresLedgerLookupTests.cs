using Gateway.Ledger;
using Gateway.Ledger.Postgres;
using Gateway.Tests.Support;
using Npgsql;
using Xunit;

namespace Gateway.Tests.Gateway.Ledger.Postgres;

public sealed class PostgresLedgerLookupTests(PostgresServer server) : LedgerLookupTests
{
    private string _connectionString = "";

    private protected override async Task<ILedgerStore> CreateAsync() =>
        new PostgresLedgerStore(_connectionString = await server.EmptyDatabaseAsync(GetType()), TimeProvider.System, HangGuard.Limit);

    private protected override Task CleanUpAsync() => Task.CompletedTask;

    private protected override async Task FillAsync(int rows, DateTimeOffset from)
    {
        await using var connection = new NpgsqlConnection(_connectionString);
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        await using (var withoutSums = new NpgsqlCommand("SET session_replication_role = replica", connection))
        {
            // The sum of a day would have as many versions as rows are inserted at once.
            await withoutSums.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        }

        await using var command = new NpgsqlCommand(
            Fill(
                "(lpad(to_hex($1 + n), 12, '0') || '70008000000000000000')::uuid",
                "'00000000-0000-0000-0000-000000000000'::uuid",
                "generate_series(1::bigint, $2) AS numbers(n)"),
            connection);
        command.CommandTimeout = 0;
        command.Parameters.AddWithValue(LedgerKeys.ToStored(from));
        command.Parameters.AddWithValue((long)rows);
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
    }
}
