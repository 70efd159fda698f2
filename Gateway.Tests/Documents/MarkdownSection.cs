using System.Text.RegularExpressions;

namespace Gateway.Tests.Documents;

/// <summary>A heading of a Markdown document and the lines up to the next heading.</summary>
/// <param name="Heading">The heading's line, with its number signs.</param>
/// <param name="Lines">The lines below it.</param>
internal sealed partial record MarkdownSection(string Heading, IReadOnlyList<string> Lines)
{
    private const string Fence = "```";

    /// <summary>The code blocks without comments, because comments are translated.</summary>
    public IReadOnlyList<string> CodeBlocks => [.. Blocks().Select(block => string.Join('\n', block.Select(WithoutComment)))];

    /// <summary>The number of lines of each table, including its header.</summary>
    public IReadOnlyList<int> TableSizes => [.. Tables().Select(table => table.Count)];

    /// <summary>The rows of all tables, without their headers.</summary>
    public IEnumerable<IReadOnlyList<string>> TableRows =>
        Tables().SelectMany(table => table.Skip(2)).Select(row => (IReadOnlyList<string>)[.. row.Trim('|').Split('|').Select(cell => cell.Trim())]);

    /// <summary>The distinct inline code of the section's text.</summary>
    public IReadOnlyCollection<string> InlineCode => Values(CodeSpan());

    /// <summary>The distinct link targets of the section's text.</summary>
    public IReadOnlyCollection<string> Links => Values(Link());

    /// <summary>Splits a document at its headings; lines of code blocks are not headings.</summary>
    public static IReadOnlyList<MarkdownSection> Read(string path)
    {
        var sections = new List<(string Heading, List<string> Lines)>();
        var isCode = false;
        foreach (var line in File.ReadLines(path))
        {
            isCode ^= line.StartsWith(Fence, StringComparison.Ordinal);
            if (!isCode && line.StartsWith('#'))
            {
                sections.Add((line, []));
            }
            else
            {
                sections[^1].Lines.Add(line);
            }
        }

        return [.. sections.Select(section => new MarkdownSection(section.Heading, section.Lines))];
    }

    private static string WithoutComment(string line) => Comment().Replace(line, "").TrimEnd();

    private IEnumerable<string[]> Blocks()
    {
        for (var i = 0; i < Lines.Count; i++)
        {
            if (Lines[i].StartsWith(Fence, StringComparison.Ordinal))
            {
                var length = Lines.Skip(i + 1).TakeWhile(line => line != Fence).Count();
                yield return [.. Lines.Skip(i).Take(length + 1)];
                i += length + 1;
            }
        }
    }

    private List<List<string>> Tables()
    {
        var tables = new List<List<string>>();
        var last = "";
        foreach (var line in Lines)
        {
            if (line.StartsWith('|'))
            {
                if (!last.StartsWith('|'))
                {
                    tables.Add([]);
                }

                tables[^1].Add(line);
            }

            last = line;
        }

        return tables;
    }

    private SortedSet<string> Values(Regex pattern)
    {
        var isCode = false;
        var text = Lines.Where(line => !(isCode ^= line.StartsWith(Fence, StringComparison.Ordinal)));
        return new(text.SelectMany(line => pattern.Matches(line)).Select(match => match.Groups["value"].Value), StringComparer.Ordinal);
    }

    // A comment starts the line or follows two spaces; an address contains // as well.
    [GeneratedRegex(@"(^|\s\s)(#|//) .*$", RegexOptions.ExplicitCapture)]
    private static partial Regex Comment();

    [GeneratedRegex("`(?<value>[^`]+)`", RegexOptions.ExplicitCapture)]
    private static partial Regex CodeSpan();

    [GeneratedRegex(@"\]\((?<value>[^)]+)\)", RegexOptions.ExplicitCapture)]
    private static partial Regex Link();
}
