using Microsoft.Data.Sqlite;

namespace Soak;

/// <summary>The number of ledger rows by state, read directly from the file.</summary>
/// <param name="Open">Rows in progress, or with a pending bill query.</param>
/// <param name="Settled">Rows with a known bill.</param>
/// <param name="Unresolvable">Rows without a bill: the call ended before upstream sent the generation's id.</param>
internal sealed record LedgerCount(long Open, long Settled, long Unresolvable)
{
    public static async Task<LedgerCount> ReadAsync(string path)
    {
        var settings = new SqliteConnectionStringBuilder { DataSource = path, Mode = SqliteOpenMode.ReadOnly, Pooling = false };
        await using var connection = new SqliteConnection(settings.ConnectionString);
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText =
            "SELECT COALESCE(SUM(state < 2), 0), COALESCE(SUM(state = 2), 0), COALESCE(SUM(state = 3), 0) FROM generations";
        await using var reader = await command.ExecuteReaderAsync();
        await reader.ReadAsync();
        return new LedgerCount(reader.GetInt64(0), reader.GetInt64(1), reader.GetInt64(2));
    }
}
