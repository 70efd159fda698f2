using System.Globalization;
using System.Text;

namespace Gateway.Ledger;

/// <summary>
/// The query of a <see cref="UsageSelection"/>. Only the functions that format a time differ between the stores. A selection that the sums of
/// days answer reads them (<see cref="UsageDaysSql"/>), any other reads the rows.
/// </summary>
internal static class UsageSql
{
    /// <summary>The number of models with a row of their own in a report.</summary>
    public const int MaxModels = 1000;

    /// <summary>The row of all other models.</summary>
    public const string OtherModels = "(other models)";

    // Both stores have LIKE, but only PostgreSQL escapes by a backslash unless told.
    public const char Escape = '\\';

    private const string Model = "COALESCE(model_answered, model_sent, model_asked, '')";
    private const string Key = "team || '/' || key_label";
    private const string IsUnresolved = "state NOT IN (2, 4)";

    private const string RowsByTime = "generations WHERE id >= $1 AND id <= $2";

    // Rows without a known bill are few, and are in two partial indexes. The id is not bounded: SQLite would read all rows of the period.
    private const string UnresolvedRows =
        $"""
        (SELECT * FROM generations WHERE state < 2 UNION ALL SELECT * FROM generations WHERE state >= 3) AS rows_without_bill
        WHERE {IsUnresolved}
        """;

    /// <summary>1 for a row without a known bill, else 0.</summary>
    public const string CountsUnresolved = $"CASE WHEN {IsUnresolved} THEN 1 ELSE 0 END";

    /// <summary>
    /// Writes the query. The parameters $1 to $4 are the bounds of the ids and of the times; the values follow from $5 on.
    /// </summary>
    /// <param name="selection">The rows and their grouping.</param>
    /// <param name="isSqlite">Whether the store is SQLite.</param>
    /// <remarks>
    /// The columns are the group's members in their order, requests, prompt tokens, completion tokens, whole micro-dollars, remaining
    /// pico-dollars and unresolved requests.
    /// </remarks>
    public static (string Sql, IReadOnlyList<string> Values) Query(UsageSelection selection, bool isSqlite)
    {
        var values = new List<string>();
        var filter = Filter(selection, values);
        if (UsageDays.Of(selection) is { } days)
        {
            return (UsageDaysSql.Query(selection, days, filter, isSqlite), values);
        }

        var columns = string.Join(", ", selection.Groups.Select((group, i) => $"{Member(group, "started_at / 1000", isSqlite)} AS member{i}"));
        var places = string.Join(", ", selection.Groups.Select((_, i) => i + 1));
        var sums =
            $"""
            SELECT {columns}, COUNT(*) AS requests,
                COALESCE(SUM(prompt_tokens), 0) AS prompt, COALESCE(SUM(completion_tokens), 0) AS completion,
                CAST(COALESCE(SUM(({LedgerSql.ReportCharge}) / 1000000), 0) AS BIGINT) AS micro,
                CAST(COALESCE(SUM(({LedgerSql.ReportCharge}) % 1000000), 0) AS BIGINT) AS pico,
                SUM({CountsUnresolved}) AS unresolved,
                MAX(CASE WHEN model_answered IS NULL THEN 0 ELSE 1 END) AS is_answered
            FROM {(selection.IsUnresolvedOnly ? UnresolvedRows : RowsByTime)} AND started_at >= $3 AND started_at < $4{filter}
            GROUP BY {places}
            """;
        var model = selection.Groups.ToList().IndexOf(UsageGroup.Model);
        return (model < 0 ? WithoutModels(selection, sums) : WithModels(selection, sums, model), values);
    }

    private static string WithoutModels(UsageSelection selection, string sums) =>
        $"""
        WITH sums AS ({sums})
        SELECT {string.Join(", ", selection.Groups.Select((_, i) => $"member{i}"))}, {Totals("")} FROM sums
        """;

