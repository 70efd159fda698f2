using Npgsql;
using static Gateway.Ledger.Postgres.PostgresParameters;

namespace Gateway.Ledger.Postgres;

/// <summary>The alerts in a PostgreSQL ledger.</summary>
internal sealed class PostgresAlertStore(NpgsqlDataSource source) : IAlertStore
{
    public Task RaiseAsync(RaisedAlert alert, CancellationToken cancellationToken) => ExecuteAsync(
        AlertSql.Raise,
        cancellationToken,
        LongText(alert.Name),
        LongText(alert.Team),
        LongText(alert.Content),
        Time(alert.RaisedAt),
        Time(alert.ExpiresAt));

    public Task<IReadOnlyList<ClaimedAlert>> ClaimDueAsync(
        DateTimeOffset now, DateTimeOffset leasedUntil, int max, CancellationToken cancellationToken) =>
        PostgresLedgerStore.GuardAsync<IReadOnlyList<ClaimedAlert>>(async () =>
        {
            var claimed = new List<ClaimedAlert>();
            await using var command = source.CreateCommand(
                $"""
                WITH due (due_name) AS ({AlertSql.Due} FOR UPDATE SKIP LOCKED)
                UPDATE alerts SET due_at = $3 FROM due WHERE name = due_name
                RETURNING {AlertSql.Columns}
                """).With([Time(now), Number(max), Time(leasedUntil)]);
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken))
            {
                claimed.Add(LedgerRows.Alert(reader, leasedUntil));
            }

            // UPDATE … RETURNING has no order.
            return [.. claimed.OrderBy(alert => alert.RaisedAt)];
        });

    public Task MarkPostedAsync(string name, DateTimeOffset now, CancellationToken cancellationToken) =>
        ExecuteAsync(AlertSql.MarkPosted, cancellationToken, LongText(name), Time(now));

    public Task ReturnAsync(ClaimedAlert claim, DateTimeOffset? dueAt, int attempts, CancellationToken cancellationToken) => ExecuteAsync(
        AlertSql.Return, cancellationToken, LongText(claim.Name), Time(claim.LeasedUntil), Time(dueAt), Small(attempts));

    public Task RemoveExpiredAsync(DateTimeOffset now, CancellationToken cancellationToken) =>
        ExecuteAsync(AlertSql.RemoveExpired, cancellationToken, Time(now));

    private Task<int> ExecuteAsync(string sql, CancellationToken cancellationToken, params NpgsqlParameter[] parameters) =>
        PostgresLedgerStore.GuardAsync(async () =>
        {
            await using var command = source.CreateCommand(sql).With(parameters);
            return await command.ExecuteNonQueryAsync(cancellationToken);
        });
}
