using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: <c>check</c>, <c>explain</c> and <c>usage</c> work on a machine without the secrets; only the ledger's own is needed, by the
/// commands that read it. A start needs all of them.
/// </summary>
public sealed class SecretNeedsTests : IDisposable
{
    private const string Unset = "GATEWAY_TEST_UNSET";

    // Every reference of the settings, with the reason for which it does not resolve.
    private static readonly string[] References =
    [
        $"Teams:0:OpenRouterKey: env:{Unset}_SEARCH is not set or empty",
        "Teams:1:OpenRouterKey: file:no/such.key does not exist",
        "Teams:2:OpenRouterKey: file:empty.key is empty",
        $"Limits:Redis:Configuration: env:{Unset}_REDIS is not set or empty",
        $"Admin:Token: env:{Unset}_TOKEN is not set or empty",
        $"ReverseProxy:Clusters:openrouter:Destinations:other:Metadata:OpenRouterKey: env:{Unset}_OTHER is not set or empty",
    ];

    private readonly TempFolder _folder = new();

    public SecretNeedsTests()
    {
        _folder.Write("empty.key", " \n");
        Write("""{ "Sqlite": { "Path": "data/usage.db" } }""");
    }

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Check_WarnsOfEachReferenceByItsPath()
    {
        var output = await RunAsync("check");

        Assert.Equal((0, ""), (output.ExitCode, output.Error));
        Assert.All(
            References, reference => Assert.Contains($"warning: {reference} here; the gateway needs it at its start", output.Out, StringComparison.Ordinal));
        Assert.Equal(References.Length, output.Out.Split('\n').Count(line => line.Contains("needs it at its start", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Check_StillFindsEveryFault()
    {
        Write("""{ "Sqlite": { "Path": "data/usage.db" }, "Retention": "1.00:00:00" }""", "\"Budget\": { \"Usd\": 1 }");

        var output = await RunAsync("check");

        Assert.Equal(1, output.ExitCode);
        Assert.StartsWith("Usage:Retention: ", output.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, "rules", "explain", "--model", "m", "--team", "search")]
    [InlineData(1, "usage.db", "usage")]
    public async Task OtherCommand_WorksAndWarns(int exitCode, string result, params string[] arguments)
    {
        var output = await RunAsync(arguments);

        // There is no ledger here, which usage says by its path.
        Assert.Equal(exitCode, output.ExitCode);
        Assert.Contains(result, output.All, StringComparison.Ordinal);
        Assert.Equal(
            References.Select(reference => $"warning: {reference} here; the gateway needs it at its start").Order(StringComparer.Ordinal),
            output.Error.Split(Environment.NewLine, StringSplitOptions.RemoveEmptyEntries)
                .Where(static line => line.StartsWith("warning: ", StringComparison.Ordinal))
                .Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Start_NeedsThemAll()
    {
        var output = await RunAsync();

        Assert.Equal(2, output.ExitCode);
        Assert.All(References, reference => Assert.Contains(reference, output.Error, StringComparison.Ordinal));
        Assert.DoesNotContain("warning", output.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(0, "check")]
    [InlineData(0, "explain", "--model", "m")]
    [InlineData(2, "usage")]
    [InlineData(2, "write-off", "--team", "search", "--reason", "test")]
    public async Task LedgersOwnSecret_IsNeededByTheCommandsThatReadIt(int exitCode, params string[] arguments)
    {
        Write($$"""{ "Store": "Postgres", "Postgres": { "ConnectionString": "env:{{Unset}}_LEDGER" } }""");

        var output = await RunAsync(arguments);

        Assert.Equal(exitCode, output.ExitCode);
        var problem = $"Usage:Postgres:ConnectionString: env:{Unset}_LEDGER is not set or empty";
        if (exitCode == 0)
        {
            Assert.Contains("warning: " + problem, output.All, StringComparison.Ordinal);
        }
        else
        {
            Assert.Equal(problem + "; expected it in the environment or in .env", output.Error.Trim());
        }
    }

    [Fact]
    public async Task SecretInPlaceOfAReference_StaysAFaultAndIsNotShown()
    {
        _folder.Write("appsettings.json", TeamSetup.Settings(TeamSetup.Team(reference: "sk-or-v1-pasted")));

        var output = await RunAsync("check");

        Assert.Equal(1, output.ExitCode);
        Assert.DoesNotContain("pasted", output.All, StringComparison.Ordinal);
    }

    private void Write(string usage, string more = "")
    {
        var tree = ShippedSettings.Parse();
        tree["ReverseProxy"]!["Clusters"]!["openrouter"]!["Destinations"]!["other"] = System.Text.Json.Nodes.JsonNode.Parse(
            $$"""{ "Address": "https://other.example/v1", "Metadata": { "OpenRouterKey": "env:{{Unset}}_OTHER" } }""");
        foreach (var (name, json) in ((string, string)[])
            [
                ("Teams", $"[ {TeamSetup.Team(more, reference: $"env:{Unset}_SEARCH")}, {TeamSetup.Team("", "a", "key-a", reference: "file:no/such.key")}, {TeamSetup.Team("", "b", "key-b", reference: "file:empty.key")} ]"),
                ("Limits", $$"""{ "Store": "Redis", "Redis": { "Configuration": "env:{{Unset}}_REDIS" } }"""),
                ("Admin", $$"""{ "Url": "http://127.0.0.1:0", "Token": "env:{{Unset}}_TOKEN" }"""),
                ("Usage", usage),
            ])
        {
            tree[name] = System.Text.Json.Nodes.JsonNode.Parse(json);
        }

        _folder.Write("appsettings.json", tree.ToJsonString());
    }

    private Task<GatewayOutput> RunAsync(params string[] arguments) => GatewayCommandRun.RunAsync(arguments, _folder.Path);
}
