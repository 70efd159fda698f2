using System.Text.RegularExpressions;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Documents;

/// <summary>Runs the commands of <c>docs/getting-started.md</c> in their order.</summary>
public sealed partial class GettingStartedTests : IAsyncLifetime
{
    private const string Gateway = DocumentShell.Gateway + " -- ";

    private DocumentShell _shell = null!;

    public async ValueTask InitializeAsync() => _shell = await DocumentShell.StartAsync();

    public ValueTask DisposeAsync() => _shell.DisposeAsync();

    [Fact]
    public async Task Commands_DoWhatTheDocumentSays()
    {
        var nothing = await RunAsync("Ten minutes with nothing");
        Assert.Contains("\"choices\"", nothing["curl -s http://127.0.0.1:3000/v1/chat"], StringComparison.Ordinal);
        const string Order = """
            "provider":{"order":["Anthropic","Google"]}
            """;
        Assert.EndsWith(Order + "}", nothing["curl -s http://127.0.0.1:9001/__last"].TrimEnd(), StringComparison.Ordinal);
        Assert.Contains(Order, Spaces().Replace(nothing[Gateway + "explain"], ""), StringComparison.Ordinal);

        var teams = await RunAsync("Three teams");
        Assert.Contains("search", teams[Gateway + "check"], StringComparison.Ordinal);
        Assert.Contains("\"choices\"", teams["curl -s http://127.0.0.1:3000/v1/chat"], StringComparison.Ordinal);
        Assert.Matches(@"search\W+openai/gpt-4o-mini", teams[Gateway + "usage"]);

        // With the settings of the teams gone, as for a user of the original.
        _shell.Delete("appsettings.Production.json");
        await RunAsync("Moving over from the original");
    }

    [Fact]
    public void ChineseTwin_SaysTheSame()
    {
        var (english, chinese) = (MarkdownSection.Read(PathOf("getting-started.md")), MarkdownSection.Read(PathOf("getting-started.zh-CN.md")));

        Assert.Equal(english.Count, chinese.Count);
        Assert.All(english.Zip(chinese), static pair => Translation.AssertSaysTheSame(pair.First, pair.Second));
    }

    private static string PathOf(string name) => Path.Combine(Repository.Root, "docs", name);

    /// <summary>Runs the commands of a section. The result has their outputs; its indexer takes the beginning of a command.</summary>
    private async Task<Outputs> RunAsync(string heading)
    {
        var text = await File.ReadAllTextAsync(PathOf("getting-started.md"), TestContext.Current.CancellationToken);
        var section = text.Split("\n## ").Single(part => part.StartsWith(heading, StringComparison.Ordinal));
        var outputs = new Outputs();
        foreach (var command in DocumentShell.Commands(section))
        {
            outputs.Add(command, await _shell.RunAsync(command));
        }

        Assert.NotEmpty(outputs);
        return outputs;
    }

    private sealed class Outputs : List<(string Command, string Output)>
    {
        public string this[string beginning] => this.Single(one => one.Command.StartsWith(beginning, StringComparison.Ordinal)).Output;

        public void Add(string command, string output) => Add((command, output));
    }

    [GeneratedRegex(@"[\s+]")]
    private static partial Regex Spaces();
}
