using System.Text.RegularExpressions;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Documents;

/// <summary>Promise: a link in a document leads to a file of the repository, and to a heading of it where it names one.</summary>
public sealed partial class LinkTests
{
    // Dependencies and build output have documents of their own.
    private static readonly HashSet<string> Passed = ["bin", "obj", "node_modules", "BenchmarkDotNet.Artifacts", "TestResults", "out"];

    public static TheoryData<string> Documents =>
        [.. Files(new DirectoryInfo(Repository.Root)).Select(file => Path.GetRelativePath(Repository.Root, file.FullName)).Order(StringComparer.Ordinal)];

    [Theory]
    [MemberData(nameof(Documents))]
    public void Links_LeadSomewhere(string name)
    {
        var path = Path.Combine(Repository.Root, name);
        var dead = Link().Matches(Code().Replace(File.ReadAllText(path), ""))
            .Select(link => link.Groups["target"].Value)
            .Where(target => !target.Contains("://", StringComparison.Ordinal) && !IsAlive(path, target));

        Assert.Empty(dead);
    }

    private static bool IsAlive(string document, string target)
    {
        var parts = target.Split('#', 2);
        var path = parts[0].Length == 0 ? document : Path.GetFullPath(parts[0], Path.GetDirectoryName(document)!);
        return parts.Length == 1
            ? File.Exists(path) || Directory.Exists(path)
            : File.Exists(path) && Heading().Matches(Code().Replace(File.ReadAllText(path), "")).Any(heading => Anchor(heading.Groups["text"].Value) == parts[1]);
    }

    /// <summary>The anchor of a heading, as GitHub makes it.</summary>
    private static string Anchor(string heading) =>
        NoAnchor().Replace(heading.Trim().ToLowerInvariant(), "").Replace(' ', '-');

    private static IEnumerable<FileInfo> Files(DirectoryInfo folder) => folder.EnumerateFiles("*.md")
        .Concat(folder.EnumerateDirectories().Where(inner => inner.Name[0] != '.' && !Passed.Contains(inner.Name)).SelectMany(Files));

    [GeneratedRegex("^```.*?^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Code();

    [GeneratedRegex(@"\]\((?<target>[^)\s]+)\)", RegexOptions.ExplicitCapture)]
    private static partial Regex Link();

    [GeneratedRegex(@"^#+ (?<text>.+)$", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex Heading();

    [GeneratedRegex(@"[^\p{L}\p{N} _-]")]
    private static partial Regex NoAnchor();
}
