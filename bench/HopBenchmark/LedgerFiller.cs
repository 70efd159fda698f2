using System.Globalization;
using Microsoft.Data.Sqlite;

namespace HopBenchmark;

/// <summary>Fills a SQLite ledger with settled calls: copies of a row that the gateway has written, over its teams and thirty days.</summary>
internal static class LedgerFiller
{
    private const int RowsAtATime = 500_000;

    // {0} is the number of copies, {1} that of the teams. Copies are numbered from 0 on, and the last one is the newest.
    private const string StartedAt = "t.started_at - CAST(2592000000.0 * ({0} - i) / {0} AS INTEGER)";

    private static readonly Dictionary<string, string> Values = new()
    {
        // Ids begin with their time, as the gateway's own.
        ["id"] = $"unhex(printf('%012x', {StartedAt}) || hex(randomblob(10)))",
        ["started_at"] = StartedAt,
        ["ended_at"] = StartedAt,
        ["closed_at"] = StartedAt,
        ["team"] = "'team-' || (i % {1})",
        ["generation_id"] = $"'gen-' || (({StartedAt}) / 1000) || '-' || lower(hex(randomblob(10)))",
        ["request_id"] = "lower(hex(randomblob(16)))",
    };

    /// <summary>Creates the ledger and its rows.</summary>
    /// <param name="starter">Starts the gateway that creates the ledger.</param>
    /// <param name="program">The gateway.</param>
    /// <param name="shape">Its shape, with the folder of the ledger.</param>
    /// <param name="rows">The number of copies.</param>
    public static async Task FillAsync(HopStarter starter, string program, GatewayShape shape, int rows)
    {
        // The probe that finds the gateway ready is a metered call. Its row is in the ledger when the gateway has ended.
        using (var hop = await starter.StartGatewayAsync("ledger", program, shape))
        {
            await hop.Process!.StopAsync();
        }

        await using var connection = new SqliteConnection(
            new SqliteConnectionStringBuilder { DataSource = Path.Combine(shape.Data!, "usage.db"), Pooling = false }.ToString());
        await connection.OpenAsync();
        var columns = new List<string>();
        await using (var command = Command(connection, "SELECT name FROM pragma_table_info('generations')"))
        await using (var reader = await command.ExecuteReaderAsync())
        {
            while (await reader.ReadAsync())
            {
                columns.Add(reader.GetString(0));
            }
        }

        var values = columns.Select(column => string.Format(
            CultureInfo.InvariantCulture, Values.GetValueOrDefault(column, "t." + column), rows, shape.Teams));
        for (var first = 0; first < rows; first += RowsAtATime)
        {
            await RunAsync(
                connection,
                $"""
                WITH RECURSIVE copies(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM copies WHERE i + 1 < {Math.Min(rows, first + RowsAtATime)})
                INSERT INTO generations ({string.Join(", ", columns)})
                SELECT {string.Join(", ", values)} FROM copies, (SELECT * FROM generations WHERE state = 2 ORDER BY started_at DESC LIMIT 1) AS t
                """);
        }

        await RunAsync(connection, "PRAGMA wal_checkpoint(TRUNCATE)");
        await using var count = Command(connection, "SELECT COUNT(*) FROM generations WHERE state = 2");
        if (await count.ExecuteScalarAsync() is not long found || found < rows)
        {
            throw new InvalidOperationException($"the ledger of {rows} rows has fewer: the gateway's own call is not settled");
        }
    }

    private static async Task RunAsync(SqliteConnection connection, string sql)
    {
        await using var command = Command(connection, sql);
        await command.ExecuteNonQueryAsync();
    }

    private static SqliteCommand Command(SqliteConnection connection, string sql)
    {
        var command = connection.CreateCommand();
#pragma warning disable CA2100 // Numbers and column names.
        command.CommandText = sql;
#pragma warning restore CA2100
        command.CommandTimeout = 0;
        return command;
    }
}
