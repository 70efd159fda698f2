using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Documents;

/// <summary>Promise: every command of the READMEs and of <c>docs</c> is run by a test or by the gate, or the document says that it is not.</summary>
public sealed class DocumentCommandsTests
{
    private const string Tool = "openrouter-gateway";

    private static readonly string[] Folders = ["", "docs", "deploy", "samples", "tools", "Gateway", "Gateway.Transforms", "bench"];
    private static readonly string[] RunHere = ["README.md", "Gateway/README.md", "docs/failures.md", "tools/FakeOpenRouter/README.md"];

    /// <summary>Documents whose commands tests of their own run.</summary>
    private static readonly Dictionary<string, string> RunElsewhere = new(StringComparer.Ordinal)
    {
        ["README.zh-CN.md"] = "ReadmeTests.Section_SaysTheSameInBothLanguages",
        ["docs/admin-api.md"] = "AdminApiDocumentTests.Commands_AnswerTheirQuestions",
        ["docs/getting-started.md"] = "GettingStartedTests.Commands_DoWhatTheDocumentSays",
        ["docs/getting-started.zh-CN.md"] = "GettingStartedTests.ChineseTwin_SaysTheSame",
        ["docs/ledger.md"] = "LedgerDocumentTests.Period_IsThatOfTheCommandsThatSetIt",
        ["docs/operations.md"] = "OperationsCommandsTests.Commands_PrintWhatTheDocumentShows",
        ["docs/questions.md"] = "QuestionsDocumentTests.EveryCommand_IsRunHere",
        ["samples/host/README.md"] = "SampleHostTests.Request_IsSentWithTheProviderOfItsRule",
    };

    /// <summary>Beginnings of commands that build the program, and where the gate runs them.</summary>
    private static readonly (string Command, string Script, string Words)[] RunByTheGate =
    [
        ("dotnet test", ".ci/run", "dotnet test"),
        ("dotnet publish Gateway -c Release -o out", ".ci/run", "dotnet publish Gateway -c Release -o"),
        ("dotnet pack Gateway -c Release -o out/packages", "deploy/package/check", "dotnet pack \"$project\" -c Release"),
        ("dotnet tool install", "deploy/package/check", "dotnet tool install OpenRouterGateway"),
    ];

    public static TheoryData<string> Documents =>
    [
        .. Folders
            .SelectMany(static folder => Directory.EnumerateFiles(
                Path.Combine(Repository.Root, folder), "*.md", folder.Length == 0 ? SearchOption.TopDirectoryOnly : SearchOption.AllDirectories))
            .Select(static path => Path.GetRelativePath(Repository.Root, path).Replace('\\', '/'))
            .Where(static path => path is not ("CHANGELOG.md" or "CONTRIBUTING.md") && !path.Split('/').Intersect(["bin", "obj"]).Any())
            .Order(StringComparer.Ordinal),
    ];

    public static TheoryData<string> DocumentsThatRunHere => [.. RunHere];

    [Theory]
    [MemberData(nameof(Documents))]
    public void Command_IsRunOrMarked(string document)
    {
        if (RunElsewhere.TryGetValue(document, out var test))
        {
            Assert.True(NamedTests.Exists(test), test);
        }
        else if (!RunHere.Contains(document))
        {
            Assert.Empty(CommandsOf(document));
        }
    }

    [Theory]
    [MemberData(nameof(DocumentsThatRunHere))]
    public async Task Commands_Succeed(string document)
    {
        await using var shell = await DocumentShell.StartAsync();
        foreach (var command in CommandsOf(document))
        {
            var output = await shell.RunAsync(
                command.StartsWith(Tool, StringComparison.Ordinal) ? $"{DocumentShell.Gateway} --{command[Tool.Length..]}" : command);
            if (command.Contains("/v1/chat/completions", StringComparison.Ordinal))
            {
                Assert.Contains("\"choices\"", output, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public void Gate_RunsTheCommandsThatBuild() => Assert.All(RunByTheGate, static one => Assert.Contains(
        one.Words, File.ReadAllText(Path.Combine(Repository.Root, one.Script)), StringComparison.Ordinal));

    /// <summary>The commands without those that are marked, by a comment above them, as not run, and without those that the gate runs.</summary>
    private static IReadOnlyList<string> CommandsOf(string document) =>
    [
        .. DocumentShell.Blocks(File.ReadAllText(Path.Combine(Repository.Root, document)))
            .SelectMany(static block => block.Split("\n\n"))
            .Where(static part => !part.Split('\n').Any(static line =>
                line.StartsWith('#') && line.Contains("not run", StringComparison.Ordinal)))
            .SelectMany(DocumentShell.CommandsOf)
            .Where(static command => !RunByTheGate.Any(one => command.StartsWith(one.Command, StringComparison.Ordinal))),
    ];
}
