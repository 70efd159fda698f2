using System.Text.RegularExpressions;
using Xunit;

namespace Gateway.Tests.Documents;

/// <summary>Compares sections with their translations: only the text may differ.</summary>
internal static partial class Translation
{
    public static void AssertSaysTheSame(MarkdownSection english, MarkdownSection chinese)
    {
        Assert.Equal(english.CodeBlocks, chinese.CodeBlocks);
        Assert.Equal(english.TableSizes, chinese.TableSizes);
        Assert.Equal(english.InlineCode, chinese.InlineCode);
        Assert.Equal(Links(english), Links(chinese));
        Assert.Equal(Items(english), Items(chinese));
    }

    /// <summary>The links without their language; headings of translated documents are translated, too.</summary>
    private static IEnumerable<string> Links(MarkdownSection section) => section.Links
        .Select(link => TranslatedHeading().Replace(link.Replace(".zh-CN.md", ".md", StringComparison.Ordinal), "#"))
        .Order(StringComparer.Ordinal);

    private static int Items(MarkdownSection section) => section.Lines.Count(line => Item().IsMatch(line));

    [GeneratedRegex(@"(?<=^|README\.md|getting-started\.md)#.*", RegexOptions.ExplicitCapture)]
    private static partial Regex TranslatedHeading();

    [GeneratedRegex(@"^(-|[0-9]+\.) ", RegexOptions.ExplicitCapture)]
    private static partial Regex Item();
}
