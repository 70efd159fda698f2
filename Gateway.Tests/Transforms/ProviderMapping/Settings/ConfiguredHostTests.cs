using System.Text;
using Gateway.Tests.Support;
using Microsoft.Extensions.Logging;
using Xunit;

namespace Gateway.Tests.Transforms.ProviderMapping.Settings;

/// <summary>Promise: a YARP host needs only the package and its appsettings.json; an edit of the rules needs no restart and no luck.</summary>
public class ConfiguredHostTests
{
    private const string Zdr = """{ "Rules": [ { "Model": "*", "Provider": { "zdr": true } } ] }""";
    private const string Body = """{"model":"m"}""";

    [Fact]
    public async Task Reload_ReplacesRulesAndAliasesTogether()
    {
        await using var upstream = await RecordingUpstream.StartAsync();
        await using var host = await ConfiguredHost.StartAsync(upstream.Address, Zdr);
        await AssertSentAsync(host, upstream, "default", """{"model":"m","provider":{"zdr":true}}""");

        await host.ReloadAsync("""
            { "Rules": [ { "Model": "n", "Provider": { "max_price": { "prompt": 1.50 } } } ], "Aliases": [ { "Model": "m", "Use": "n" } ] }
            """);

        await AssertSentAsync(host, upstream, "default", """{"model":"n","provider":{"max_price":{"prompt":1.50}}}""");
        Assert.Equal("ProviderMapping reloaded: 1 rules, 1 aliases", Assert.Single(host.OwnLines).Message);
    }

