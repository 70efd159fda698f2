using System.Globalization;

namespace Gateway.Ledger;

/// <summary>
/// Statements shared by SQLite and PostgreSQL. Some queries repeat the condition of a partial index: SQLite does not infer it.
/// </summary>
internal static class LedgerSql
{
    /// <summary>
    /// The amount of a row that is not settled yet. An unresolvable row counts its reservation, regardless of the amount held before.
    /// </summary>
    private const string Held = "COALESCE(held_pico, reserved_pico)";

    private const string Cost = "COALESCE(cost_pico, reserved_pico)";

    /// <summary>The charge of a row, regardless of how long it has been unresolvable, without the provider's own amount.</summary>
    private const string Charge =
        $"CASE WHEN state = 2 THEN {Cost} WHEN state = 4 THEN 0 WHEN state = 3 THEN reserved_pico ELSE {Held} END";

    /// <summary>The provider's own amount of a settled row (BYOK).</summary>
    private const string UpstreamCost = "CASE WHEN state = 2 THEN COALESCE(upstream_cost_pico, 0) ELSE 0 END";

    /// <summary>Whether the budget counts an unresolvable row: it was closed since $5.</summary>
    private const string IsHeld = "state = 3 AND COALESCE(closed_at, started_at) >= $5";

    /// <summary>
    /// Whether a row was adopted and is still without a bill. Its own node may be alive and settle it: the node could not renew its lock.
    /// </summary>
    private const string IsAdopted = "state >= 3 AND ended = 'GatewayDied'";

    /// <summary>A row is reported at its reservation until it is settled or written off.</summary>
    public const string ReportCharge = $"CASE WHEN state = 2 THEN {Cost} WHEN state = 4 THEN 0 ELSE reserved_pico END";

    // Idempotent: an entry is written twice if the response to a commit is lost.
    public const string Began =
        """
        INSERT INTO generations (id, started_at, node, team, key_label, rule, settings_version, endpoint, model_asked, model_sent,
            streams, reserved_pico, state, is_counted, request_id)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 0, $13, $14)
        ON CONFLICT (id) DO NOTHING
        """;

    /// <summary>Names a row that is not adopted. A settled row is named too.</summary>
    public const string Named =
        NamedHead + "\nWHERE id = $1 AND generation_id IS NULL AND NOT (state = 3 AND COALESCE(ended, '') = 'GatewayDied')";

    /// <summary>
    /// Names an adopted row: another node may adopt a row while the row's own node cannot renew its lock. The row becomes provisional, so
    /// that its bill is requested even if its own node dies. In SQLite a separate statement, which runs only if <see cref="Named"/> has
    /// changed no row: an update that names an indexed column maintains its index even if the value stays.
    /// </summary>
    public const string NamedAdopted =
        NamedHead + ", state = 1, asked = 0, ask_at = closed_at, closed_at = NULL"
        + $"\nWHERE id = $1 AND generation_id IS NULL AND {IsOrphan}";

    /// <summary>
    /// <see cref="Named"/> and <see cref="NamedAdopted"/> as one statement, for PostgreSQL: an assignment of the same value maintains no
    /// further index there.
    /// </summary>
    public const string NamedOrAdopted =
        NamedHead
        + $", state = CASE WHEN {IsOrphan} THEN 1 ELSE state END, asked = CASE WHEN {IsOrphan} THEN 0 ELSE asked END"
        + $", ask_at = CASE WHEN {IsOrphan} THEN closed_at ELSE ask_at END"
        + $", closed_at = CASE WHEN {IsOrphan} THEN NULL ELSE closed_at END"
        + "\nWHERE id = $1 AND generation_id IS NULL";

    /// <summary>Whether a row was adopted without a generation id, and is not settled or written off.</summary>
    private const string IsOrphan = "state = 3 AND ended = 'GatewayDied'";

    private const string NamedHead =
        "UPDATE generations SET generation_id = $2, destination = COALESCE($3, destination), upstream_key = COALESCE($4, upstream_key)";

    public const string Ended = EndedHead + EndedTail;

