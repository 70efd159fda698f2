using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Gateway.Ledger;

namespace Gateway.Reports;

/// <summary>Writes usage as JSON or CSV, with exact decimal amounts.</summary>
internal static class UsageReport
{
    // The output is never embedded in HTML, so names need no HTML escapes.
    private static readonly UsageJsonContext Json = new(
        new JsonSerializerOptions(UsageJsonContext.Default.Options) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });

    private static readonly SearchValues<char> Quoted = SearchValues.Create(",;\"\r\n\t");

    // The characters that begin a formula. The last four are full-width forms, which some spreadsheets accept.
    private static readonly SearchValues<char> Formulas = SearchValues.Create("=+-@\t\r\n\uFF1D\uFF0B\uFF0D\uFF20");

    /// <summary>The name of a member's column.</summary>
    public static string NameOf(UsageGroup group) => group switch
    {
        UsageGroup.Team => "team",
        UsageGroup.Key => "key",
        UsageGroup.Model => "model",
        UsageGroup.Provider => "provider",
        UsageGroup.Rule => "rule",
        UsageGroup.Day => "day",
        UsageGroup.Month => "month",
        _ => throw new ArgumentOutOfRangeException(nameof(group), group, null),
    };

    /// <summary>The rows in display order: by day and month, then by cost descending, then by the other names.</summary>
    public static IReadOnlyList<UsageRow> Sort(IReadOnlyList<UsageGroup> groups, IEnumerable<UsageRow> rows)
    {
        var times = Enumerable.Range(0, groups.Count).Where(i => groups[i] is UsageGroup.Day or UsageGroup.Month).ToArray();
        var sorted = rows.OrderBy(static _ => 0);
        foreach (var time in times)
        {
            sorted = sorted.ThenBy(row => row.Names[time], StringComparer.Ordinal);
        }

        sorted = sorted.ThenByDescending(row => row.Cost);
        for (var i = 0; i < groups.Count; i++)
        {
            var member = i;
            sorted = sorted.ThenBy(row => row.Names[member], StringComparer.Ordinal);
        }

        return [.. sorted];
    }

    /// <summary>Writes <c>{"rows":[…]}</c>.</summary>
    public static ReadOnlyMemory<byte> ToJson(IReadOnlyList<UsageGroup> groups, IEnumerable<UsageRow> rows) =>
        JsonSerializer.SerializeToUtf8Bytes(
            new UsageDocument([.. Sort(groups, rows).Select(row => RowOf(groups, row))]), Json.UsageDocument);

    /// <summary>Writes CSV by RFC 4180: a header line, then a line per row, each terminated by CR LF.</summary>
    public static string ToCsv(IReadOnlyList<UsageGroup> groups, IEnumerable<UsageRow> rows)
    {
        var text = new StringBuilder();
        text.AppendJoin(',', groups.Select(NameOf)).Append(",requests,prompt_tokens,completion_tokens,cost_usd,unresolved\r\n");
        foreach (var row in Sort(groups, rows))
        {
            text.AppendJoin(',', row.Names.Select(Field)).Append(
                CultureInfo.InvariantCulture,
                $",{row.Requests},{row.PromptTokens},{row.CompletionTokens},{row.Cost},{row.Unresolved}\r\n");
        }

        return text.ToString();
    }

    private static UsageDocument.Row RowOf(IReadOnlyList<UsageGroup> groups, UsageRow row)
    {
        var written = new UsageDocument.Row
        {
            Requests = row.Requests,
            PromptTokens = row.PromptTokens,
            CompletionTokens = row.CompletionTokens,
            CostUsd = row.Cost,
            Unresolved = row.Unresolved,
        };
        for (var i = 0; i < groups.Count; i++)
        {
            Set(written, groups[i], row.Names[i]);
        }

        return written;
    }

    private static void Set(UsageDocument.Row row, UsageGroup group, string name)
    {
        switch (group)
        {
            case UsageGroup.Team:
                row.Team = name;
                break;
            case UsageGroup.Key:
                row.Key = name;
                break;
            case UsageGroup.Model:
                row.Model = name;
                break;
            case UsageGroup.Provider:
                row.Provider = name;
                break;
            case UsageGroup.Rule:
                row.Rule = name;
                break;
            case UsageGroup.Day:
                row.Day = name;
                break;
            case UsageGroup.Month:
                row.Month = name;
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(group), group, null);
        }
    }

    /// <summary>
    /// A name as a CSV field. Names come from clients: where a spreadsheet would begin a formula, an apostrophe is inserted. A spreadsheet
    /// that separates by semicolons or tabs begins a cell after each of them, in spite of the quotes around the field.
    /// </summary>
    private static string Field(string name)
    {
        if (!name.AsSpan().ContainsAny(Formulas))
        {
            return Quote(name);
        }

        var safe = new StringBuilder(name.Length + 8);
        var isStart = true;
        foreach (var letter in name)
        {
            if (isStart && Formulas.Contains(letter) && (safe.Length == 0 || letter > ' '))
            {
                safe.Append('\'');
            }

            isStart = letter is ';' or '\t' or '\r' or '\n' || (isStart && letter == '"');
            safe.Append(letter);
        }

        return Quote(safe.ToString());
    }

    private static string Quote(string field) =>
        field.AsSpan().ContainsAny(Quoted) ? $"\"{field.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : field;
}
