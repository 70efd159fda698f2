namespace Gateway.Ledger;

/// <summary>
/// Statements shared by SQLite and PostgreSQL. Some queries repeat the condition of a partial index: SQLite does not infer it.
/// </summary>
internal static class LedgerSql
{
    /// <summary>The charge of a row.</summary>
    public const string Charge = "CASE WHEN state = 2 THEN COALESCE(cost_pico, reserved_pico) ELSE reserved_pico END";

    /// <summary>The number of models with a row of their own in a report.</summary>
    public const int MaxModels = 1000;

    /// <summary>The row of all other models.</summary>
    public const string OtherModels = "(other models)";

    // Sums of pico-dollars overflow 64 bits, so whole micro-dollars and remainders are summed separately.
    private const string MicroSum = $"CAST(COALESCE(SUM(({Charge}) / 1000000), 0) AS BIGINT)";
    private const string PicoSum = $"CAST(COALESCE(SUM(({Charge}) % 1000000), 0) AS BIGINT)";
    private const string ChargeSums = $"{MicroSum}, {PicoSum}";

    // Idempotent: an entry is written twice if the response to a commit is lost.
    public const string Began =
        """
        INSERT INTO generations (id, started_at, node, team, key_label, rule, settings_version, endpoint, model_asked, model_sent,
            streams, reserved_pico, state, is_counted)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 0, $13)
        ON CONFLICT (id) DO NOTHING
        """;

    public const string Named =
        "UPDATE generations SET generation_id = $2, destination = COALESCE($3, destination) WHERE id = $1 AND generation_id IS NULL";

    public const string Ended = EndedHead + EndedTail;

    // A separate statement: an update that names an indexed column maintains its index even if the value stays.
    public const string EndedAndNamed = EndedHead + ", generation_id = COALESCE(generation_id, $21)" + EndedAndNamedTail;

    private const string EndedHead =
        """
        UPDATE generations SET
            state = $2,
            ended = COALESCE($3, ended),
            status = COALESCE($4, status),
            model_answered = COALESCE($5, model_answered),
            provider = COALESCE($6, provider),
            finish_reason = COALESCE($7, finish_reason),
            prompt_tokens = COALESCE($8, prompt_tokens),
            completion_tokens = COALESCE($9, completion_tokens),
            cached_tokens = COALESCE($10, cached_tokens),
            reasoning_tokens = COALESCE($11, reasoning_tokens),
            cost_pico = COALESCE($12, cost_pico),
            discount_pico = COALESCE($13, discount_pico),
            first_token_us = COALESCE($14, first_token_us),
            ended_at = COALESCE($15, ended_at),
            closed_at = COALESCE($16, closed_at),
            asked = COALESCE($17, asked),
            ask_at = $18,
            is_counted = $19,
            destination = COALESCE($20, destination)
        """;

    // Settled rows do not change. Unresolvable rows may still be settled by a late bill.
    private const string EndedTail = "\nWHERE id = $1 AND (state < 2 OR (state = 3 AND $2 = 2))";

    // Another node may adopt a row while the row's own node cannot renew its lock. Such a row becomes provisional once its generation id is
    // known.
    private const string EndedAndNamedTail = "\nWHERE id = $1 AND (state < 2 OR (state = 3 AND ($2 = 2 OR ($2 = 1 AND generation_id IS NULL))))";

    public const string ReservingNodes = "SELECT DISTINCT node FROM generations WHERE state = 0 AND state < 2";

    public const string AdoptNamed =
        """
        UPDATE generations SET state = 1, ask_at = $2, asked = 0, ended = COALESCE(ended, 'GatewayDied'), ended_at = COALESCE(ended_at, $2)
        WHERE state = 0 AND state < 2 AND node = $1 AND generation_id IS NOT NULL
        """;

    public const string AdoptUnnamed =
        """
        UPDATE generations SET state = 3, closed_at = $2, ended = COALESCE(ended, 'GatewayDied'), ended_at = COALESCE(ended_at, $2)
        WHERE state = 0 AND state < 2 AND node = $1 AND generation_id IS NULL
        """;

    public const string PendingColumns =
        "id, team, generation_id, started_at, COALESCE(ended_at, started_at), reserved_pico, asked, is_counted, status, destination";

