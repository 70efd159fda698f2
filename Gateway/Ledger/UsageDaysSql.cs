using System.Globalization;

namespace Gateway.Ledger;

/// <summary>
/// The query of a <see cref="UsageSelection"/> that <c>daily_sums</c> answers: the sums of its whole days, the settled rows of the parts of
/// days at its ends, and the rows that are not settled, of which there are few.
/// </summary>
internal static class UsageDaysSql
{
    /// <summary>Writes the query. Parameters and columns are those of <see cref="UsageSql.Query"/>.</summary>
    /// <param name="selection">The rows and their grouping.</param>
    /// <param name="days">The whole days of the selection.</param>
    /// <param name="filter">The conditions of the selection, which hold for rows and sums alike.</param>
    /// <param name="isSqlite">Whether the store is SQLite.</param>
    public static string Query(UsageSelection selection, UsageDays days, string filter, bool isSqlite)
    {
        var (head, tail) = (days.First * LedgerKeys.MillisecondsPerDay, (days.End ?? 0) * LedgerKeys.MillisecondsPerDay);

        // SQLite reads the index by day for a range with both bounds only. Without a first day all rows are read anyway.
        var end = days.End ?? (days.First > 0 ? long.MaxValue : (long?)null);
        string[] parts =
        [
            Sums(),
            Rows("state < 2 AND started_at >= $3 AND started_at < $4"),
            Rows("state >= 3 AND started_at >= $3 AND started_at < $4"),
            .. days.HasHead
                ? (string[])[Rows($"state = 2 AND id >= $1 AND id <= {Literal(LedgerKeys.Ceiling(LedgerKeys.FromStored(head)))} AND started_at >= $3 AND started_at < {Number(head)}")]
                : [],
            .. days.HasTail
                ? (string[])[Rows($"state = 2 AND id >= {Literal(LedgerKeys.Floor(LedgerKeys.FromStored(tail)))} AND id <= $2 AND started_at >= {Number(tail)} AND started_at < $4")]
                : [],
        ];
        var members = string.Join(", ", selection.Groups.Select((_, i) => $"member{i}"));
        return
            $"""
            WITH parts AS ({string.Join(" UNION ALL ", parts)})
            SELECT {members}, {UsageSql.Totals("SUM")} FROM parts GROUP BY {members}
            """;

        string Sums() =>
            $"""
            SELECT {Members("day * 86400")}, requests, prompt_tokens AS prompt, completion_tokens AS completion,
                charged_micro AS micro, charged_pico AS pico, 0 AS unresolved
            FROM daily_sums
            WHERE day >= {Number(days.First)}{(end is { } last ? $" AND day < {Number(last)}" : "")}{filter}
            """;

        string Rows(string condition) =>
            $"""
            SELECT {Members("started_at / 1000")}, 1, COALESCE(prompt_tokens, 0), COALESCE(completion_tokens, 0),
                ({LedgerSql.ReportCharge}) / 1000000, ({LedgerSql.ReportCharge}) % 1000000, {UsageSql.CountsUnresolved}
            FROM generations WHERE {condition}{filter}
            """;

        string Members(string seconds) =>
            string.Join(", ", selection.Groups.Select((group, i) => $"{UsageSql.Member(group, seconds, isSqlite)} AS member{i}"));

        string Literal(Guid id) => isSqlite ? $"X'{Convert.ToHexString(LedgerKeys.ToBytes(id))}'" : $"'{id}'";
    }

    private static string Number(long number) => number.ToString(CultureInfo.InvariantCulture);
}
