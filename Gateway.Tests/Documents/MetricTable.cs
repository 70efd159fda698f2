using System.Text.RegularExpressions;
using Gateway.Tests.Support;

namespace Gateway.Tests.Documents;

/// <summary>The table of metrics in <c>docs/operations.md</c>, which <c>OperationsDocumentTests</c> holds level with the program.</summary>
internal static partial class MetricTable
{
    private static readonly MarkdownSection Section = MarkdownSection.Read(Path.Combine(Repository.Root, "docs", "operations.md"))
        .Single(static section => section.Heading == "## Metrics");

    /// <summary>The tags of each metric, by its Prometheus name.</summary>
    public static IReadOnlyDictionary<string, IReadOnlyCollection<string>> Tags { get; } = Section.TableRows.Where(static row => row.Count == 4).ToDictionary(
        static row => row[0].Trim('`'),
        static row => new MarkdownSection("", [row[3].Replace("generation tags", GenerationTags, StringComparison.Ordinal)]).InlineCode);

    // The value of a tag follows it in parentheses.
    private static string GenerationTags =>
        Value().Replace(GenerationSentence().Match(string.Join(' ', Section.Lines)).Groups["tags"].Value, "");

    [GeneratedRegex(@"The generation tags are (?<tags>[^.]+)\.", RegexOptions.ExplicitCapture)]
    private static partial Regex GenerationSentence();

    [GeneratedRegex(@"\([^)]*\)")]
    private static partial Regex Value();
}
