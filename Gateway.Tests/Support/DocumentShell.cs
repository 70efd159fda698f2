using System.Text;
using System.Text.RegularExpressions;
using FakeOpenRouter;
using Xunit;

namespace Gateway.Tests.Support;

/// <summary>
/// Runs the commands of a document as its reader would: one after another, in a folder with the shipped settings, with a scripted upstream, and
/// with ports of the test's own.
/// </summary>
internal sealed partial class DocumentShell : IAsyncDisposable
{
    /// <summary>The command that starts the gateway.</summary>
    public const string Gateway = "dotnet run --project Gateway";

    private const string Upstream = "dotnet run --project tools/FakeOpenRouter";
    private const string HashOfTheSample = "1111111111111111111111111111111111111111111111111111111111111111";

    private static readonly string[] SubCommands = ["check", "explain", "keys", "usage", "--help"];

    private readonly TempFolder _folder = new();
    private readonly Dictionary<string, string> _variables = [];
    private readonly FakeOpenRouterServer _upstream;
    private GatewayProcess? _gateway;
    private Uri? _address;
    private string _key = "";

    private DocumentShell(FakeOpenRouterServer upstream)
    {
        _upstream = upstream;
        File.Copy(Path.Combine(Repository.Root, "appsettings.json"), _folder.File("appsettings.json"));
        var certificate = TestCertificate.Create();
        _folder.Write("cert.pem", certificate.CertificatePem);
        _folder.Write("key.pem", certificate.KeyPem);
    }

    public static async Task<DocumentShell> StartAsync() => new(await FakeOpenRouterServer.StartAsync());

    /// <summary>The commands of a document's shell blocks, without comments.</summary>
    public static IEnumerable<string> Commands(string text) => Blocks(text).SelectMany(CommandsOf);

    /// <summary>The shell blocks of a document. Those of a block without a language are the lines behind a prompt; its other lines are output.</summary>
    public static IEnumerable<string> Blocks(string text) => Block().Matches(text)
        .Select(static block => (Language: block.Groups["language"].Value, Lines: block.Groups["lines"].Value))
        .Select(static block => block.Language switch
        {
            "bash" or "sh" => block.Lines,
            "" => string.Join('\n', Prompt().Matches(block.Lines).Select(static line => line.Groups["command"].Value)),
            _ => "",
        })
        .Where(static lines => lines.Length > 0);

    /// <summary>The commands of a block. One that ends within quotes or with a backslash goes on in the next line.</summary>
    public static IEnumerable<string> CommandsOf(string block)
    {
        var command = new StringBuilder();
        foreach (var line in block.Split('\n'))
        {
            command.Append(command.Length == 0 ? Comment().Replace(line, "") : line);
            if (command.ToString().Count(static one => one == '\'') % 2 != 0)
            {
                command.Append('\n');
            }
            else if (line.EndsWith('\\'))
            {
                command.Length--;
            }
            else if (command.Length > 0)
            {
                yield return command.ToString().Trim();
                command.Clear();
            }
        }
    }

    /// <summary>The arguments of a command line.</summary>
    public static string[] Arguments(string line) =>
        [.. Argument().Matches(line).Select(static argument => argument.Value.Trim('"')).SkipWhile(static argument => argument == "--")];

    /// <summary>Removes a file of the folder.</summary>
    public void Delete(string name) => File.Delete(_folder.File(name));