    /// <summary>
    /// The name of a call without an answer is the client's text. A client can invent any number of names, so the report keeps those that
    /// upstream has answered, then those with the highest charge, up to a maximum, and sums up the others.
    /// </summary>
    private static string WithModels(UsageSelection selection, string sums, int model)
    {
        var members = selection.Groups.Select((_, i) =>
            i == model ? $"CASE WHEN place <= {MaxModels} THEN member{i} ELSE '{OtherModels}' END" : $"member{i}");
        return
            $"""
            WITH sums AS ({sums}), names AS (
                SELECT member{model} AS name, ROW_NUMBER() OVER (
                    ORDER BY MAX(is_answered) DESC, SUM(micro) DESC, SUM(requests) DESC, member{model}) AS place
                FROM sums GROUP BY member{model}
            )
            SELECT {string.Join(", ", members)}, {Totals("SUM")}
            FROM sums JOIN names ON name = member{model}
            GROUP BY {string.Join(", ", selection.Groups.Select((_, i) => i + 1))}
            """;
    }

    /// <summary>The columns of a report after the group's members.</summary>
    public static string Totals(string sum) => string.Join(
        ", ",
        ((string[])["requests", "prompt", "completion", "micro", "pico", "unresolved"]).Select(column => $"CAST({sum}({column}) AS BIGINT)"));

    private static string Filter(UsageSelection selection, List<string> values)
    {
        var filter = new StringBuilder();
        Add(selection.Teams, static (_, place) => $"team = {place}", static team => team);
        Add(selection.Keys, static (_, place) => $"key_label = {place} OR {Key} = {place}", static key => key);
        Add(selection.Models, static (_, place) => $"LOWER({Model}) LIKE {place} ESCAPE '{Escape}'", Pattern);
        return filter.ToString();

        void Add(IReadOnlyList<string> wanted, Func<string, string, string> condition, Func<string, string> value)
        {
            if (wanted.Count == 0)
            {
                return;
            }

            var conditions = wanted.Select(one =>
            {
                values.Add(value(one));
                return condition(one, "$" + (values.Count + 4).ToString(CultureInfo.InvariantCulture));
            });
            filter.Append(" AND (").AppendJoin(" OR ", conditions).Append(')');
        }
    }

    /// <summary>A pattern of a model as one of LIKE. The letters of model names are those of ASCII, which both stores lower alike.</summary>
    public static string Pattern(string model)
    {
        var pattern = new StringBuilder(model.Length + 8);
        foreach (var letter in model)
        {
            pattern.Append(letter switch
            {
                '*' => "%",
                '%' or '_' or Escape => $"{Escape}{letter}",
                _ => char.IsAsciiLetterUpper(letter) ? char.ToLowerInvariant(letter).ToString() : letter.ToString(),
            });
        }

        return pattern.ToString();
    }

    /// <summary>The value of a member of the group.</summary>
    /// <param name="group">The member.</param>
    /// <param name="seconds">The time of the row, in seconds since 1970.</param>
    /// <param name="isSqlite">Whether the store is SQLite.</param>
    public static string Member(UsageGroup group, string seconds, bool isSqlite) => group switch
    {
        UsageGroup.Team => "team",
        UsageGroup.Key => Key,
        UsageGroup.Model => Model,
        UsageGroup.Provider => "COALESCE(provider, '')",
        UsageGroup.Rule => "COALESCE(rule, '')",
        UsageGroup.Day when isSqlite => $"strftime('%Y-%m-%d', {seconds}, 'unixepoch')",
        UsageGroup.Day => $"to_char(to_timestamp({seconds}) AT TIME ZONE 'UTC', 'YYYY-MM-DD')",
        UsageGroup.Month when isSqlite => $"strftime('%Y-%m', {seconds}, 'unixepoch')",
        UsageGroup.Month => $"to_char(to_timestamp({seconds}) AT TIME ZONE 'UTC', 'YYYY-MM')",
        _ => throw new ArgumentOutOfRangeException(nameof(group), group, null),
    };
}
