using System.Text.RegularExpressions;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Documents;

/// <summary>Promise: the gate names the reasons for which a test may be skipped and runs README's first command; npm packages are updated.</summary>
public sealed partial class GateTests
{
    private static readonly string Gate = Read(".ci/run");

    /// <summary>The reasons of <c>.ci/skipped</c> are words of the tests, so that a reworded reason does not stay behind.</summary>
    [Fact]
    public void AllowedReasons_AreWordsOfTests()
    {
        var reasons = Read(".ci/skipped").Split('\n').Where(static line => line.Length > 0 && !line.StartsWith('#')).ToArray();
        string[] sources = [.. Sources(".cs").Select(File.ReadAllText)];

        Assert.NotEmpty(reasons);
        Assert.All(reasons, static line => Assert.Matches("^(ordinary|bare|native) ", line));
        Assert.All(
            reasons.Select(static line => line.Split(' ', 2)[1]
                .Replace("GATEWAY_TEST_SCREENSHOTS", "{Screenshots}", StringComparison.Ordinal)
                .Replace("Node.js 20", "Node.js {OldestNode}", StringComparison.Ordinal)),
            reason => Assert.Contains(sources, source => source.Contains($"\"{reason}\"", StringComparison.Ordinal)));
    }

    [Fact]
    public void Runs_AreThoseOfTheAllowedReasons()
    {
        var runs = Run().Matches(Gate).Select(static run => run.Groups["name"].Value);

        Assert.Equal(["ordinary", "bare", "native"], runs);
    }

    [Fact]
    public void FirstCommandOfTheReadme_IsTheFirstOfItsSection()
    {
        var section = Read("README.md").Split("\n## ").Single(static part => part.StartsWith("Quick start\n", StringComparison.Ordinal));

        Assert.StartsWith("dotnet run --project Gateway", DocumentShell.Commands(section).First(), StringComparison.Ordinal);
        Assert.Contains("$0 == \"## Quick start\"", Gate, StringComparison.Ordinal);
    }

    [Fact]
    public void EveryNpmPackage_IsKeptUpToDate()
    {
        IEnumerable<string> folders = Sources("package.json")
            .Select(static path => "/" + Path.GetRelativePath(Repository.Root, Path.GetDirectoryName(path)!).Replace('\\', '/'));
        IEnumerable<string> updated = NpmFolders().Match(Read(".github/dependabot.yml")).Groups["folders"].Value.Split(", ");

        Assert.Equal(folders.Order(StringComparer.Ordinal), updated.Order(StringComparer.Ordinal));
    }

    private static string Read(string name) => File.ReadAllText(Path.Combine(Repository.Root, name));

    private static IEnumerable<string> Sources(string ending) => Directory
        .EnumerateFiles(Repository.Root, "*" + ending, SearchOption.AllDirectories)
        .Where(static path => !Path.GetRelativePath(Repository.Root, path).Split(Path.DirectorySeparatorChar)
            .Intersect(["bin", "obj", "node_modules", ".git"]).Any());

    [GeneratedRegex("(^| )tests (?<name>[a-z]+) dotnet test ", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex Run();

    [GeneratedRegex(@"package-ecosystem: npm\n    directories: \[(?<folders>[^\]]+)\]", RegexOptions.ExplicitCapture)]
    private static partial Regex NpmFolders();
}
