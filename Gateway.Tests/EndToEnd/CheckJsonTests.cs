using System.Text.Json;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>Promise: <c>check --json</c> says the same as <c>check</c>, for programs.</summary>
public sealed class CheckJsonTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Meaning_IsThatOfTheText()
    {
        _folder.Write("search.key", TeamSetup.UpstreamKey);
        _folder.Write("appsettings.json", ShippedSettings.With(
            ("ProviderMapping", """
                { "Rules": [
                    { "Name": "eu", "Model": ["mistralai/*", "x"], "WhenClientSetsProvider": "Enforce", "Provider": { "only": ["mistral"] } },
                    { "Name": "late", "Model": "a", "Provider": { "max_price": { "prompt": 1.50 }, "order": ["antropic"] } } ],
                  "Aliases": [ { "Model": "gpt", "Use": "openai/gpt-4o", "Fallbacks": ["b"] } ] }
                """),
            ("Teams", $"[ {TeamSetup.Team("\"Budget\": { \"Usd\": 5 }", keyMore: ", \"Label\": \"ci\"")} ]")));

        var text = await RunAsync("check", "--port", "1234");
        var json = await RunAsync("check", "--json", "--port", "1234");

        Assert.Equal((0, ""), (json.ExitCode, json.Error));
        using var document = JsonDocument.Parse(json.Out);
        var root = document.RootElement;
        Assert.Equal(["faults", "warnings", "meaning"], root.EnumerateObject().Select(member => member.Name));
        Assert.Equal(0, root.GetProperty("faults").GetArrayLength());
        Assert.Equal(
            text.Out.Split(Environment.NewLine).Where(line => line.StartsWith("warning: ", StringComparison.Ordinal)),
            root.GetProperty("warnings").EnumerateArray().Select(
                warning => $"warning: {warning.GetProperty("path").GetString()}: {warning.GetProperty("message").GetString()}"));
        var meaning = root.GetProperty("meaning");
        Assert.Contains($"settings {meaning.GetProperty("version").GetString()}, environment Production", text.Out, StringComparison.Ordinal);
        Assert.Contains($"listens on {meaning.GetProperty("listens").GetString()}", text.Out, StringComparison.Ordinal);
        Assert.Contains(
            meaning.GetProperty("overrides").EnumerateArray(),
            one => one.GetProperty("path").GetString() == "Server:Port" && one.GetProperty("source").GetString()!.Contains("--port", StringComparison.Ordinal));
        Assert.All(
            meaning.GetProperty("routes").EnumerateArray(),
            route => Assert.Contains($" -> {route.GetProperty("cluster")} ({route.GetProperty("name")})", text.Out, StringComparison.Ordinal));
        Assert.Equal(["eu", "late"], meaning.GetProperty("rules").EnumerateArray().Select(rule => rule.GetProperty("name").GetString()));
        var late = meaning.GetProperty("rules")[1].GetProperty("provider");
        Assert.Equal("1.50", late.GetProperty("max_price").GetProperty("prompt").GetRawText());
        Assert.Equal("gpt", meaning.GetProperty("aliases")[0].GetProperty("model").GetString());
        var team = meaning.GetProperty("teams")[0];
        Assert.Equal(
            ("search", "ci", "5 USD a month"),
            (team.GetProperty("id").GetString(), team.GetProperty("keys")[0].GetString(), team.GetProperty("budget").GetString()));
        Assert.EndsWith("usage.db, which does not exist yet", meaning.GetProperty("ledger").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(1, "Server:Prot", "check", "--json")]
    [InlineData(2, "--port \"x\"", "check", "--json", "--port", "x")]
    public async Task Faults_ArePrintedAsJsonWithTheSameExitCode(int exitCode, string path, params string[] arguments)
    {
        _folder.Write("appsettings.json", ShippedSettings.WithValues(("Server:Prot", "1")));

        var output = await RunAsync(arguments);

        Assert.Equal((exitCode, ""), (output.ExitCode, output.Error));
        using var document = JsonDocument.Parse(output.Out);
        Assert.Contains(document.RootElement.GetProperty("faults").EnumerateArray(), fault => fault.GetProperty("path").GetString() == path);
        Assert.Equal(JsonValueKind.Null, document.RootElement.GetProperty("meaning").ValueKind);
    }

    [Fact]
    public async Task ControlCharacters_DoNotReachTheTerminal()
    {
        _folder.Write("appsettings.json", ShippedSettings.WithRules(
            """[{ "Name": "r", "Model": ["x\u001B[2J\u202E"], "Provider": { "only": ["a\u009B"] } }]"""));

        var output = await RunAsync("check", "--json");

        Assert.DoesNotContain(output.Out, letter => (char.IsControl(letter) && letter is not ('\r' or '\n')) || letter == '\u202E');
        using var document = JsonDocument.Parse(output.Out);
        Assert.Equal("x\u001B[2J\u202E", document.RootElement.GetProperty("meaning").GetProperty("rules")[0].GetProperty("models")[0].GetString());
    }

    [Fact]
    public async Task OtherCommands_HaveNoSuchFlag()
    {
        _folder.Write("appsettings.json", ShippedSettings.Text);

        Assert.Equal(2, (await RunAsync("explain", "--model", "m", "--json")).ExitCode);
    }

    private Task<GatewayOutput> RunAsync(params string[] arguments) => GatewayCommandRun.RunAsync(arguments, _folder.Path);
}
