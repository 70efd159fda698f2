using System.Text.RegularExpressions;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Documents.Deployment;

/// <summary>Promise: commands of the deployment documents that no test runs say so, and name files that exist.</summary>
public sealed partial class DeployingDocumentTests
{
    [Theory]
    [InlineData("docs/deploying.md", 4)]
    [InlineData("deploy/kubernetes/README.md", 2)]
    [InlineData("deploy/systemd/README.md", 2)]
    public void Commands_SayThatTheyAreNotRun(string document, int blocks)
    {
        var text = File.ReadAllText(Path.Combine(Repository.Root, document));
        var commands = Commands().Matches(text).Select(block => block.Groups["text"].Value).ToArray();

        Assert.Equal(blocks, commands.Length);
        Assert.All(commands, block => Assert.StartsWith("# not run here", block, StringComparison.Ordinal));
        Assert.All(
            commands.SelectMany(block => FilePath().Matches(block)).Select(file => file.Value),
            file => Assert.True(Path.Exists(Path.Combine(Repository.Root, file)), file));
    }

    [GeneratedRegex("^```bash\n(?<text>.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline | RegexOptions.ExplicitCapture)]
    private static partial Regex Commands();

    [GeneratedRegex(@"(?<=\s)deploy/[\w./-]+")]
    private static partial Regex FilePath();
}
