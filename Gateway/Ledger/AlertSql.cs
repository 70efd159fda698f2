namespace Gateway.Ledger;

/// <summary>The statements of <see cref="IAlertStore"/>, shared by SQLite and PostgreSQL.</summary>
internal static class AlertSql
{
    public const string Raise =
        """
        INSERT INTO alerts (name, team, content, raised_at, expires_at, attempts, due_at) VALUES ($1, $2, $3, $4, $5, 0, $4)
        ON CONFLICT (name) DO NOTHING
        """;

    public const string Due = "SELECT name FROM alerts WHERE due_at IS NOT NULL AND due_at <= $1 ORDER BY due_at, name LIMIT $2";

    public const string Columns = "name, team, content, raised_at, attempts";

    public const string MarkPosted = "UPDATE alerts SET due_at = NULL, posted_at = $2 WHERE name = $1";

    /// <summary>The time of the claim is its token: another claim has another one.</summary>
    public const string Return = "UPDATE alerts SET due_at = $3, attempts = $4 WHERE name = $1 AND due_at = $2";

    public const string RemoveExpired = "DELETE FROM alerts WHERE expires_at < $1";
}
