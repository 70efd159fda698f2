using System.Data.Common;
using Gateway.Ledger;
using Gateway.Ledger.Sqlite;
using Gateway.Tests.Support;

namespace Gateway.Tests.Gateway.Ledger.Sqlite;

public sealed class SqliteDailySumsTests : DailySumsTests
{
    private readonly TempFolder _folder = new();

    protected override Task PrepareAsync() => Task.CompletedTask;

    protected override void CleanUp() => _folder.Dispose();

    private protected override ILedgerStore Create() => new SqliteLedgerStore(_folder.File("usage.db")) { BusyTimeout = HangGuard.Limit };

    protected override async Task<DbConnection> ConnectAsync() => await Support.SqliteLedgerFile.OpenAsync(_folder.File("usage.db"));
}
