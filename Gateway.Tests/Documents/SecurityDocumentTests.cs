using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Documents;

/// <summary>Compares <c>docs/security.md</c> with the tests that it names.</summary>
public sealed class SecurityDocumentTests
{
    private static readonly IReadOnlyList<MarkdownSection> Sections =
        MarkdownSection.Read(Path.Combine(Repository.Root, "docs", "security.md"));

    public static TheoryData<string> Named => [.. NamedTests.In(Sections)];

    [Theory]
    [MemberData(nameof(Named))]
    public void NamedTest_Exists(string name) => Assert.True(NamedTests.Exists(name));

    [Fact]
    public void EveryPromise_NamesATest()
    {
        var promises = Sections
            .Where(section => section.Lines.Contains("| promise | tests |"))
            .SelectMany(section => section.TableRows)
            .ToList();

        Assert.True(promises.Count > 20, $"only {promises.Count} promises were found");
        Assert.All(promises, row => Assert.True(NamedTests.IsIn(row[1])));
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
}
