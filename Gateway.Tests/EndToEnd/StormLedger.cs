using System.Data.Common;
using Gateway.Billing;
using Gateway.Tests.Support;
using Npgsql;

namespace Gateway.Tests.EndToEnd;

/// <summary>Reads a gateway's ledger with plain SQL.</summary>
internal static class StormLedger
{
    private const string Query = "SELECT team, key_label, generation_id, state, reserved_pico, cost_pico, upstream_cost_pico FROM generations";

    /// <summary>The rows of a SQLite file that a gateway may have open.</summary>
    public static async Task<IReadOnlyList<StormRow>> ReadSqliteAsync(string path)
    {
        await using var connection = await SqliteLedgerFile.OpenAsync(path);
        return await ReadAsync(connection);
    }

    /// <summary>The rows of a PostgreSQL database.</summary>
    public static async Task<IReadOnlyList<StormRow>> ReadPostgresAsync(string connectionString)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync();
        return await ReadAsync(connection);
    }

    private static async Task<IReadOnlyList<StormRow>> ReadAsync(DbConnection connection)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = Query;
        await using var reader = await command.ExecuteReaderAsync();
        var rows = new List<StormRow>();
        while (await reader.ReadAsync())
        {
            rows.Add(new StormRow(
                reader.GetString(0),
                reader.GetString(1),
                await reader.IsDBNullAsync(2) ? null : reader.GetString(2),
                (GenerationState)Convert.ToInt32(reader.GetValue(3), System.Globalization.CultureInfo.InvariantCulture),
                reader.GetInt64(4),
                await reader.IsDBNullAsync(5) ? null : reader.GetInt64(5),
                await reader.IsDBNullAsync(6) ? null : reader.GetInt64(6)));
        }

        return rows;
    }
}
