using Gateway.Configuration.Model;
using Gateway.Ledger;
using Gateway.Ledger.Postgres;
using Gateway.Ledger.Sqlite;

namespace Gateway.Hosting;

/// <summary>
/// Makes the store that the settings name. Nothing is opened and no file is made before <see cref="ILedgerStore.OpenAsync"/>.
/// </summary>
internal static class LedgerStores
{
    /// <param name="settings">Section <c>Usage</c>.</param>
    /// <param name="workingDirectory">What a relative path of the SQLite file is relative to.</param>
    /// <param name="postgresConnectionString">The connection string itself, not a reference to one.</param>
    /// <param name="time">The clock.</param>
    /// <exception cref="LedgerException">The connection string cannot be read.</exception>
    public static ILedgerStore Create(
        UsageSettings settings, string workingDirectory, string? postgresConnectionString, TimeProvider time) =>
        settings.Store switch
        {
            UsageStore.Sqlite => new SqliteLedgerStore(Path.Combine(workingDirectory, settings.Sqlite.Path)),
            UsageStore.Postgres => new PostgresLedgerStore(postgresConnectionString ?? "", time),
            _ => throw new ArgumentOutOfRangeException(nameof(settings), settings.Store, null),
        };
}