    [Fact]
    public async Task FaultyReload_KeepsTheLastGoodRulesAndLogsOneLine()
    {
        await using var upstream = await RecordingUpstream.StartAsync();
        await using var host = await ConfiguredHost.StartAsync(upstream.Address, Zdr);
        const string Faulty = """{ "Rules": [ { "Model": "*", "Provider": { "zdr": 1 } }, { "Modle": "a", "Provider": { "zdr": true } } ] }""";

        await host.ReloadAsync(Faulty);
        await host.ReloadAsync(Faulty);

        await AssertSentAsync(host, upstream, "default", """{"model":"m","provider":{"zdr":true}}""");
        var line = Assert.Single(host.OwnLines);
        Assert.Equal(LogLevel.Error, line.Level);
        Assert.Contains("ProviderMapping:Rules:0:Provider:zdr: got \"1\", expected true or false", line.Message, StringComparison.Ordinal);
        Assert.Contains("ProviderMapping:Rules:1:Modle: is unknown", line.Message, StringComparison.Ordinal);
        Assert.DoesNotContain('\n', line.Message);

        await host.ReloadAsync("""{ "Rules": [] }""");
        await AssertSentAsync(host, upstream, "default", Body);
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("null")]
    public async Task VanishedSection_KeepsTheLastGoodRules(string section)
    {
        // .NET turns a file that it cannot parse into an empty configuration.
        await using var upstream = await RecordingUpstream.StartAsync();
        await using var host = await ConfiguredHost.StartAsync(upstream.Address, Zdr);

        await host.ReloadAsync(section);

        await AssertSentAsync(host, upstream, "default", """{"model":"m","provider":{"zdr":true}}""");
        Assert.Contains("missing or empty", Assert.Single(host.OwnLines).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ReloadOfAnotherSection_ChangesAndLogsNothing()
    {
        await using var upstream = await RecordingUpstream.StartAsync();
        await using var host = await ConfiguredHost.StartAsync(upstream.Address, Zdr);

        await host.ReloadAsync(Zdr, ("default", "Default"), ("second", "Default"));

        await AssertSentAsync(host, upstream, "second", """{"model":"m","provider":{"zdr":true}}""");
        Assert.Empty(host.OwnLines);
    }

    [Fact]
    public async Task FaultsAtStart_AreThrownTogether()
    {
        var fault = await Assert.ThrowsAsync<InvalidOperationException>(() => ConfiguredHost.StartAsync("http://127.0.0.1:1", """
            { "Rules": [ { "Model": 5 } ], "Alias": [], "RuleSets": { "a b": {} } }
            """));

        Assert.Equal(
            [
                "Configuration section 'ProviderMapping' has faults:",
                "  ProviderMapping:Alias: is unknown, expected one of Rules, Aliases, RuleSets",
                "  ProviderMapping:Rules:0:Provider: got nothing, expected an object such as {\"order\": [\"anthropic\"]}",
                "  ProviderMapping:RuleSets:a b: got \"a b\", expected 1 to 64 of the characters A-Z a-z 0-9 . _ -",
            ],
            fault.Message.Split(Environment.NewLine));
    }

    [Fact]
    public async Task Warning_IsLoggedAtStart()
    {
        await using var host = await ConfiguredHost.StartAsync(
            "http://127.0.0.1:1", """{ "Rules": [ { "Model": "*", "Provider": { "sort": "price" } } ] }""");

        var line = Assert.Single(host.OwnLines);
        Assert.Equal(LogLevel.Warning, line.Level);
        Assert.StartsWith("ProviderMapping:Rules:0:Provider:sort: ", line.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Route_SelectsARuleSetByName()
    {
        await using var upstream = await RecordingUpstream.StartAsync();
        await using var host = await ConfiguredHost.StartAsync(
            upstream.Address, TwoSets("""{ "order": [ "a" ] }"""), ("default", "default"), ("strict", "STRICT"));

        await AssertSentAsync(host, upstream, "default", """{"model":"m","provider":{"zdr":true}}""");
        await AssertSentAsync(host, upstream, "strict", """{"model":"m","provider":{"order":["a"]}}""");

        await host.ReloadAsync(TwoSets("""{ "order": [ "b" ] }"""), ("default", "Default"), ("strict", "Strict"));
        await AssertSentAsync(host, upstream, "strict", """{"model":"m","provider":{"order":["b"]}}""");
    }

    [Fact]
    public async Task UnknownRuleSet_IsAFaultAtStartThatListsTheSets()
    {
        var fault = await Assert.ThrowsAnyAsync<Exception>(() => ConfiguredHost.StartAsync(
            "http://127.0.0.1:1", TwoSets("""{ "zdr": true }"""), ("one", "Strikt")));

        Assert.Contains(
            "Route 'one': unexpected value for ProviderMapping: 'Strikt'. Expected the name of a rule set: 'Default', 'Strict'.",
            fault.ToString(),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task NewRuleSet_AndItsRoute_MayComeInOneReload()
    {
        await using var upstream = await RecordingUpstream.StartAsync();
        await using var host = await ConfiguredHost.StartAsync(upstream.Address, Zdr);

        await host.ReloadAsync(TwoSets("""{ "order": [ "a" ] }"""), ("default", "Default"), ("strict", "Strict"));

        await AssertSentAsync(host, upstream, "strict", """{"model":"m","provider":{"order":["a"]}}""");
    }

    [Fact]
    public async Task RemovedRuleSet_StaysInForceForItsRoute()
    {
        await using var upstream = await RecordingUpstream.StartAsync();
        await using var host = await ConfiguredHost.StartAsync(
            upstream.Address, TwoSets("""{ "order": [ "a" ] }"""), ("default", "Default"), ("strict", "Strict"));
        host.Logs.Clear();

        await host.ReloadAsync(Zdr, ("default", "Default"), ("strict", "Strict"));

        await AssertSentAsync(host, upstream, "strict", """{"model":"m","provider":{"order":["a"]}}""");
        Assert.Single(host.OwnLines, static line => line.Level == LogLevel.Warning && line.Message.Contains("Strict", StringComparison.Ordinal));
    }

    private static string TwoSets(string strict) => $$"""
        {
          "Rules": [ { "Model": "*", "Provider": { "zdr": true } } ],
          "RuleSets": { "Strict": { "Rules": [ { "Model": "*", "Provider": {{strict}} } ] } }
        }
        """;

    private static async Task AssertSentAsync(ConfiguredHost host, RecordingUpstream upstream, string route, string expected)
    {
        Assert.Equal(200, await host.PostAsync(route, Body));
        Assert.Equal(expected, Encoding.UTF8.GetString(upstream.TakeSingle().Body));
    }
}
