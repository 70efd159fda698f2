using Gateway.Ledger;
using Gateway.Ledger.Sqlite;
using Gateway.Tests.Support;

namespace Gateway.Tests.Gateway.Ledger.Sqlite;

public sealed class SqliteUsageReportsTests : UsageReportsTests
{
    private readonly TempFolder _folder = new();

    private protected override Task<ILedgerStore> CreateAsync() =>
        Task.FromResult<ILedgerStore>(new SqliteLedgerStore(_folder.File("usage.db")));

    protected override Task CleanUpAsync()
    {
        _folder.Dispose();
        return Task.CompletedTask;
    }
}
