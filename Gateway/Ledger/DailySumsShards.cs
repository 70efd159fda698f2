using System.Globalization;

namespace Gateway.Ledger;

/// <summary>
/// The migration that bounds the rows of <c>daily_sums</c> in PostgreSQL. Before it, each server process added to rows of its own, so that
/// every new connection added rows. Now a transaction takes the first free one of a few shards, and nodes that settle one after another share
/// one row for a team's key and a day.
/// </summary>
/// <remarks>
/// The trigger runs at the commit: by then its transaction waits for no other row, so a transaction that has a shard never waits, and those
/// that wait for shards cannot deadlock.
/// </remarks>
internal static class DailySumsShards
{
    /// <summary>The number of shards, which is the largest number of rows for a team's key and a day.</summary>
    public const int Count = 16;

    /// <summary>The first key of the advisory locks of the shards. "ogwd" in ASCII.</summary>
    public const int LockClass = 0x6F67_7764;

    private static readonly string LastShard = Count.ToString(CultureInfo.InvariantCulture);

    private static readonly string Lock = LockClass.ToString(CultureInfo.InvariantCulture);

    // A lock that the transaction has already is granted again.
    private static readonly string AddToShard =
        $"""
        CREATE OR REPLACE FUNCTION add_to_daily_sums() RETURNS trigger LANGUAGE plpgsql AS $$
        DECLARE
            shard INTEGER := 0;
        BEGIN
            WHILE NOT pg_try_advisory_xact_lock({Lock}, shard) LOOP
                shard := shard + 1;
                IF shard = {LastShard} THEN
                    shard := pg_backend_pid() % {LastShard};
                    PERFORM pg_advisory_xact_lock({Lock}, shard);
                    EXIT;
                END IF;
            END LOOP;
            {DailySumsSchema.AddNew.Replace("{2}", "shard", StringComparison.Ordinal)}
            RETURN NULL;
        END $$
        """;

    // The transactions of earlier triggers end before a trigger can be dropped, so none adds to the rows that are folded.
    private static readonly string Fold =
        $"""
        WITH folded AS (DELETE FROM daily_sums WHERE writer <> 0 RETURNING *)
        INSERT INTO daily_sums ({DailySumsSchema.Columns})
        SELECT team, key_label, day, 0, {string.Join(", ", Sums.Select(sum => $"CAST(SUM({sum}) AS BIGINT)"))}
        FROM folded GROUP BY team, key_label, day
        ON CONFLICT (team, key_label, day, writer) DO UPDATE SET
            {string.Join(", ", Sums.Select(sum => $"{sum} = daily_sums.{sum} + excluded.{sum}"))}
        """;

    private static string[] Sums =>
    [
        "requests", "prompt_tokens", "completion_tokens", "charged_micro", "charged_pico", "upstream_micro", "upstream_pico",
    ];

    public static readonly string[] Postgres =
    [
        "DROP TRIGGER generations_settled_insert ON generations",
        "DROP TRIGGER generations_settled_update ON generations",
        AddToShard,
        Fold,
        AtCommit("generations_settled_insert AFTER INSERT", DailySumsSchema.IsNew),
        AtCommit("generations_settled_update AFTER UPDATE OF state", DailySumsSchema.IsChanged),
    ];

    private static string AtCommit(string trigger, string condition) =>
        $"""
        CREATE CONSTRAINT TRIGGER {trigger} ON generations DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW WHEN ({condition}) EXECUTE FUNCTION add_to_daily_sums()
        """;
}
