using System.Globalization;
using System.Text;

namespace Soak;

/// <summary>The summary in Markdown.</summary>
internal static class Report
{
    private const int ExamplesPerKind = 5;

    public static string Render(
        string title, IReadOnlyList<string> head, IReadOnlyList<Check> checks, Outcomes outcomes, IEnumerable<string> kinds)
    {
        var text = new StringBuilder($"# {title}\n\n");
        foreach (var line in head)
        {
            Line($"- {line}");
        }

        Line($"\n{checks.Count(check => check.Holds)} of {checks.Count} checks held.\n\n| check | found | bound | |\n|---|---|---|---|");
        foreach (var check in checks)
        {
            Line($"| {check.Name} | {check.Found} | {check.Bound} | {(check.Holds ? "holds" : "**does not hold**")} |");
        }

        Line("\n| call | times | answered with |\n|---|---:|---|");
        foreach (var kind in kinds)
        {
            var statuses = outcomes.StatusesOf(kind);
            var shares = statuses.OrderBy(entry => entry.Key)
                .Select(entry => statuses.Count == 1 ? Name(entry.Key) : $"{Name(entry.Key)}: {entry.Value}");
            Line($"| {kind} | {statuses.Values.Sum()} | {string.Join(", ", shares)} |");
        }

        foreach (var kind in outcomes.Failures.GroupBy(failure => failure.Kind))
        {
            Line($"\n## Unexpected: {kind.Key}, {kind.Count()} times\n");
            foreach (var (_, call, what) in kind.Take(ExamplesPerKind))
            {
                Line($"- {call}: {what.ReplaceLineEndings(" ")}");
            }
        }

        return text.ToString();

        void Line(string line) => text.Append(CultureInfo.InvariantCulture, $"{line}\n");
    }

    private static string Name(int status) => status == 0 ? "not waited for" : status.ToString(CultureInfo.InvariantCulture);
}
