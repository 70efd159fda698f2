using Microsoft.Data.Sqlite;

namespace Soak.Chaos;

/// <summary>A row of the ledger.</summary>
internal sealed record LedgerRow(string Team, string? GenerationId, int State, long Reserved, long? Cost)
{
    public const int Settled = 2;
    public const int Unresolvable = 3;

    public bool IsOpen => State < Settled;

    public static async Task<IReadOnlyList<LedgerRow>> ReadAsync(string path)
    {
        var settings = new SqliteConnectionStringBuilder { DataSource = path, Mode = SqliteOpenMode.ReadOnly, Pooling = false };
        await using var connection = new SqliteConnection(settings.ConnectionString);
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = "SELECT team, generation_id, state, reserved_pico, cost_pico FROM generations";
        await using var reader = await command.ExecuteReaderAsync();
        var rows = new List<LedgerRow>();
        while (await reader.ReadAsync())
        {
            rows.Add(new LedgerRow(
                reader.GetString(0),
                await reader.IsDBNullAsync(1) ? null : reader.GetString(1),
                reader.GetInt32(2),
                reader.GetInt64(3),
                await reader.IsDBNullAsync(4) ? null : reader.GetInt64(4)));
        }

        return rows;
    }
}
