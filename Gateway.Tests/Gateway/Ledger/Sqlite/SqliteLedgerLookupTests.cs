using Gateway.Ledger;
using Gateway.Ledger.Sqlite;
using Gateway.Tests.Support;
using Microsoft.Data.Sqlite;
using Xunit;

namespace Gateway.Tests.Gateway.Ledger.Sqlite;

public sealed class SqliteLedgerLookupTests : LedgerLookupTests
{
    private readonly TempFolder _folder = new();

    private string Path => _folder.File("usage.db");

    private protected override Task<ILedgerStore> CreateAsync() => Task.FromResult<ILedgerStore>(new SqliteLedgerStore(Path));

    private protected override Task CleanUpAsync()
    {
        _folder.Dispose();
        return Task.CompletedTask;
    }

    private protected override async Task FillAsync(int rows, DateTimeOffset from)
    {
        await using var connection = new SqliteConnection($"Data Source={Path};Pooling=False");
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        await using var command = connection.CreateCommand();
        command.CommandText = Fill(
            "unhex(printf('%012x70008000000000000000', $1 + n))",
            "zeroblob(16)",
            "(WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < $2) SELECT n FROM numbers)");
        command.Parameters.AddWithValue("$1", LedgerKeys.ToStored(from));
        command.Parameters.AddWithValue("$2", rows);
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
    }
}
