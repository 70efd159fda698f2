using Microsoft.Data.Sqlite;

namespace Soak;

/// <summary>How far the bills in a gateway's ledger are known, read past the gateway.</summary>
/// <param name="Open">Rows under way, or whose bill is being asked for.</param>
/// <param name="Settled">Rows whose bill is known.</param>
/// <param name="Unresolvable">Rows whose bill will not come: the call was given up before upstream had told its id.</param>
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