    /// <summary>
    /// Open and recent rows one by one, and the sum of the others as a row without an id, in one query for a consistent view.
    /// </summary>
    public const string Charges =
        $"""
        SELECT CASE WHEN state < 2 OR id >= $4 THEN id END, {ChargeSums}, MIN(state)
        FROM generations
        WHERE id >= $2 AND team = $1 AND started_at >= $3
        GROUP BY 1
        """;

    /// <summary>All charges, including those of removed rows.</summary>
    public const string ChargesEver = Charges + " UNION ALL SELECT NULL, charged_micro, charged_pico, 2 FROM removed_totals WHERE team = $1";

    public const string RowCharge = $"SELECT id, team, started_at, state, {Charge} FROM generations WHERE ";

    public const string Uncounted = RowCharge + "is_counted = 0 AND state >= 2 ORDER BY started_at LIMIT $1";

    /// <summary>Rows of other nodes in the order of their ids, which is that of their creation.</summary>
    public const string BegunByOthers = RowCharge + "id > $1 AND node <> $2 ORDER BY id LIMIT $3";

    public const string HasGeneration =
        """
        SELECT EXISTS (SELECT 1 FROM generations
            WHERE substr(generation_id, 1, 14) = substr($1, 1, 14) AND generation_id = $1 AND generation_id IS NOT NULL AND team = $2)
        """;

    public const string Removable =
        "SELECT id FROM generations WHERE id <= $1 AND started_at < $2 AND state >= 2 ORDER BY id LIMIT 1000";

    public const string TotalsOfRemoved = $"team, COUNT(*), {ChargeSums}";

    public const string AddToTotals =
        """
        ON CONFLICT (team) DO UPDATE SET
            requests = removed_totals.requests + excluded.requests,
            charged_micro = removed_totals.charged_micro + excluded.charged_micro,
            charged_pico = removed_totals.charged_pico + excluded.charged_pico
        """;

    /// <summary>Usage in a time range.</summary>
    public static string Usage(UsageGroup group) => group == UsageGroup.Model ? UsageByModel :
        $"""
        SELECT {Name(group)}, COUNT(*),
            CAST(COALESCE(SUM(prompt_tokens), 0) AS BIGINT), CAST(COALESCE(SUM(completion_tokens), 0) AS BIGINT),
            {ChargeSums}, CAST(SUM(CASE WHEN state = 2 THEN 0 ELSE 1 END) AS BIGINT)
        FROM generations
        WHERE id >= $1 AND id <= $2 AND started_at >= $3 AND started_at < $4
        GROUP BY 1
        """;

    /// <summary>
    /// The name of a call without an answer is the client's text. A client can invent any number of names, so the report keeps those that
    /// upstream has answered, then those with the highest charge, up to a maximum, and sums up the others.
    /// </summary>
    private static readonly string UsageByModel =
        $"""
        WITH names AS (
            SELECT COALESCE(model_answered, model_sent, model_asked, '') AS name,
                MAX(CASE WHEN model_answered IS NULL THEN 0 ELSE 1 END) AS is_answered, COUNT(*) AS requests,
                COALESCE(SUM(prompt_tokens), 0) AS prompt, COALESCE(SUM(completion_tokens), 0) AS completion,
                {MicroSum} AS micro, {PicoSum} AS pico, SUM(CASE WHEN state = 2 THEN 0 ELSE 1 END) AS unresolved
            FROM generations
            WHERE id >= $1 AND id <= $2 AND started_at >= $3 AND started_at < $4
            GROUP BY 1
        ), places AS (
            SELECT names.*, ROW_NUMBER() OVER (ORDER BY is_answered DESC, micro DESC, requests DESC, name) AS place FROM names
        )
        SELECT CASE WHEN place <= {MaxModels} THEN name ELSE '{OtherModels}' END, CAST(SUM(requests) AS BIGINT),
            CAST(SUM(prompt) AS BIGINT), CAST(SUM(completion) AS BIGINT), CAST(SUM(micro) AS BIGINT), CAST(SUM(pico) AS BIGINT),
            CAST(SUM(unresolved) AS BIGINT)
        FROM places
        GROUP BY 1
        """;

    private static string Name(UsageGroup group) => group switch
    {
        UsageGroup.Team => "team",
        UsageGroup.Key => "team || '/' || key_label",
        UsageGroup.Provider => "COALESCE(provider, '')",
        UsageGroup.Rule => "COALESCE(rule, '')",
        _ => throw new ArgumentOutOfRangeException(nameof(group), group, null),
    };
}
