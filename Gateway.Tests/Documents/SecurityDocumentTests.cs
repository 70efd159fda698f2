using System.Reflection;
using System.Text.RegularExpressions;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Documents;

/// <summary>Compares <c>docs/security.md</c> with the tests that it names.</summary>
public sealed partial class SecurityDocumentTests
{
    private static readonly IReadOnlyList<MarkdownSection> Sections =
        MarkdownSection.Read(Path.Combine(Repository.Root, "docs", "security.md"));

    public static TheoryData<string> NamedTests =>
    [
        .. Sections.SelectMany(section => section.Lines)
            .SelectMany(line => TestName().Matches(line))
            .Select(match => match.Groups["test"].Value)
            .Distinct(StringComparer.Ordinal),
    ];

    [Theory]
    [MemberData(nameof(NamedTests))]
    public void NamedTest_Exists(string name)
    {
        var (type, method) = (name.Split('.')[0], name.Split('.')[1]);
        var tests = typeof(SecurityDocumentTests).Assembly.GetTypes()
            .Where(candidate => candidate.Name == type)
            .SelectMany(candidate => candidate.GetMethods(BindingFlags.Public | BindingFlags.Instance))
            .Where(candidate => candidate.Name == method && candidate.GetCustomAttributes<FactAttribute>().Any());

        Assert.NotEmpty(tests);
    }

    [Fact]
    public void EveryPromise_NamesATest()
    {
        var promises = Sections
            .Where(section => section.Lines.Contains("| promise | tests |"))
            .SelectMany(section => section.TableRows)
            .ToList();

        Assert.True(promises.Count > 20, $"only {promises.Count} promises were found");
        Assert.All(promises, row => Assert.Matches(TestName(), row[1]));
    }

    [Theory]
    [InlineData("docs/security.md")]
    [InlineData("SECURITY.md")]
    public void Links_LeadToFiles(string document)
    {
        var path = Path.Combine(Repository.Root, document);
        var links = MarkdownSection.Read(path).SelectMany(section => section.Links).Select(link => link.Split('#')[0]).ToList();

        Assert.NotEmpty(links);
        Assert.All(links, link => Assert.True(File.Exists(Path.Combine(Path.GetDirectoryName(path)!, link)), link));
    }

    [GeneratedRegex("`(?<test>[A-Z]\\w+Tests\\.\\w+)`", RegexOptions.ExplicitCapture)]
    private static partial Regex TestName();
}
