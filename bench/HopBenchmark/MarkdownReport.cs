using System.Globalization;
using System.Text;

namespace HopBenchmark;

/// <summary>
/// The results as Markdown: printed to the console as they arrive, and written to a file at the end with the goals on top.
/// </summary>
internal sealed class MarkdownReport
{
    private readonly StringBuilder _head = new();
    private readonly StringBuilder _sections = new();
    private readonly List<Goal> _goals = [];

    /// <summary>The errors of the gateways and of the direct connection. Errors of peers are only in their rows.</summary>
    public double Errors { get; private set; }

    /// <summary>Whether a goal was missed.</summary>
    public bool MissesGoal => _goals.Exists(goal => goal.IsMissed);

    public string Text => _head + GoalsText + _sections;

    /// <summary>The table of goals, with the peers' values from the same run.</summary>
    public string GoalsText
    {
        get
        {
            var text = new StringBuilder("## Goals\n\n");
            text.Append($"| what | goal | measured | least to most | | {string.Join(" | ", Hop.Peers)} |\n");
            text.Append($"|---|--:|--:|--:|---|{string.Concat(Hop.Peers.Select(_ => "--:|"))}\n");
            foreach (var goal in _goals)
            {
                text.Append(
                    $"| {goal.What} | ≤ {goal.Measured.Format(goal.Limit)} | {goal.Measured.Text} | {goal.Measured.Spread}"
                    + $" | {goal.Verdict} | {string.Join(" | ", goal.Peers.Select(peer => peer?.Text ?? "–"))} |\n");
            }

            return text.Append('\n').ToString();
        }
    }

    /// <summary>Adds a line above the goals.</summary>
    public void WriteHead(string line = "") => Write(_head, line);

    /// <summary>Adds a line below the goals.</summary>
    public void Write(string line = "") => Write(_sections, line);

    /// <summary>Adds a section: a table with the given figures, as far as measured, and a sentence on how to read it.</summary>
    public void WriteTable(ResultTable table, string? note, params Figure[] figures)
    {
        figures = [.. figures.Where(figure => table.Rows.Any(row => table[row, figure] is not null))];
        Write($"## {table.Title}");
        Write();
        Write($"| {table.RowTitle} |{string.Concat(figures.Select(Heading))}");
        Write($"|---|{string.Concat(figures.Select(figure => HasSpread(figure) ? "--:|--:|" : "--:|"))}");
        foreach (var row in table.Rows)
        {
            Write($"| {row} |{string.Concat(figures.Select(figure => Cell(figure, table[row, figure])))}");
            Errors += Hop.IsPeer(row) ? 0 : table[row, Figure.Errors]?.Value ?? 0;
        }

        Write();
        foreach (var (row, reason) in table.Absent)
        {
            Write($"The table has no {row}: {reason}.");
            Write();
        }

        foreach (var row in table.Cold)
        {
            Write($"The compiler was still at work in {row}.");
            Write();
        }

        if (note is not null)
        {
            Write(note);
            Write();
        }
    }

    /// <summary>Compares a figure with its goal, if it was measured.</summary>
    public void Judge(ResultTable table, string row, Figure figure, string what, double limit)
    {
        if (table[row, figure] is { } measured)
        {
            _goals.Add(new Goal(what, limit, measured, [.. Hop.Peers.Select(peer => table[peer, figure])]));
        }
    }

    public static string Number(double value, int digits) => value.ToString("N" + digits, CultureInfo.InvariantCulture);

    private static void Write(StringBuilder text, string line)
    {
        text.Append(line).Append('\n');
        Console.WriteLine(line);
    }

    private static bool HasSpread(Figure figure) => figure.Summary == Summary.MedianAndSpread;

    private static string Heading(Figure figure) => $" {figure.Name} |{(HasSpread(figure) ? " least to most |" : "")}";

    private static string Cell(Figure figure, Series? series) =>
        $" {series?.Text ?? "–"} |{(HasSpread(figure) ? $" {series?.Spread ?? "–"} |" : "")}";
}
