using System.Reflection;
using System.Text.RegularExpressions;
using Xunit;

namespace Gateway.Tests.Documents;

/// <summary>The tests that a document names, as `ClassTests.Method`.</summary>
internal static partial class NamedTests
{
    /// <summary>The distinct names in a document.</summary>
    public static IEnumerable<string> In(IEnumerable<MarkdownSection> sections) => sections
        .SelectMany(section => section.Lines)
        .SelectMany(line => TestName().Matches(line))
        .Select(match => match.Groups["test"].Value)
        .Distinct(StringComparer.Ordinal);

    /// <summary>Whether a text names a test.</summary>
    public static bool IsIn(string text) => TestName().IsMatch(text);

    /// <summary>Whether there is a test of this name.</summary>
    public static bool Exists(string name)
    {
        var (type, method) = (name.Split('.')[0], name.Split('.')[1]);
        return typeof(NamedTests).Assembly.GetTypes()
            .Where(candidate => candidate.Name == type)
            .SelectMany(candidate => candidate.GetMethods(BindingFlags.Public | BindingFlags.Instance))
            .Any(candidate => candidate.Name == method && candidate.GetCustomAttributes<FactAttribute>().Any());
    }

    [GeneratedRegex("`(?<test>[A-Z]\\w+Tests\\.\\w+)`", RegexOptions.ExplicitCapture)]
    private static partial Regex TestName();
}
