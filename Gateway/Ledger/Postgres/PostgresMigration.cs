using System.Globalization;
using Npgsql;
using static Gateway.Ledger.Postgres.PostgresParameters;

namespace Gateway.Ledger.Postgres;

/// <summary>Creates the ledger's tables, or upgrades them to the newest schema version that this program supports.</summary>
internal static class PostgresMigration
{
    // Serializes migrations of nodes that start at the same time. "ogwledge" in ASCII.
    private const long MigrationLock = 0x6F67_776C_6564_6765;

    // A migration may read and index millions of rows.
    private const int TimeoutSeconds = 600;

    /// <returns>The ledger's id.</returns>
    /// <exception cref="LedgerException">The schema is newer than this program.</exception>
    public static async Task<string> RunAsync(NpgsqlDataSource source, CancellationToken cancellationToken)
    {
        await using var connection = await source.OpenConnectionAsync(cancellationToken);
        await using var transaction = await connection.BeginTransactionAsync(cancellationToken);
        await ExecuteAsync(connection, "SELECT pg_advisory_xact_lock($1)", Number(MigrationLock));
        await ExecuteAsync(connection, LedgerSchema.CreateMeta);
        var version = await ReadMetaAsync(LedgerSchema.VersionKey);
        foreach (var statement in LedgerSchema.Upgrade(version, isSqlite: false))
        {
            await ExecuteAsync(connection, statement);
        }

        var known = LedgerSchema.Version(isSqlite: false).ToString(CultureInfo.InvariantCulture);
        if (version != known)
        {
            await ExecuteAsync(connection, LedgerSchema.WriteMeta, Text(LedgerSchema.VersionKey), Text(known));
        }

        var id = await ReadMetaAsync(LedgerSchema.LedgerIdKey);
        if (id is null)
        {
            id = Guid.NewGuid().ToString("N");
            await ExecuteAsync(connection, LedgerSchema.WriteMeta, Text(LedgerSchema.LedgerIdKey), Text(id));
        }

        await transaction.CommitAsync(cancellationToken);
        return id;

        async Task ExecuteAsync(NpgsqlConnection connection, string sql, params NpgsqlParameter[] parameters)
        {
            await using var command = connection.Command(sql, parameters);
            command.CommandTimeout = TimeoutSeconds;
            await command.ExecuteNonQueryAsync(cancellationToken);
        }

        async Task<string?> ReadMetaAsync(string key)
        {
            await using var command = connection.Command(LedgerSchema.ReadMeta, Text(key));
            return (string?)await command.ExecuteScalarAsync(cancellationToken);
        }
    }
}
