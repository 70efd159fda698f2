using Gateway.Configuration.Model;
using Gateway.Ledger;
using Gateway.Ledger.Postgres;
using Gateway.Ledger.Sqlite;

namespace Gateway.Hosting;

/// <summary>
/// Creates the ledger's store from the settings. No file is opened or created before <see cref="ILedgerStore.OpenAsync"/>.
/// </summary>
internal static class LedgerStores
{
    /// <param name="settings">Section <c>Usage</c>.</param>
    /// <param name="workingDirectory">The base of a relative path of the SQLite file.</param>
    /// <param name="postgresConnectionString">The resolved connection string.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">The log of the SQLite file's events; by default none.</param>
    /// <exception cref="LedgerException">The connection string cannot be read.</exception>
    public static ILedgerStore Create(
        UsageSettings settings,
        string workingDirectory,
        string? postgresConnectionString,
        TimeProvider time,
        ILogger<SqliteLedgerStore>? logger = null) =>
        settings.Store switch
        {
            UsageStore.Sqlite => new SqliteLedgerStore(Path.Combine(workingDirectory, settings.Sqlite.Path), logger)
            {
                WaitsForDisk = settings.Durability == LedgerDurability.Disk,
                MaxJournalSize = settings.MaxJournalSize,
            },
            UsageStore.Postgres => new PostgresLedgerStore(postgresConnectionString ?? "", time),
            _ => throw new ArgumentOutOfRangeException(nameof(settings), settings.Store, null),
        };
}
