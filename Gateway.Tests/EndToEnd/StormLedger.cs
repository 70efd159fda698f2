using System.Data.Common;
using System.Globalization;
using Gateway.Billing;
using Gateway.Tests.Support;
using Npgsql;

namespace Gateway.Tests.EndToEnd;

/// <summary>Reads a gateway's ledger with plain SQL.</summary>
internal static class StormLedger
{
    private const string Query =
        """
        SELECT team, key_label, generation_id, state, reserved_pico, cost_pico, upstream_cost_pico, request_id, asked FROM generations
        """;

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

    /// <summary>The sums of days that differ from the settled rows of a SQLite file, a line each.</summary>
    public static async Task<IReadOnlyList<string>> WrongSqliteSumsAsync(string path)
    {
        await using var connection = await SqliteLedgerFile.OpenAsync(path);
        return await WrongSumsAsync(connection);
    }

    /// <summary>The sums of days that differ from the settled rows of a PostgreSQL database, a line each.</summary>
    public static async Task<IReadOnlyList<string>> WrongPostgresSumsAsync(string connectionString)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync();
        return await WrongSumsAsync(connection);
    }

    private static async Task<IReadOnlyList<string>> WrongSumsAsync(DbConnection connection)
    {
        const string Rows =
            """
            SELECT team, key_label, started_at / 86400000 AS day, COUNT(*) AS requests, SUM(COALESCE(cost_pico, reserved_pico)) AS charged,
                SUM(COALESCE(upstream_cost_pico, 0)) AS upstream
            FROM generations WHERE state = 2 GROUP BY team, key_label, started_at / 86400000
            """;
        const string Sums =
            """
            SELECT team, key_label, day, SUM(requests) AS requests, SUM(charged_micro * 1000000 + charged_pico) AS charged,
                SUM(upstream_micro * 1000000 + upstream_pico) AS upstream
            FROM daily_sums GROUP BY team, key_label, day
            """;
        await using var command = connection.CreateCommand();
        command.CommandText = $"SELECT * FROM ({Rows} EXCEPT {Sums}) AS missing UNION ALL SELECT * FROM ({Sums} EXCEPT {Rows}) AS excess";
        await using var reader = await command.ExecuteReaderAsync();
        var wrong = new List<string>();
        while (await reader.ReadAsync())
        {
            wrong.Add(string.Join(' ', Enumerable.Range(0, reader.FieldCount).Select(reader.GetValue)));
        }

        return wrong;
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
                (GenerationState)Convert.ToInt32(reader.GetValue(3), CultureInfo.InvariantCulture),
                reader.GetInt64(4),
                await reader.IsDBNullAsync(5) ? null : reader.GetInt64(5),
                await reader.IsDBNullAsync(6) ? null : reader.GetInt64(6))
            {
                RequestId = await reader.IsDBNullAsync(7) ? null : reader.GetString(7),
                Questions = Convert.ToInt64(reader.GetValue(8), CultureInfo.InvariantCulture),
            });
        }

        return rows;
    }
}
