using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>Promise: settings file, overlay, <c>.env</c>, environment, command line, in this order; known sections only.</summary>
public sealed class EnvironmentTests
{
    private const string Layers = """[{ "Name": "file", "Model": "*", "Provider": { "only": ["mistral"] } }]""";

    [Fact]
    public async Task Variables_SetWhatTheFlagsSet()
    {
        await using var upstream = await FakeOpenRouter.FakeOpenRouterServer.StartAsync();
        await using var gateway = await GatewayHost.StartAsync(options =>
        {
            options.Environment["GATEWAY_OPENROUTER_BASE_URL"] = upstream.BaseUrl;
            options.Environment["GATEWAY_MODEL_PROVIDER_MAPPING"] = "a*=A ; *b=B,C;";
        });
        await using var client = await gateway.ConnectAsync();

        await client.PostAsync("/v1/chat/completions", """{"model":"abc"}""");
        Assert.Equal(200, (await client.ReadAsync()).Head.Status);
        Assert.Contains("\"A\"", upstream.Requests.Last.BodyText, StringComparison.Ordinal);

        await client.PostAsync("/v1/chat/completions", """{"model":"xb"}""");
        await client.ReadAsync();
        Assert.Contains("\"C\"", upstream.Requests.Last.BodyText, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Precedence_RunsFromTheFileToTheCommandLine()
    {
        using var folder = new TempFolder();
        folder.Write("appsettings.json", ShippedSettings.WithValues(("Server:Port", "1111"), ("Server:Address", "\"127.0.0.1\"")));
        Assert.Contains(":1111", await ListeningAsync(folder, []), StringComparison.Ordinal);

        folder.Write("appsettings.Staging.json", """{ "Server": { "Port": 2222 } }""");
        Dictionary<string, string> environment = new() { ["ASPNETCORE_ENVIRONMENT"] = "Staging" };
        Assert.Contains(":2222", await ListeningAsync(folder, environment), StringComparison.Ordinal);

        folder.Write(".env", "# comment\nGATEWAY_PORT=3333\nUSAGE=stray\n");
        Assert.Contains(":3333", await ListeningAsync(folder, environment), StringComparison.Ordinal);

        environment["GATEWAY_PORT"] = "4444";
        Assert.Contains(":4444", await ListeningAsync(folder, environment), StringComparison.Ordinal);
        Assert.Contains(":5555", await ListeningAsync(folder, environment, "--port", "5555"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task SectionVariable_SetsAnySetting()
    {
        using var folder = new TempFolder();
        folder.Write("appsettings.json", ShippedSettings.Text);

        Assert.Contains(
            ":6666",
            await ListeningAsync(folder, new() { ["Server__Port"] = "6666", ["Server__Address"] = "127.0.0.1" }),
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("USAGE", "x")]
    [InlineData("TEAMS", "x")]
    [InlineData("OTHER__THING", "x")]
    public async Task StrayVariable_HarmsNobody(string name, string value)
    {
        using var folder = new TempFolder();
        folder.Write("appsettings.json", ShippedSettings.Text);

        var output = await GatewayCommandRun.RunAsync(["check"], folder.Path, new Dictionary<string, string> { [name] = value });

        Assert.Equal(0, output.ExitCode);
    }

    [Theory]
    [InlineData("GATEWAY_PORT", "many")]
    [InlineData("GATEWAY_OPENROUTER_BASE_URL", "nonsense")]
    [InlineData("GATEWAY_MODEL_PROVIDER_MAPPING", "a=A;broken")]
    [InlineData("GATEWAY_HTTPS", "perhaps")]
    [InlineData("Server__Prot", "1")]
    public async Task FaultyVariable_IsQuotedAtStart(string name, string value)
    {
        using var folder = new TempFolder();
        folder.Write("appsettings.json", ShippedSettings.Text);

        var output = await GatewayCommandRun.RunAsync([], folder.Path, new Dictionary<string, string> { [name] = value });

        Assert.Equal(2, output.ExitCode);
        Assert.Contains(
            name.Replace("__", ":", StringComparison.Ordinal),
            output.Error.Replace("__", ":", StringComparison.Ordinal),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task DotEnv_IsReloaded()
    {
        await using var pair = await GatewayPair.StartAsync(options =>
        {
            options.OutOfProcess = true;
            options.Settings = ShippedSettings.WithRules(Layers);
        });
        Assert.Equal("file", (await pair.ChatAsync("m")).Head.Header("x-gateway-rule"));

        pair.Gateway.Folder.Write(".env", "GATEWAY_MODEL_PROVIDER_MAPPING=m=FromDotEnv\n");

        await Eventually.TrueAsync(
            async () => (await pair.ChatAsync("m")).Forwarded.BodyText.Contains("FromDotEnv", StringComparison.Ordinal),
            "the mapping of .env");
    }

    [Fact]
    public async Task Overlay_ReplacesArraysAndMergesObjects()
    {
        await using var pair = await GatewayPair.StartAsync(options =>
        {
            options.Settings = ShippedSettings.WithRules(Layers);
            options.Environment["ASPNETCORE_ENVIRONMENT"] = "Staging";
        });
        pair.Gateway.Folder.Write(
            "appsettings.Staging.json",
            """{ "ProviderMapping": { "Rules": [ { "Name": "overlay", "Model": "*", "Provider": { "zdr": true } } ] } }""");

        await Eventually.TrueAsync(
            async () => (await pair.ChatAsync("m")).Head.Header("x-gateway-rule") == "overlay",
            "the overlay's rule");
        Assert.Equal(200, (await pair.GetAsync("/v1/models")).Status);
    }

    /// <summary>The line of <c>check</c> about the listening address.</summary>
    private static async Task<string> ListeningAsync(TempFolder folder, Dictionary<string, string> environment, params string[] arguments)
    {
        var output = await GatewayCommandRun.RunAsync(["check", .. arguments], folder.Path, environment);
        Assert.True(output.ExitCode == 0, output.All);
        return output.Out.Split('\n').Single(
            line => line.Contains("http://", StringComparison.Ordinal) && line.Contains("listen", StringComparison.Ordinal));
    }
}