    /// <summary>Runs a command, which must succeed.</summary>
    /// <returns>Its output; nothing for a program that goes on.</returns>
    public async Task<string> RunAsync(string command)
    {
        if (command.StartsWith(Upstream, StringComparison.Ordinal))
        {
            return await StartUpstreamAsync(Arguments(command[Upstream.Length..]));
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

        var line = Place().Replace(command, _address?.ToString().TrimEnd('/') ?? "")
            .Replace("http://127.0.0.1:9001", _upstream.RootUrl.TrimEnd('/'), StringComparison.Ordinal)
            .Replace("ogw-…", _key, StringComparison.Ordinal);
        if (!command.StartsWith(Gateway, StringComparison.Ordinal))
        {
            Assert.StartsWith("curl ", command, StringComparison.Ordinal);
            Assert.SkipUnless(Programs.Find("curl") is not null, "curl is not installed.");
            var run = await CommandRun.RunAsync("sh", ["-c", "NO_PROXY=127.0.0.1 " + line], _folder.Path);
            Assert.Equal(0, run.ExitCode);
            return run.Out;
        }

        var arguments = Arguments(line[Gateway.Length..]);
        return SubCommands.Contains(arguments.FirstOrDefault()) ? await RunSubCommandAsync(arguments) : await StartGatewayAsync(arguments);
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

    // The gateway uses the upstream of the shell; this one shows that its flags and its scenario are right.
    private static async Task<string> StartUpstreamAsync(string[] arguments)
    {
        string[] own = [.. arguments.Where(static argument => argument is not ("--port" or "9001")), "--port", "0"];
        await using var process = GatewayProcess.Start(
            own, Repository.Root, program: Path.Combine(AppContext.BaseDirectory, "FakeOpenRouter.dll"));
        await process.WaitForAddressAsync(upstream: null);
        return "";
    }

    private async Task<string> RunSubCommandAsync(string[] arguments)
    {
        var run = await GatewayCommandRun.RunAsync(arguments, _folder.Path, _variables);
        Assert.Equal(0, run.ExitCode);
        if (arguments[0] == "keys" && File.Exists(_folder.File("appsettings.Production.json")))
        {
            _key = GatewayKey().Match(run.All).Value;
            var overlay = _folder.File("appsettings.Production.json");
            var settings = await File.ReadAllTextAsync(overlay, TestContext.Current.CancellationToken);
            Assert.Contains(HashOfTheSample, settings, StringComparison.Ordinal);
            _folder.Write(overlay, settings.Replace(HashOfTheSample, Hash().Match(run.All).Value, StringComparison.Ordinal));
        }

        return run.All;
    }

    private async Task<string> StartGatewayAsync(string[] arguments)
    {
        await StopGatewayAsync();
        List<string> own = [.. arguments.Where(static argument => argument is not ("--port" or "3000" or "3001" or "8080" or "--ip" or "127.0.0.1"))];
        if (!own.Contains("--openrouter-base-url"))
        {
            // Requests must not leave the machine.
            own.AddRange(["--openrouter-base-url", _upstream.BaseUrl]);
        }

        _gateway = GatewayProcess.Start([.. own, "--ip", "127.0.0.1", "--port", "0"], _folder.Path, _variables);
        _address = await _gateway.WaitForAddressAsync(_upstream.BaseUrl);
        return "";
    }

    private async Task StopGatewayAsync()
    {
        if (_gateway is { } gateway)
        {
            _gateway = null;
            await gateway.TerminateAsync();
            Assert.Equal(0, (await gateway.WaitForExitAsync()).ExitCode);
            await gateway.DisposeAsync();
        }
    }

    // Blocks of every language, since the end of one would look like the beginning of another.
    [GeneratedRegex("^```(?<language>[^\n]*)\n(?<lines>.*?)^```", RegexOptions.Multiline | RegexOptions.Singleline | RegexOptions.ExplicitCapture)]
    private static partial Regex Block();

    [GeneratedRegex(@"^(\$|sqlite>|psql=>) (?<command>.+)$", RegexOptions.Multiline | RegexOptions.ExplicitCapture)]
    private static partial Regex Prompt();

    [GeneratedRegex(@"(^|\s\s)#.*$", RegexOptions.ExplicitCapture)]
    private static partial Regex Comment();

    [GeneratedRegex("http://(127.0.0.1|localhost):3000", RegexOptions.ExplicitCapture)]
    private static partial Regex Place();

    [GeneratedRegex(@"(?<name>[A-Z_]+)=(?<value>\S+)", RegexOptions.ExplicitCapture)]
    private static partial Regex Variable();

    [GeneratedRegex("""(?:[^\s"]|"[^"]*")+""")]
    private static partial Regex Argument();

    [GeneratedRegex("ogw-[A-Za-z0-9_-]+")]
    private static partial Regex GatewayKey();

    [GeneratedRegex("[0-9a-f]{64}")]
    private static partial Regex Hash();
}
