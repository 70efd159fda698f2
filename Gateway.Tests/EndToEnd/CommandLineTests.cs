using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>Promise: every flag in both spellings; every fault at once, in plain lines, with exit code 2.</summary>
public sealed class CommandLineTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public CommandLineTests()
    {
        _folder.Write("appsettings.json", ShippedSettings.Text);
    }

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task EveryFlag_WorksInBothSpellings(bool joined)
    {
        await using var upstream = await FakeOpenRouter.FakeOpenRouterServer.StartAsync();
        (string Name, string Value)[] flags =
        [
            ("--port", "0"),
            ("--ip", "127.0.0.1"),
            ("--openrouter-base-url", upstream.BaseUrl),
            ("--model-provider-mapping", "first*=A"),
            ("--model-provider-mapping", " *second = B , C "),
            ("--model-provider-mapping", "@preset/x=D"),
            ("--model-provider-mapping", "eq=E=F"),
            ("--config", _folder.File("appsettings.json")),
        ];
        string[] arguments = [.. flags.SelectMany(flag =>
            joined ? [$"{flag.Name}={flag.Value}"] : new[] { flag.Name, flag.Value }), "--verbose"];
        await using var process = GatewayProcess.Start(arguments, _folder.Path);
        var address = await process.WaitForAddressAsync(upstream.BaseUrl);

        Assert.Equal("""{"order":["A"]}""", await ProviderAsync(address, upstream, "first-model"));
        Assert.Equal("""{"order":["B","C"]}""", await ProviderAsync(address, upstream, "the second"));
        Assert.Equal("""{"order":["E=F"]}""", await ProviderAsync(address, upstream, "eq"));
        Assert.Null(await ProviderAsync(address, upstream, "third"));
    }

    [Fact]
    public async Task MappingsOfTheCommandLine_ComeBeforeTheFiles()
    {
        await using var pair = await GatewayPair.StartAsync(options =>
        {
            options.Rules("""[{ "Name": "file", "Model": "*", "Provider": { "only": ["file"] } }]""");
            options.Mapping("mine*=Flag");
            options.Mapping("mine-too=Never");
        });

        Assert.Equal("Flag", (await pair.ChatAsync("mine-too")).ForwardedJson.GetProperty("provider").GetProperty("order")[0].GetString());
        Assert.Equal("file", (await pair.ChatAsync("other")).Head.Header("x-gateway-rule"));
    }

    [Fact]
    public async Task EveryFault_IsReportedAtOnceInOneLineEach()
    {
        var output = await RunProcessAsync(
            "--port", "70000", "--ip", "not-an-ip", "--openrouter-base-url", "ftp://x", "--model-provider-mapping", "no-equals",
            "--model-provider-mapping", "=A", "--model-provider-mapping", "a=B,,C", "--unheard-of");

        Assert.Equal(2, output.ExitCode);
        var lines = output.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(7, lines.Length);
        string[] given = ["70000", "not-an-ip", "ftp://x", "no-equals", "=A", "a=B,,C", "--unheard-of"];
        Assert.All(given, quoted => Assert.Contains(lines, line => line.Contains(quoted, StringComparison.Ordinal)));
        Assert.Equal(6, lines.Count(line => line.Contains("expected", StringComparison.OrdinalIgnoreCase)));
        Assert.DoesNotContain("   at ", output.All, StringComparison.Ordinal);
        Assert.DoesNotContain("Usage:", output.All, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--port")]
    [InlineData("--port", "abc")]
    [InlineData("--port", "-1")]
    [InlineData("--port", "80", "--port", "81")]
    [InlineData("--model-provider-mapping", "gpt-4=")]
    [InlineData("--model-provider-mapping", "gpt-4= , ")]
    [InlineData("--openrouter-base-url", "openrouter.ai/api/v1")]
    [InlineData("--config", "missing.json")]
    [InlineData("stray")]
    [InlineData("--https", "--cert-path", "missing.pem", "--key-path", "missing.pem")]
    public async Task FaultyFlag_ExitsWithTwoAndNoStackTrace(params string[] arguments)
    {
        var output = await RunAsync(arguments);

        Assert.Equal(2, output.ExitCode);
        Assert.NotEmpty(output.Error);
        Assert.DoesNotContain("   at ", output.All, StringComparison.Ordinal);
        Assert.DoesNotContain("Exception", output.All, StringComparison.Ordinal);
    }

    [Fact]
    public async Task FaultsOfTheSettings_AreReportedAtOnceTogetherWithTheFlags()
    {
        _folder.Write("appsettings.json", ShippedSettings.WithValues(
            ("ProviderMapping:Rules", """[{ "Model": "", "Provider": { "order": "x", "zdr": 1 } }, { "Provider": {} }]"""),
            ("Serverr", "{}")));

        var output = await RunAsync("--port", "x");

        Assert.Equal(2, output.ExitCode);
        Assert.All(
            ["--port", "ProviderMapping:Rules:0:Model", "ProviderMapping:Rules:0:Provider:order", "ProviderMapping:Rules:0:Provider:zdr", "ProviderMapping:Rules:1:Model", "Serverr"],
            (string path) => Assert.Contains(path, output.Error, StringComparison.Ordinal));
    }

    [Fact]
    public async Task AddressInUse_IsAFaultWithoutAStackTrace()
    {
        using var listener = new System.Net.Sockets.TcpListener(System.Net.IPAddress.Loopback, 0);
        listener.Start();
        var port = ((System.Net.IPEndPoint)listener.LocalEndpoint).Port.ToString(System.Globalization.CultureInfo.InvariantCulture);

        var output = await RunProcessAsync("--ip", "127.0.0.1", "--port", port);

        Assert.Equal(2, output.ExitCode);
        Assert.Contains(port, output.All, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", output.All, StringComparison.Ordinal);
    }

    [Fact]
    public async Task DeletedWorkingDirectory_IsAFaultInOneLine()
    {
        await using var process = GatewayProcess.Start(
            ["check"], _folder.Path, through: ["sh", "-c", "mkdir gone && cd gone && rmdir ../gone && exec \"$0\" \"$@\""]);

        var output = await process.WaitForExitAsync();

        Assert.Equal(2, output.ExitCode);
        Assert.StartsWith("The working directory ", Assert.Single(output.Error.Split('\n', StringSplitOptions.RemoveEmptyEntries)), StringComparison.Ordinal);
        Assert.Empty(output.Out);
    }

    [Fact]
    public async Task Help_NamesEveryFlag()
    {
        var output = await RunAsync("--help");

        Assert.Equal(0, output.ExitCode);
        Assert.All(
            [
                "--port", "--ip", "--https", "--cert-path", "--key-path", "--openrouter-base-url", "--model-provider-mapping", "--config", "--verbose",
                "--help", "--version", "check", "explain",
            ],
            (string flag) => Assert.Contains(flag, output.Out, StringComparison.Ordinal));
    }

    [Fact]
    public async Task Version_IsPrintedAlone()
    {
        var output = await RunAsync("--version");

        Assert.Equal(0, output.ExitCode);
        Assert.Matches(@"^\d+\.\d+\.\d+\S*\s*$", output.Out);
    }

    /// <summary>Runs the program as a process: its entry point and its exit code are under test.</summary>
    private Task<GatewayOutput> RunProcessAsync(params string[] arguments) => GatewayProcess.RunAsync(arguments, _folder.Path);

    private Task<GatewayOutput> RunAsync(params string[] arguments) => GatewayCommandRun.RunAsync(arguments, _folder.Path);

    private static async Task<string?> ProviderAsync(Uri address, FakeOpenRouter.FakeOpenRouterServer upstream, string model)
    {
        await using var client = await RawHttpClient.ConnectAsync(address);
        await client.PostAsync("/v1/chat/completions", $$"""{"model":"{{model}}"}""");
        await client.ReadAsync();
        using var body = System.Text.Json.JsonDocument.Parse(upstream.Requests.Last.Body);
        return body.RootElement.TryGetProperty("provider", out var provider) ? provider.GetRawText().Replace(
            " ", "", StringComparison.Ordinal) : null;
    }
}
