namespace Gateway.Ledger;

/// <summary>
/// The tables, identical in SQLite and PostgreSQL except for types and SQLite's journal. A released migration is never edited; changes are
/// new migrations.
/// </summary>
internal static class LedgerSchema
{
    /// <summary>The key in <c>meta</c> of the number of applied migrations.</summary>
    public const string VersionKey = "schema_version";

    /// <summary>The key in <c>meta</c> of the ledger's id.</summary>
    public const string LedgerIdKey = "ledger_id";

    /// <summary>The table of values of the ledger as a whole. Created before the first migration.</summary>
    public const string CreateMeta = "CREATE TABLE IF NOT EXISTS meta (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL)";

    public const string ReadMeta = "SELECT value FROM meta WHERE key = $1";

    public const string WriteMeta = "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";

    // The destination that served the request, which is queried for the bill.
    private const string AddDestination = "ALTER TABLE generations ADD COLUMN destination TEXT NULL";

    // The provider's own amount (BYOK); the amount that the budget holds until the bill is known, if not the reservation; whether upstream
    // failed or refused the call; the tokens that the token limits count; the settlement clock; the last bill query; why the row was
    // written off.
    private static readonly string[] AddSettlement =
    [
        "ALTER TABLE generations ADD COLUMN upstream_cost_pico BIGINT NULL",
        "ALTER TABLE generations ADD COLUMN held_pico BIGINT NULL",
        "ALTER TABLE generations ADD COLUMN is_error INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE generations ADD COLUMN limit_tokens BIGINT NULL",
        "ALTER TABLE generations ADD COLUMN answered_ms BIGINT NOT NULL DEFAULT 0",
        "ALTER TABLE generations ADD COLUMN asked_at BIGINT NULL",
        "ALTER TABLE generations ADD COLUMN reason TEXT NULL",
        "ALTER TABLE removed_totals ADD COLUMN upstream_micro BIGINT NOT NULL DEFAULT 0",
        "ALTER TABLE removed_totals ADD COLUMN upstream_pico BIGINT NOT NULL DEFAULT 0",
    ];

    // The id of the request; the name of the OpenRouter key; the data region and the service tier, as upstream tells them.
    private static readonly string[] AddOrigin =
    [
        "ALTER TABLE generations ADD COLUMN request_id TEXT NULL",
        "ALTER TABLE generations ADD COLUMN upstream_key TEXT NULL",
        "ALTER TABLE generations ADD COLUMN region TEXT NULL",
        "ALTER TABLE generations ADD COLUMN service_tier TEXT NULL",
    ];

    // Alerts to be posted, and the names of those that were. A due one has a time, which a claim moves to the end of its lease.
    private static readonly string[] AddAlerts =
    [
        """
        CREATE TABLE alerts (
            name TEXT NOT NULL PRIMARY KEY,
            team TEXT NOT NULL,
            content TEXT NOT NULL,
            raised_at BIGINT NOT NULL,
            expires_at BIGINT NULL,
            attempts INTEGER NOT NULL,
            due_at BIGINT NULL,
            posted_at BIGINT NULL
        ){1}
        """,
        "CREATE INDEX alerts_due ON alerts (due_at) WHERE due_at IS NOT NULL",
    ];

    // The rows that wait for a bill query, and the closed rows that no counter includes, by team: those of other teams, removed ones among them,
    // are not read. The sums by day: reports and seeds read those of their period, not of all time. No request in flight is in these indexes.
    private static readonly string[] AddTeamIndexes =
    [
        "CREATE INDEX generations_waiting ON generations (team, ask_at) WHERE state = 1",
        "CREATE INDEX generations_uncounted_of_team ON generations (team, started_at, id) WHERE is_counted = 0 AND state >= 2",
        "CREATE INDEX daily_sums_day ON daily_sums (day)",
        "CREATE INDEX daily_sums_team_day ON daily_sums (team, day)",
    ];