    // A separate statement: an update that names an indexed column maintains its index even if the value stays.
    public const string EndedAndNamed = EndedHead + ", generation_id = COALESCE(generation_id, $30)" + EndedAndNamedTail;

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
            destination = COALESCE($20, destination),
            upstream_cost_pico = COALESCE($21, upstream_cost_pico),
            held_pico = COALESCE($22, held_pico),
            is_error = COALESCE($23, is_error),
            limit_tokens = COALESCE($24, limit_tokens),
            answered_ms = COALESCE($25, answered_ms),
            asked_at = COALESCE($26, asked_at),
            upstream_key = COALESCE($27, upstream_key),
            region = COALESCE($28, region),
            service_tier = COALESCE($29, service_tier)
        """;

    // Settled rows do not change. Unresolvable and written-off rows may still be settled by a late bill.
    private const string EndedTail = "\nWHERE id = $1 AND (state < 2 OR (state >= 3 AND $2 = 2))";

    // An adopted row becomes provisional once its generation id is known, as in NamedAdopted.
    private const string EndedAndNamedTail = "\nWHERE id = $1 AND (state < 2 OR (state >= 3 AND ($2 = 2 OR (state = 3 AND $2 = 1 AND generation_id IS NULL))))";

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
        """
        id, generations.team, generation_id, started_at, COALESCE(ended_at, started_at), reserved_pico, asked, is_counted, status, destination,
        key_label, is_error, limit_tokens, answered_ms, asked_at, upstream_key, endpoint, model_sent
        """;

    /// <summary>
    /// The teams with waiting rows and the time at which the first row of each is due: one probe of an index a team, regardless of the number
    /// of rows. A team without a due row, or that is not configured, is left out by the condition that follows.
    /// </summary>
    private const string Waiting =
        """
        WITH RECURSIVE waiting (team) AS (
            SELECT MIN(team) FROM generations WHERE state = 1
            UNION ALL
            SELECT (SELECT MIN(team) FROM generations WHERE state = 1 AND team > waiting.team) FROM waiting WHERE waiting.team IS NOT NULL
        ), earliest AS (
            SELECT team, (SELECT MIN(ask_at) FROM generations WHERE state = 1 AND generations.team = waiting.team) AS due_at FROM waiting
            WHERE
        """;

    // The teams whose first rows are the oldest, as many teams as rows are taken. They are served in turn, each with its oldest row first: a team
    // with many waiting rows does not delay those of the others.
    private const string FirstTeams = "(SELECT team FROM earliest WHERE due_at <= $1 ORDER BY due_at LIMIT $3) AS oldest";

    /// <summary>The due rows of configured teams, one of each team in turn, for SQLite.</summary>
    /// <param name="teams">The number of teams.</param>
    /// <remarks>$1 is the time, $3 the number of rows; the teams follow from $4 on.</remarks>
    public static string Due(int teams) =>
        $"""
        {Waiting} team IN ({string.Join(", ", Enumerable.Range(4, teams).Select(static place => string.Create(CultureInfo.InvariantCulture, $"${place}")))}))
        SELECT {PendingColumns} FROM {FirstTeams} CROSS JOIN generations ON generations.id IN (
            SELECT one.id FROM generations AS one WHERE one.state = 1 AND one.team = oldest.team AND one.ask_at <= $1 ORDER BY one.ask_at LIMIT $3)
        ORDER BY ROW_NUMBER() OVER (PARTITION BY generations.team ORDER BY ask_at), ask_at LIMIT $3
        """;

    /// <summary>Leases a row ($1) until $2, for SQLite.</summary>
    public const string Lease = "UPDATE generations SET ask_at = $2 WHERE id = $1";

    /// <summary>
    /// Leases the due rows of configured teams, one of each team in turn, until $2, for PostgreSQL. $1 is the time, $3 the number of rows, $4 the teams as an array.
    /// </summary>
    /// <remarks>
    /// Several times as many rows of each team are candidates, so that nodes which lease at the same time find rows that no other has locked.
    /// The lock repeats the condition, since another node may have leased a row after it was read. Array and sums leave the planner no index but
    /// that of ids: without statistics it would read the waiting rows of all teams.
    /// </remarks>
    public const string TakeDue =
        $"""
        {Waiting} team = ANY($4)), candidates AS (
            SELECT one.id, one.turn, one.ask_at FROM {FirstTeams} CROSS JOIN LATERAL (
                SELECT id, ask_at, ROW_NUMBER() OVER (ORDER BY ask_at) AS turn
                FROM generations WHERE state = 1 AND team = oldest.team AND ask_at <= $1 ORDER BY ask_at LIMIT 8 * $3) AS one
        ), due AS (
            SELECT generations.id AS due_id, place
            FROM UNNEST(ARRAY(SELECT id FROM candidates ORDER BY turn, ask_at)) WITH ORDINALITY AS candidate (id, place)
            JOIN generations ON generations.id = candidate.id
            WHERE state + 0 = 1 AND ask_at + 0 <= $1 ORDER BY place LIMIT $3
            FOR UPDATE OF generations SKIP LOCKED
        )
        UPDATE generations SET ask_at = $2 FROM due WHERE id = due_id
        RETURNING {PendingColumns}, place
        """;

    private const string OfKey = "($6 = '' OR key_label = $6)";

    /// <summary>
    /// The sums of the settled rows as a row without an id, then open, held, adopted and recent rows one by one, in one query for a
    /// consistent view. A recent settled row is named only: the sums include it. Rows in flight, of which there are few, have no index by
    /// team; waiting rows have one.
    /// </summary>
    /// <remarks>$1 is the team, $2 the first day, $3 its start, $4 the first recent id, $6 the label of a key; empty for all keys.</remarks>
    public const string Charges =
        $"""
        SELECT NULL, {Sum}charged_micro{EndSum}, {Sum}charged_pico{EndSum}, {Sum}upstream_micro{EndSum}, {Sum}upstream_pico{EndSum}, 2, 0
        FROM daily_sums WHERE team = $1 AND day >= $2 AND {OfKey}
        UNION ALL
        SELECT id, {Held} / 1000000, {Held} % 1000000, 0, 0, state, 0
        FROM generations WHERE state = 0 AND state < 2 AND team = $1 AND started_at >= $3 AND {OfKey}
        UNION ALL
        SELECT id, {Held} / 1000000, {Held} % 1000000, 0, 0, state, 0
        FROM generations WHERE state = 1 AND team = $1 AND started_at >= $3 AND {OfKey}
        UNION ALL
        SELECT id, CASE WHEN {IsHeld} THEN reserved_pico / 1000000 ELSE 0 END, CASE WHEN {IsHeld} THEN reserved_pico % 1000000 ELSE 0 END, 0, 0,
            state, CASE WHEN {IsHeld} THEN 1 ELSE 0 END
        FROM generations WHERE state >= 3 AND team = $1 AND started_at >= $3 AND {OfKey} AND (id >= $4 OR ({IsHeld}) OR ({IsAdopted}))
        UNION ALL
        SELECT id, 0, 0, 0, 0, state, 0
        FROM generations WHERE state = 2 AND id >= $4 AND team = $1 AND started_at >= $3 AND {OfKey}
        """;

    /// <summary>The costs of all settled rows of a team, including removed ones.</summary>
    public const string CostsEver = $"SELECT {Sum}charged_micro{EndSum}, {Sum}charged_pico{EndSum} FROM daily_sums WHERE team = $1";

    // PostgreSQL sums BIGINT as NUMERIC.
    private const string Sum = "CAST(COALESCE(SUM(";
    private const string EndSum = "), 0) AS BIGINT)";

    private const string RowCharge = $"SELECT id, team, started_at, state, {Charge}, {UpstreamCost}, closed_at, key_label FROM generations WHERE ";

    /// <summary>The charge of a row ($1), for SQLite.</summary>
    public const string ChargeById = RowCharge + "id = $1";

    /// <summary>The charges of rows ($1), for PostgreSQL.</summary>
    public const string ChargesByIds = RowCharge + "id = ANY($1)";

    /// <summary>The unresolvable rows of a team before a time, or the one with an id: upstream's, or the row's own.</summary>
    private const string ToWriteOff =
        "state = 3 AND state >= 3 AND team = $1 AND started_at < $2 AND ($3 = '' OR generation_id = $3 OR id = $4)";

    private const string UnresolvedColumns =
        "id, started_at, key_label, COALESCE(model_answered, model_sent, model_asked, ''), generation_id, reserved_pico";

    public const string Unresolved = $"SELECT {UnresolvedColumns} FROM generations WHERE {ToWriteOff} ORDER BY id";

    /// <summary>Returns the rows that it has written, in no order.</summary>
    public const string WriteOff =
        $"UPDATE generations SET state = 4, reason = $5, closed_at = $6 WHERE {ToWriteOff} RETURNING {UnresolvedColumns}";

    public const string Uncounted = RowCharge + "is_counted = 0 AND state >= 2 ORDER BY started_at LIMIT $1";

    /// <summary>A page of the uncounted rows of a team, or of one of its keys, in the order of their start.</summary>
    /// <remarks>$1 is the team, $2 and $3 the start and the id after which the page begins, $5 the label of a key; empty for all keys.</remarks>
    public const string UncountedOfTeam =
        RowCharge + "is_counted = 0 AND state >= 2 AND team = $1 AND (started_at, id) > ($2, $3) AND ($5 = '' OR key_label = $5)"
        + "\nORDER BY started_at, id LIMIT $4";

    /// <summary>Marks a row ($1) as counted, for SQLite.</summary>
    public const string MarkCounted = "UPDATE generations SET is_counted = 1 WHERE id = $1";

    /// <summary>Marks rows ($1) as counted, for PostgreSQL.</summary>
    public const string MarkAllCounted = "UPDATE generations SET is_counted = 1 WHERE id = ANY($1)";

    /// <summary>Rows of other nodes in the order of their ids, which is that of their creation.</summary>
    public const string BegunByOthers = RowCharge + "id > $1 AND node <> $2 ORDER BY id LIMIT $3";

    public const string HasGeneration =
        """
        SELECT EXISTS (SELECT 1 FROM generations
            WHERE substr(generation_id, 1, 14) = substr($1, 1, 14) AND generation_id = $1 AND generation_id IS NOT NULL AND team = $2)
        """;

    /// <summary>
    /// Open rows that are older than the retention: no worker asks for their bills any more, such as those of a removed team.
    /// </summary>
    public const string GiveUp =
        "UPDATE generations SET state = 3, closed_at = $3, ask_at = NULL WHERE state = 1 AND state < 2 AND id <= $1 AND started_at < $2";

    private const string Removable =
        "SELECT id FROM generations WHERE id <= $1 AND started_at < $2 AND state >= 2 ORDER BY id LIMIT 1000";

    /// <summary>Removes closed rows, for SQLite.</summary>
    public const string Remove = $"DELETE FROM generations WHERE id IN ({Removable})";

    /// <summary>Removes closed rows that no other transaction has locked, for PostgreSQL.</summary>
    public const string RemoveUnlocked = $"DELETE FROM generations WHERE id IN ({Removable} FOR UPDATE SKIP LOCKED)";
}
