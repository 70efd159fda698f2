using Gateway.Ledger.Sqlite;
using Microsoft.Data.Sqlite;

namespace Gateway.Tests.Support;

/// <summary>A ledger's SQLite file, which a gateway may have open, or may have left behind when it was killed.</summary>
internal static class SqliteLedgerFile
{
    /// <summary>Opens it for reading, with all that was written up to now in its rows.</summary>
    public static async Task<SqliteConnection> OpenAsync(string path)
    {
        // Opens the file first as the next gateway does, however long another one holds the lock.
        await using (var store = new SqliteLedgerStore(path) { BusyTimeout = HangGuard.Limit })
        {
            await store.OpenAsync(CancellationToken.None);
        }

        return await OpenAsync(path, SqliteOpenMode.ReadOnly);
    }

    private static async Task<SqliteConnection> OpenAsync(string path, SqliteOpenMode mode)
    {
        var settings = new SqliteConnectionStringBuilder { DataSource = path, Mode = mode, Pooling = false };
        var connection = new SqliteConnection(settings.ConnectionString);
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = "PRAGMA busy_timeout = 5000";
        await command.ExecuteNonQueryAsync();
        return connection;
    }
}