    // {0} is the type of an id, {1} the ending of the statement for a table that is its own index.
    private static readonly string[][] Postgres =
    [
        [
            """
            CREATE TABLE generations (
                id {0} NOT NULL PRIMARY KEY,
                started_at BIGINT NOT NULL,
                node {0} NOT NULL,
                team TEXT NOT NULL,
                key_label TEXT NOT NULL,
                rule TEXT NULL,
                settings_version TEXT NOT NULL,
                endpoint TEXT NOT NULL,
                model_asked TEXT NULL,
                model_sent TEXT NULL,
                model_answered TEXT NULL,
                provider TEXT NULL,
                generation_id TEXT NULL,
                streams INTEGER NOT NULL,
                prompt_tokens BIGINT NULL,
                completion_tokens BIGINT NULL,
                cached_tokens BIGINT NULL,
                reasoning_tokens BIGINT NULL,
                reserved_pico BIGINT NOT NULL,
                cost_pico BIGINT NULL,
                discount_pico BIGINT NULL,
                state INTEGER NOT NULL,
                ended TEXT NULL,
                status INTEGER NULL,
                finish_reason TEXT NULL,
                first_token_us BIGINT NULL,
                ended_at BIGINT NULL,
                closed_at BIGINT NULL,
                asked INTEGER NOT NULL DEFAULT 0,
                ask_at BIGINT NULL,
                is_counted INTEGER NOT NULL
            ){1}
            """,

            // Open rows are few: requests in flight, and rows that wait for a bill query, indexed by its time.
            "CREATE INDEX generations_open ON generations (state, ask_at) WHERE state < 2",

            // Upstream's ids start with their creation time in seconds ("gen-1763871234-…") and continue at random. An index on the prefix
            // grows at its end, so a commit writes a third of the pages; a look-up reads the rows of one second.
            "CREATE INDEX generations_generation_id ON generations (substr(generation_id, 1, 14)) WHERE generation_id IS NOT NULL",
            "CREATE INDEX generations_uncounted ON generations (started_at) WHERE is_counted = 0 AND state >= 2",

            // Charges of removed rows: whole micro-dollars and remaining pico-dollars.
            """
            CREATE TABLE removed_totals (
                team TEXT NOT NULL PRIMARY KEY,
                requests BIGINT NOT NULL,
                charged_micro BIGINT NOT NULL,
                charged_pico BIGINT NOT NULL
            )
            """,
        ],
        [AddDestination],
        AddSettlement,
        AddOrigin,
        DailySumsSchema.Postgres,
        AddAlerts,
        [.. DailySumsShards.Postgres, .. AddTeamIndexes],
    ];

    // In a file, each changed row writes whole pages. The awaited write therefore appends to a journal, and entries are folded into their rows
    // later, in batches. The journal was a table up to version 7, and is a file of each node since: the sequence number of the last folded entry
    // of each is in the second table.
    private static readonly string[][] Sqlite =
    [
        Postgres[0],
        ["CREATE TABLE journal (position INTEGER NOT NULL PRIMARY KEY, entries BLOB NOT NULL)"],
        [AddDestination],
        AddSettlement,
        AddOrigin,
        DailySumsSchema.Sqlite,
        AddAlerts,
        ["CREATE TABLE journal_folded (node BLOB NOT NULL PRIMARY KEY, sequence INTEGER NOT NULL) WITHOUT ROWID"],
        AddTeamIndexes,
    ];

    /// <summary>The newest schema version that this program supports.</summary>
    public static int Version(bool isSqlite) => isSqlite ? Sqlite.Length : Postgres.Length;

    /// <summary>The statements that upgrade a schema.</summary>
    /// <exception cref="LedgerException">The schema is newer than this program.</exception>
    public static IEnumerable<string> Upgrade(string? version, bool isSqlite)
    {
        var known = Version(isSqlite);
        var applied = version is null ? 0 : int.TryParse(version, out var number) && number >= 0 ? number : int.MaxValue;
        if (applied > known)
        {
            throw new LedgerException(
                $"The ledger has schema version {version}, this version supports up to {known}: a newer gateway wrote it")
            {
                IsPermanent = true,
            };
        }

        return (isSqlite ? Sqlite : Postgres).Skip(applied).SelectMany(statements => statements).Select(statement => statement
            .Replace("{0}", isSqlite ? "BLOB" : "UUID", StringComparison.Ordinal)
            .Replace("{1}", isSqlite ? " WITHOUT ROWID" : "", StringComparison.Ordinal));
    }
}
