using System.Data.Common;
using Gateway.Ledger;
using Gateway.Ledger.Postgres;
using Gateway.Tests.Support;
using Npgsql;

namespace Gateway.Tests.Gateway.Ledger.Postgres;

public sealed class PostgresDailySumsTests(PostgresServer server) : DailySumsTests
{
    private string _database = "";

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
}
