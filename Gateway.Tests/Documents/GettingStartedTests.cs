using System.Text.RegularExpressions;
using FakeOpenRouter;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Documents;

/// <summary>Runs the commands of <c>docs/getting-started.md</c> in their order, with ports of the test's own.</summary>
public sealed partial class GettingStartedTests : IAsyncLifetime
{
    private const string Gateway = "dotnet run --project Gateway -- ";
    private const string HashOfTheSample = "1111111111111111111111111111111111111111111111111111111111111111";

    private static readonly string[] SubCommands = ["check", "explain", "keys", "usage"];

    private readonly TempFolder _folder = new();
    private readonly Dictionary<string, string> _variables = [];
    private FakeOpenRouterServer _upstream = null!;
    private GatewayProcess? _gateway;
    private Uri? _address;
    private string _key = "";

    public async ValueTask InitializeAsync()
    {
        _upstream = await FakeOpenRouterServer.StartAsync();
        File.Copy(Path.Combine(Repository.Root, "appsettings.json"), _folder.File("appsettings.json"));
    }

    public async ValueTask DisposeAsync()
    {
        if (_gateway is not null)
        {
            await _gateway.DisposeAsync();
        }

        await _upstream.DisposeAsync();
        _folder.Dispose();
    }

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

        // With the settings of the teams gone, as for somebody who comes from the original.
        File.Delete(_folder.File("appsettings.Production.json"));
        await RunAsync("Moving over from the original");
    }

    [Fact]
    public void ChineseTwin_HasTheSameCommands() =>
        Assert.Equal(Commands(Read("getting-started.md")), Commands(Read("getting-started.zh-CN.md")));

    private static string Read(string name) => File.ReadAllText(Path.Combine(Repository.Root, "docs", name));

    private static IReadOnlyList<string> Commands(string text) =>
    [
        .. Block().Matches(text).SelectMany(static block => block.Groups["lines"].Value.Split('\n', StringSplitOptions.RemoveEmptyEntries)),
    ];

    /// <summary>Runs the commands of a section. The result has their outputs; its indexer takes the beginning of a command.</summary>
    private async Task<Outputs> RunAsync(string heading)
    {
        var section = Read("getting-started.md").Split("\n## ").Single(part => part.StartsWith(heading, StringComparison.Ordinal));
        var outputs = new Outputs();
        foreach (var command in Commands(section))
        {
            outputs.Add(command, await RunCommandAsync(command));
        }

        Assert.NotEmpty(outputs);
        return outputs;
    }

    private async Task<string> RunCommandAsync(string command)
    {
        if (command.StartsWith("dotnet run --project tools/FakeOpenRouter -- ", StringComparison.Ordinal))
        {
            // The test has started it.
            return "";
        }

        if (command.StartsWith("export ", StringComparison.Ordinal))
        {
            foreach (Match variable in Variable().Matches(command))
            {
                _variables.Add(variable.Groups["name"].Value, variable.Groups["value"].Value);
            }

            return "";
        }

        if (command.StartsWith("cp ", StringComparison.Ordinal))
        {
            var files = command.Split(' ');
            var text = await File.ReadAllTextAsync(Path.Combine(Repository.Root, files[1]), TestContext.Current.CancellationToken);
            _folder.Write(files[2], text.Replace("127.0.0.1:9464", "127.0.0.1:0", StringComparison.Ordinal));
            return "";
        }

        var line = command
            .Replace("http://127.0.0.1:9001", _upstream.RootUrl.TrimEnd('/'), StringComparison.Ordinal)
            .Replace("http://127.0.0.1:3000", _address?.ToString().TrimEnd('/'), StringComparison.Ordinal)
            .Replace("ogw-…", _key, StringComparison.Ordinal);
        if (!command.StartsWith(Gateway, StringComparison.Ordinal))
        {
            Assert.StartsWith("curl ", command, StringComparison.Ordinal);
            var run = await CommandRun.RunAsync("sh", ["-c", "NO_PROXY=127.0.0.1 " + line], _folder.Path);
            Assert.Equal(0, run.ExitCode);
            return run.Out;
        }

        string[] arguments = [.. Argument().Matches(line[Gateway.Length..]).Select(static argument => argument.Value.Trim('"'))];
        return SubCommands.Contains(arguments[0]) ? await RunSubCommandAsync(arguments) : await StartAsync(arguments);
    }

    private async Task<string> RunSubCommandAsync(string[] arguments)
    {
        var run = await GatewayCommandRun.RunAsync(arguments, _folder.Path, _variables);
        Assert.Equal(0, run.ExitCode);
        if (arguments[0] == "keys")
        {
            _key = GatewayKey().Match(run.All).Value;
            var overlay = _folder.File("appsettings.Production.json");
            var settings = await File.ReadAllTextAsync(overlay, TestContext.Current.CancellationToken);
            Assert.Contains(HashOfTheSample, settings, StringComparison.Ordinal);
            _folder.Write(overlay, settings.Replace(HashOfTheSample, Hash().Match(run.All).Value, StringComparison.Ordinal));
        }

        return run.All;
    }

    private async Task<string> StartAsync(string[] arguments)
    {
        if (_gateway is not null)
        {
            await _gateway.TerminateAsync();
            Assert.Equal(0, (await _gateway.WaitForExitAsync()).ExitCode);
            await _gateway.DisposeAsync();
        }

        List<string> own = [.. arguments.Where(argument => argument is not ("--port" or "3000" or "--ip" or "127.0.0.1"))];
        _gateway = GatewayProcess.Start([.. own, "--ip", "127.0.0.1", "--port", "0"], _folder.Path, _variables);
        _address = await _gateway.WaitForAddressAsync(_upstream.BaseUrl);
        return "";
    }

    private sealed class Outputs : List<(string Command, string Output)>
    {
        public string this[string beginning] => this.Single(one => one.Command.StartsWith(beginning, StringComparison.Ordinal)).Output;

        public void Add(string command, string output) => Add((command, output));
    }

    [GeneratedRegex("^```bash\n(?<lines>.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex Block();

    [GeneratedRegex(@"(?<name>[A-Z_]+)=(?<value>\S+)", RegexOptions.ExplicitCapture)]
    private static partial Regex Variable();

    [GeneratedRegex("""(?:[^\s"]|"[^"]*")+""")]
    private static partial Regex Argument();

    [GeneratedRegex("ogw-[A-Za-z0-9_-]+")]
    private static partial Regex GatewayKey();

    [GeneratedRegex("[0-9a-f]{64}")]
    private static partial Regex Hash();

    [GeneratedRegex(@"[\s+]")]
    private static partial Regex Spaces();
}
