namespace Gateway.Ledger;

/// <summary>
/// The migration that adds <c>daily_sums</c>: the settled rows of a team's key and a UTC day as one row. Triggers add to it, so that every
/// statement that settles a row keeps the sums, also one of an earlier program during a rolling upgrade. The sums outlive the rows.
/// </summary>
/// <remarks>
/// A settled row does not change, and its removal leaves the sums as they are, so the transition to settled is the only event that counts.
/// Of rows that an earlier version has removed neither key nor day is known: they are in the sums with an empty label and day -1.
/// </remarks>
internal static class DailySumsSchema
{
    /// <summary>The columns of a row, in the order of <see cref="AddNew"/>.</summary>
    public const string Columns =
        """
        team, key_label, day, writer, requests, prompt_tokens, completion_tokens,
            charged_micro, charged_pico, upstream_micro, upstream_pico
        """;

    // Amounts are whole micro-dollars and remaining pico-dollars, as in LedgerSums. Transactions of PostgreSQL run at the same time and add to
    // different rows, told apart by the writer, so that they do not deadlock: DailySumsShards bounds the writers. SQLite has one writer.
    private const string CreateTable =
        """
        CREATE TABLE daily_sums (
            team TEXT NOT NULL,
            key_label TEXT NOT NULL,
            day BIGINT NOT NULL,
            writer INTEGER NOT NULL,
            requests BIGINT NOT NULL,
            prompt_tokens BIGINT NOT NULL,
            completion_tokens BIGINT NOT NULL,
            charged_micro BIGINT NOT NULL,
            charged_pico BIGINT NOT NULL,
            upstream_micro BIGINT NOT NULL,
            upstream_pico BIGINT NOT NULL,
            PRIMARY KEY (team, key_label, day, writer)
        ){1}
        """;

    /// <summary>Adds the row NEW to the sums. {2} is the writer.</summary>
    public const string AddNew =
        $$"""
        INSERT INTO daily_sums ({{Columns}})
            VALUES (NEW.team, NEW.key_label, NEW.started_at / 86400000, {2}, 1,
                COALESCE(NEW.prompt_tokens, 0), COALESCE(NEW.completion_tokens, 0),
                COALESCE(NEW.cost_pico, NEW.reserved_pico) / 1000000, COALESCE(NEW.cost_pico, NEW.reserved_pico) % 1000000,
                COALESCE(NEW.upstream_cost_pico, 0) / 1000000, COALESCE(NEW.upstream_cost_pico, 0) % 1000000)
            ON CONFLICT (team, key_label, day, writer) DO UPDATE SET
                requests = daily_sums.requests + 1,
                prompt_tokens = daily_sums.prompt_tokens + excluded.prompt_tokens,
                completion_tokens = daily_sums.completion_tokens + excluded.completion_tokens,
                charged_micro = daily_sums.charged_micro + excluded.charged_micro,
                charged_pico = daily_sums.charged_pico + excluded.charged_pico,
                upstream_micro = daily_sums.upstream_micro + excluded.upstream_micro,
                upstream_pico = daily_sums.upstream_pico + excluded.upstream_pico;
        """;

    private const string AddRows =
        $"""
        INSERT INTO daily_sums ({Columns})
        SELECT team, key_label, started_at / 86400000, 0, COUNT(*), COALESCE(SUM(prompt_tokens), 0), COALESCE(SUM(completion_tokens), 0),
            SUM(COALESCE(cost_pico, reserved_pico) / 1000000), SUM(COALESCE(cost_pico, reserved_pico) % 1000000),
            SUM(COALESCE(upstream_cost_pico, 0) / 1000000), SUM(COALESCE(upstream_cost_pico, 0) % 1000000)
        FROM generations WHERE state = 2
        GROUP BY 1, 2, 3
        """;

    private const string AddRemoved =
        $"""
        INSERT INTO daily_sums ({Columns})
        SELECT team, '', -1, 0, requests, 0, 0, charged_micro, charged_pico, upstream_micro, upstream_pico FROM removed_totals
        """;

    private const string OnInsert = "CREATE TRIGGER generations_settled_insert AFTER INSERT ON generations";
    private const string OnUpdate = "CREATE TRIGGER generations_settled_update AFTER UPDATE OF state ON generations";

    /// <summary>Whether an inserted row is settled.</summary>
    public const string IsNew = "NEW.state = 2";

    /// <summary>Whether an update has settled a row.</summary>
    public const string IsChanged = "NEW.state = 2 AND OLD.state <> 2";

    // Unresolvable and written-off rows, which are not in the sums.
    private const string AddIndex = "CREATE INDEX generations_unresolved ON generations (team, started_at) WHERE state >= 3";

    // In PostgreSQL a trigger locks its table until the transaction ends: no row is settled between the triggers and the sums.
    private static readonly string[] Fill = [AddRows, AddRemoved, "DROP TABLE removed_totals", AddIndex];

    public static readonly string[] Sqlite =
    [
        CreateTable,
        $"{OnInsert} WHEN {IsNew} BEGIN {AddNew.Replace("{2}", "0", StringComparison.Ordinal)} END",
        $"{OnUpdate} WHEN {IsChanged} BEGIN {AddNew.Replace("{2}", "0", StringComparison.Ordinal)} END",
        .. Fill,
    ];

    public static readonly string[] Postgres =
    [
        CreateTable,
        $"""
        CREATE FUNCTION add_to_daily_sums() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            {AddNew.Replace("{2}", "pg_backend_pid()", StringComparison.Ordinal)}
            RETURN NULL;
        END $$
        """,
        $"{OnInsert} FOR EACH ROW WHEN ({IsNew}) EXECUTE FUNCTION add_to_daily_sums()",
        $"{OnUpdate} FOR EACH ROW WHEN ({IsChanged}) EXECUTE FUNCTION add_to_daily_sums()",
        .. Fill,
    ];
}
