using Gateway.Ledger;
using Gateway.Ledger.Postgres;
using Gateway.Tests.Support;

namespace Gateway.Tests.Gateway.Ledger.Postgres;

public sealed class PostgresUsageReportsTests(PostgresServer server) : UsageReportsTests
{
    private protected override async Task<ILedgerStore> CreateAsync() =>
        new PostgresLedgerStore(await server.EmptyDatabaseAsync(GetType()), TimeProvider.System, HangGuard.Limit);

    protected override Task CleanUpAsync() => Task.CompletedTask;
}
