using System.Data.Common;
using System.Globalization;
using System.Text;
using Gateway.Billing;
using Gateway.Primitives;

namespace Gateway.Ledger;

/// <summary>
/// The queries of the look-up, shared by SQLite and PostgreSQL. None needs an index of its own: the id of a request and the time of a list
/// bound the primary key, which sorts by time, and generation ids have their index.
/// </summary>
internal static class LookupSql
{
    /// <summary>
    /// The number of rows that a filtered list reads at most. A filter has no index: without a bound, a team without calls would make the
    /// ledger read all of its rows.
    /// </summary>
    public const int MaxSearched = 100_000;

    private const string Columns =
        $"""
        id, started_at, request_id, generation_id, team, key_label, endpoint, status, model_asked, model_sent, model_answered, provider,
        rule, streams, prompt_tokens, completion_tokens, {LedgerSql.ReportCharge}, state, first_token_us, ended_at, ended, destination,
        upstream_key, settings_version
        """;

    /// <summary>The row with an id ($1).</summary>
    public const string ById = $"SELECT {Columns} FROM generations WHERE id = $1";

    /// <summary>The rows with ids ($1), for PostgreSQL.</summary>
    public const string ByIds = $"SELECT {Columns} FROM generations WHERE id = ANY($1)";

    /// <summary>The latest row with a generation id ($1).</summary>
    public const string ByGeneration =
        $"""
        SELECT {Columns} FROM generations
        WHERE substr(generation_id, 1, 14) = substr($1, 1, 14) AND generation_id = $1 AND generation_id IS NOT NULL
        ORDER BY id DESC LIMIT 1
        """;

    /// <summary>The latest row with a request id ($3) among those with ids from $1 to $2: that of the request's last attempt.</summary>
    public const string ByRequest =
        $"SELECT {Columns} FROM generations WHERE id >= $1 AND id <= $2 AND request_id = $3 ORDER BY id DESC LIMIT 1";

    /// <summary>The row that is <see cref="MaxSearched"/> rows older than the latest, and when its request arrived.</summary>
    public static readonly string Oldest = string.Create(
        CultureInfo.InvariantCulture, $"SELECT id, started_at FROM generations WHERE id >= $1 ORDER BY id DESC LIMIT 1 OFFSET {MaxSearched - 1}");

    /// <summary>The latest use of every key, among the latest rows with an id of at least $1.</summary>
    public static readonly string KeyUses = string.Create(
        CultureInfo.InvariantCulture,
        $"""
        SELECT team, key_label, MAX(started_at)
        FROM (SELECT team, key_label, started_at FROM generations WHERE id >= $1 ORDER BY id DESC LIMIT {MaxSearched}) AS latest
        GROUP BY team, key_label
        """);

    // A request is admitted within minutes; the slow upload of a large body takes longer.
    private static readonly TimeSpan Before = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan After = TimeSpan.FromMinutes(10);

    /// <summary>
    /// The ranges of primary keys in which a request's rows are searched, in order: the second, wider one for a request that was admitted
    /// late.
    /// </summary>
    /// <param name="requestTime">The time in the request's id.</param>
    public static (Guid From, Guid To)[] RangesOf(DateTimeOffset requestTime) =>
    [
        (LedgerKeys.FirstAt(requestTime - Before), LedgerKeys.FirstAt(requestTime + After)),
        (LedgerKeys.Floor(requestTime), LedgerKeys.Ceiling(requestTime)),
    ];

    /// <summary>
    /// The lowest id of a list. A row's id is not older than its request, so a list of the last minutes, which is read every few seconds, reads
    /// no older rows.
    /// </summary>
    public static Guid LowestOf(RequestSelection selection) => LedgerKeys.FirstAt(selection.Since ?? DateTimeOffset.UnixEpoch);

    /// <summary>
    /// Writes the query of a page of a list. Parameter $1 is the lowest id, $2 the lowest time, $3 the number of rows, $4 the id above the
    /// page; the values follow from $5 on.
    /// </summary>
    public static (string Sql, IReadOnlyList<object> Values) Latest(RequestSelection selection)
    {
        var values = new List<object>();
        var filter = new StringBuilder();
        if (selection.Team is { } team)
        {
            filter.Append(CultureInfo.InvariantCulture, $" AND team = {Place(LedgerSanitizer.Text(team)!)}");
        }

        if (selection.Model is { } model)
        {
            var place = Place(UsageSql.Pattern(model));
            filter.Append(" AND (").AppendJoin(" OR ", ((string[])["model_asked", "model_sent", "model_answered"]).Select(column =>
                $"LOWER({column}) LIKE {place} ESCAPE '{UsageSql.Escape}'")).Append(')');
        }

        if (selection.Status is { } status)
        {
            // A client has never seen the status of a dropped response.
            filter.Append(CultureInfo.InvariantCulture, $" AND status = {Place((long)status)} AND ended IS DISTINCT FROM {Place(RequestEnd.Dropped.ToWord())}");
        }

        return ($"SELECT {Columns} FROM generations WHERE id >= $1 AND id < $4 AND started_at >= $2{filter} ORDER BY id DESC LIMIT $3", values);

        string Place(object value)
        {
            values.Add(value);
            return "$" + (values.Count + 4).ToString(CultureInfo.InvariantCulture);
        }
    }

    /// <summary>Reads a row. Only the type of ids differs between the stores.</summary>
    public static RequestRecord Read(DbDataReader reader, Guid id)
    {
        var startedAt = LedgerKeys.FromStored(reader.GetInt64(1));
        return new RequestRecord
        {
            Row = id,
            Time = startedAt,
            RequestId = Text(2),
            GenerationId = Text(3),
            Team = Text(4),
            Key = Text(5),
            Path = Text(6),
            Status = Small(7),
            Model = Text(8),
            SentModel = Text(9),
            AnsweredModel = Text(10),
            Provider = Text(11),
            Rule = Text(12),
            IsStream = reader.GetInt32(13) != 0,
            PromptTokens = Number(14),
            CompletionTokens = Number(15),
            Cost = Number(16) is { } cost ? PicoDollars.FromStored(cost) : null,
            State = (GenerationState)reader.GetInt32(17),
            FirstTokenMs = Number(18) / 1000d,
            DurationMs = Number(19) is { } ended ? Math.Max(0, (LedgerKeys.FromStored(ended) - startedAt).TotalMilliseconds) : null,
            End = Text(20),
            Destination = Text(21),
            UpstreamKey = Text(22),
            SettingsVersion = Text(23),
        };

        string? Text(int ordinal) => reader.IsDBNull(ordinal) ? null : reader.GetString(ordinal);

        // Npgsql reads an INTEGER as 32 bits only.
        int? Small(int ordinal) => reader.IsDBNull(ordinal) ? null : reader.GetInt32(ordinal);

        long? Number(int ordinal) => reader.IsDBNull(ordinal) ? null : reader.GetInt64(ordinal);
    }
}
