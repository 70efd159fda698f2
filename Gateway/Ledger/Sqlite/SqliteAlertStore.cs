using Microsoft.Data.Sqlite;

namespace Gateway.Ledger.Sqlite;

/// <summary>The alerts in an SQLite ledger.</summary>
internal sealed class SqliteAlertStore(SqliteLedgerFile file) : IAlertStore
{
    public Task RaiseAsync(RaisedAlert alert, CancellationToken cancellationToken) => ExecuteAsync(
        AlertSql.Raise,
        alert.Name,
        alert.Team,
        alert.Content,
        LedgerKeys.ToStored(alert.RaisedAt),
        alert.ExpiresAt is { } expiry ? LedgerKeys.ToStored(expiry) : DBNull.Value);

    public async Task<IReadOnlyList<ClaimedAlert>> ClaimDueAsync(
        DateTimeOffset now, DateTimeOffset leasedUntil, int max, CancellationToken cancellationToken)
    {
        // Mostly none is due, and a read does not wait for writers.
        if (await file.ReadAsync(connection => ReadDue(connection, now, max: 1).Count == 0))
        {
            return [];
        }

        return await file.WriteAsync<IReadOnlyList<ClaimedAlert>>(connection =>
        {
            var claimed = new List<ClaimedAlert>();
            using var transaction = connection.BeginTransaction(deferred: false);
            using var claim = connection.Command(
                $"UPDATE alerts SET due_at = $2 WHERE name = $1 RETURNING {AlertSql.Columns}", "", LedgerKeys.ToStored(leasedUntil));
            foreach (var name in ReadDue(connection, now, max))
            {
                claim.Parameters[0].Value = name;
                using var reader = claim.ExecuteReader();
                while (reader.Read())
                {
                    claimed.Add(LedgerRows.Alert(reader, leasedUntil));
                }
            }

            transaction.Commit();
            return claimed;
        });
    }

    public Task MarkPostedAsync(string name, DateTimeOffset now, CancellationToken cancellationToken) =>
        ExecuteAsync(AlertSql.MarkPosted, name, LedgerKeys.ToStored(now));

    public Task ReturnAsync(ClaimedAlert claim, DateTimeOffset? dueAt, int attempts, CancellationToken cancellationToken) => ExecuteAsync(
        AlertSql.Return,
        claim.Name,
        LedgerKeys.ToStored(claim.LeasedUntil),
        dueAt is { } due ? LedgerKeys.ToStored(due) : DBNull.Value,
        attempts);

    public Task RemoveExpiredAsync(DateTimeOffset now, CancellationToken cancellationToken) =>
        ExecuteAsync(AlertSql.RemoveExpired, LedgerKeys.ToStored(now));

    private static List<string> ReadDue(SqliteConnection connection, DateTimeOffset now, int max)
    {
        var names = new List<string>();
        using var command = connection.Command(AlertSql.Due, LedgerKeys.ToStored(now), max);
        using var reader = command.ExecuteReader();
        while (reader.Read())
        {
            names.Add(reader.GetString(0));
        }

        return names;
    }

    private Task<int> ExecuteAsync(string sql, params object[] values) => file.WriteAsync(connection =>
    {
        using var command = connection.Command(sql, values);
        return command.ExecuteNonQuery();
    });
}
