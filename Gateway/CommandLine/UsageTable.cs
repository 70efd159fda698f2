using System.Globalization;
using System.Text;
using Gateway.Ledger;
using Gateway.Primitives;
using Gateway.Reports;

namespace Gateway.CommandLine;

/// <summary>Formats usage as a text table: names left-aligned, numbers right-aligned at the decimal point, a total at the end.</summary>
internal static class UsageTable
{
    private const string Gap = "  ";

    public static string Render(IReadOnlyList<UsageGroup> groups, IReadOnlyList<UsageRow> rows)
    {
        var total = rows.Aggregate(
            new UsageRow([], 0, 0, 0, PicoDollars.Zero, 0),
            static (sum, row) => sum with
            {
                Requests = sum.Requests + row.Requests,
                PromptTokens = sum.PromptTokens + row.PromptTokens,
                CompletionTokens = sum.CompletionTokens + row.CompletionTokens,
                Cost = sum.Cost + row.Cost,
                Unresolved = sum.Unresolved + row.Unresolved,
            });
        var decimals = rows.Append(total).Max(row => DecimalsOf(row.Cost));
        string[] header = [.. groups.Select(UsageReport.NameOf), "requests", "prompt tokens", "completion tokens", "cost USD", "unresolved"];
        string[][] cells =
        [
            header,
            .. UsageReport.Sort(groups, rows).Select(row => Cells(row.Names.Select(Printable), row, decimals)),
            Cells(groups.Select((_, i) => i == 0 ? "total" : ""), total, decimals),
        ];
        var widths = header.Select((_, column) => cells.Max(line => line[column].Length)).ToArray();

        var text = new StringBuilder();
        for (var i = 0; i < cells.Length; i++)
        {
            if (i == 1 || i == cells.Length - 1)
            {
                text.Append('-', widths.Sum() + (Gap.Length * (widths.Length - 1))).AppendLine();
            }

            text.AppendLine(string.Join(
                Gap, cells[i].Select((cell, column) => column < groups.Count ? cell.PadRight(widths[column]) : cell.PadLeft(widths[column]))));
        }

        return text.ToString();
    }

    private static string[] Cells(IEnumerable<string> names, UsageRow row, int decimals) =>
    [
        .. names,
        Number(row.Requests),
        Number(row.PromptTokens),
        Number(row.CompletionTokens),
        Amount(row.Cost, decimals),
        Number(row.Unresolved),
    ];

    private static string Number(long value) => value.ToString(CultureInfo.InvariantCulture);

    /// <summary>The exact amount, padded with zeros to the number of decimals of the column.</summary>
    private static string Amount(PicoDollars amount, int decimals)
    {
        var text = amount.ToString();
        return DecimalsOf(amount) is var own && own == decimals ? text
            : $"{text}{(own == 0 ? "." : "")}{new string('0', decimals - own)}";
    }

    private static int DecimalsOf(PicoDollars amount)
    {
        var text = amount.ToString();
        var point = text.IndexOf('.', StringComparison.Ordinal);
        return point < 0 ? 0 : text.Length - point - 1;
    }

    private static string Printable(string name) => name.Length == 0 ? "(none)" : TerminalText.Escape(name);
}
