using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: <c>check</c> states the meaning of a settings file, or its faults; <c>explain</c> states the treatment of a request.
/// </summary>
public sealed class CheckAndExplainTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task ShippedFile_IsGood()
    {
        _folder.Write("appsettings.json", ShippedSettings.Text);

        var output = await GatewayProcess.RunAsync(["check"], _folder.Path);

        Assert.Equal(0, output.ExitCode);
        Assert.Empty(output.Error);
        Assert.Contains("https://openrouter.ai/api/v1", output.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Check_PrintsRulesAndWarnings()
    {
        _folder.Write("appsettings.json", ShippedSettings.WithRules(
            """
            [
              { "Name": "claude", "Model": "*anthropic/claude*", "Provider": { "order": ["anthropic"] } },
              { "Name": "odd", "Model": "x", "Provider": { "only": ["no-such-provider"], "future_member": 1 } }
            ]
            """));

        var output = await RunAsync("check");

        Assert.Equal(0, output.ExitCode);
        Assert.Contains("claude", output.All, StringComparison.Ordinal);
        Assert.Contains("load balancing", output.All, StringComparison.Ordinal);
        Assert.Contains("no-such-provider", output.All, StringComparison.Ordinal);
        Assert.Contains("future_member", output.All, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("0.0.0.0", false, false, "Server:Address: 0.0.0.0 without teams")]
    [InlineData("::", false, false, "Server:Address: :: without teams")]
    [InlineData("127.0.0.1", false, false, null)]
    [InlineData("0.0.0.0", true, false, "Server:Https: is off: keys of teams reach 0.0.0.0 over plain HTTP")]
    [InlineData("192.0.2.1", true, false, "Server:Https: is off: keys of teams reach 192.0.2.1 over plain HTTP")]
    [InlineData("127.0.0.1", true, false, null)]
    [InlineData("0.0.0.0", true, true, null)]
    public async Task Check_WarnsOfAnOpenListener(string address, bool hasTeams, bool isHttps, string? warning)
    {
        var tree = System.Text.Json.Nodes.JsonNode.Parse(
            hasTeams ? TeamSetup.Settings(TeamSetup.Team()) : ShippedSettings.Parse().ToJsonString())!;
        tree["Server"]!["Address"] = address;
        _folder.Write("search.key", TeamSetup.UpstreamKey);
        if (isHttps)
        {
            var (certificate, key) = TestCertificate.Create().WriteTo(_folder);
            tree["Server"]!["Https"] = true;
            tree["Server"]!["CertPath"] = certificate;
            tree["Server"]!["KeyPath"] = key;
        }

        _folder.Write("appsettings.json", tree.ToJsonString());
        var output = await RunAsync("check");

        Assert.Equal(0, output.ExitCode);
        var warnings = output.Out.Split('\n').Where(line => line.StartsWith("warning: Server:", StringComparison.Ordinal)).ToArray();
        if (warning is null)
        {
            Assert.Empty(warnings);
        }
        else
        {
            Assert.StartsWith("warning: " + warning, Assert.Single(warnings), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task ControlCharacters_DoNotReachTheTerminal()
    {
        _folder.Write("appsettings.json", ShippedSettings.WithRules(
            """[{ "Name": "r", "Model": ["*", "x\u001B[2J"], "Provider": { "only": ["a\u202E"] } }]"""));
        _folder.Write("body.json", "{\"model\":\"x\\u001b[2J\\nrule r: forged\",\"messages\":[\"\u009B2J\u202E\u007F\"]}");

        foreach (var output in (GatewayOutput[])[await RunAsync("check"), await RunAsync("explain", "--body", "body.json")])
        {
            Assert.Equal(0, output.ExitCode);
            Assert.Contains("\\u001B[2J", output.Out, StringComparison.OrdinalIgnoreCase);
            Assert.DoesNotContain(output.All, letter => (char.IsControl(letter) && letter is not ('\r' or '\n')) || letter == '\u202E');
            Assert.DoesNotContain("\nrule r: forged", output.All, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Check_ExitsWithOneAndNamesEveryFault()
    {
        _folder.Write("appsettings.json", ShippedSettings.WithValues(
            ("ProviderMapping:Rules", """[{ "Model": "", "Provider": { "order": "x" } }]"""),
            ("ProviderMapping:Aliases", """[{ "Model": "a" }]"""),
            ("Unheard", "1")));

        var output = await GatewayCommandRun.RunAsync(["check"], _folder.Path);

        Assert.Equal(1, output.ExitCode);
        Assert.All(
            ["ProviderMapping:Rules:0:Model", "ProviderMapping:Rules:0:Provider:order", "ProviderMapping:Aliases:0:Use", "Unheard"],
            (string path) => Assert.Contains(path, output.All, StringComparison.Ordinal));
        Assert.DoesNotContain("   at ", output.All, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("{ nope")]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("null")]
    public async Task Check_OfUnreadableSettings_ExitsWithOne(string text)
    {
        _folder.Write("appsettings.json", text);

        var output = await RunAsync("check");

        Assert.Equal(1, output.ExitCode);
        Assert.Contains("appsettings.json", output.All, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Check_TakesAnotherFile()
    {
        _folder.Write("other.json", ShippedSettings.Text);

        Assert.Equal(0, (await RunAsync("check", "--config", "other.json")).ExitCode);
    }

    [Fact]
    public async Task Explain_SaysWhichRuleMatchedAndWhyEarlierOnesDidNot()
    {
        _folder.Write("appsettings.json", ShippedSettings.WithRules(
            """
            [
              { "Name": "first", "Model": "openai/*", "Provider": { "only": ["openai"] } },
              { "Name": "second", "Model": "*claude*", "Provider": { "only": ["anthropic"] } },
              { "Name": "third", "Model": "*", "Provider": { "zdr": true } }
            ]
            """));

        var output = await RunAsync("explain", "--model", "anthropic/claude-3-opus");

        Assert.Equal(0, output.ExitCode);
        var first = output.Out.IndexOf("first", StringComparison.Ordinal);
        var second = output.Out.IndexOf("second", StringComparison.Ordinal);
        Assert.True(first >= 0 && second > first, output.Out);
        Assert.Contains("openai/*", output.Out, StringComparison.Ordinal);
        Assert.Contains(output.Out.Split('\n'), line => line.StartsWith('+') && line.Contains("provider", StringComparison.Ordinal));
        Assert.Contains("\"anthropic\"", output.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Explain_TakesABody()
    {
        _folder.Write(
            "appsettings.json", ShippedSettings.WithRules("""[{ "Name": "r", "Model": "m", "Provider": { "only": ["mistral"] } }]"""));
        _folder.Write("body.json", """{"model":"m","seed":12345678901234567890}""");

        var output = await RunAsync("explain", "--body", "body.json");

        Assert.Equal(0, output.ExitCode);
        Assert.Contains("12345678901234567890", output.Out, StringComparison.Ordinal);
        Assert.Contains(output.Out.Split('\n'), line => line.StartsWith('+') && line.Contains("mistral", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("prices.json", null)]
    [InlineData("missing.json", "Without a price list, only the prices of the settings are known.")]
    public async Task Explain_TakesThePricesOfTheSettings(string prices, string? note)
    {
        _folder.Write("search.key", TeamSetup.UpstreamKey);
        _folder.Write("prices.json", """{ "data": [ { "id": "own/model", "pricing": { "prompt": "0", "completion": "0", "request": "7" } } ] }""");
        _folder.Write("appsettings.json", ShippedSettings.With(
            ("Limits", """{ "Prices": [ { "Model": "own/model", "Prompt": "0", "Completion": "0", "Request": "2" } ] }"""),
            ("Usage", $$"""{ "PricesPath": "{{prices}}" }"""),
            ("Teams", $$"""[ {{TeamSetup.Team("\"Budget\": { \"Usd\": 9 }")}} ]""")));

        var output = await RunAsync("explain", "--team", "search", "--model", "own/model");

        Assert.Equal(0, output.ExitCode);
        Assert.Contains("reserved  2 USD for ", output.Out, StringComparison.Ordinal);
        Assert.Equal(note is not null, output.All.Contains("Without a price list", StringComparison.Ordinal));
        Assert.Contains(note ?? "", output.All, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Explain_PrintsBracketsThatBelongTogether()
    {
        _folder.Write(
            "appsettings.json", ShippedSettings.WithRules("""[{ "Name": "r", "Model": "m", "Provider": { "order": ["a", "b"] } }]"""));

        var output = await RunAsync("explain", "--model", "m");

        // The lines that stay and those that come make up the new body.
        var after = string.Concat(output.Out.Split('\n').SkipWhile(line => !line.Contains("after (+)", StringComparison.Ordinal)).Skip(1)
            .Where(line => line.StartsWith('+') || line.StartsWith(' ')).Select(line => line[1..].Trim()));
        Assert.Equal("""{"model":"m","provider":{"order":["a","b"]}}""", after.Replace(" ", "", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("/v1/models", "No rule applies: POST /v1/models matches the route v1-rest, which has no transform ProviderMapping.")]
    [InlineData("/api/v1/audio/speech", "No rule applies: POST /api/v1/audio/speech matches the route api-v1-rest, ")]
    [InlineData("/nowhere", "404: no route matches POST /nowhere.")]
    [InlineData("/health", "405: This path does not accept this method. It accepts GET, HEAD.")]
    public async Task Explain_OfAPathThatIsNotRewritten_SaysSo(string path, string expected)
    {
        _folder.Write(
            "appsettings.json", ShippedSettings.WithRules("""[{ "Name": "r", "Model": "*", "Provider": { "only": ["mistral"] } }]"""));

        var output = await RunAsync("explain", "--model", "m", "--path", path);

        Assert.Equal(0, output.ExitCode);
        Assert.StartsWith(expected, output.Out, StringComparison.Ordinal);
        Assert.DoesNotContain("mistral", output.Out, StringComparison.Ordinal);
        Assert.Contains("Whether a gateway is too busy (503 server_busy) at the moment, this command cannot know.", output.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Explain_IgnoresTheQueryOfAPath()
    {
        _folder.Write("appsettings.json", ShippedSettings.WithValues(
            ("ProviderMapping:Aliases", """[{ "Model": "m", "Use": "n", "Fallbacks": ["other"] }]""")));

        var output = await RunAsync("explain", "--model", "m", "--path", "/v1/embeddings?a=b");

        // Embeddings take no fallbacks.
        Assert.Equal(0, output.ExitCode);
        Assert.Contains("\"n\"", output.Out, StringComparison.Ordinal);
        Assert.DoesNotContain("\"models\"", output.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Explain_OfABodyOverTheLimit_SaysWhatTheGatewayWouldAnswer()
    {
        _folder.Write("appsettings.json", ShippedSettings.WithValues(("Server:MaxRequestBodySize", "10")));

        var output = await RunAsync("explain", "--model", "longer-than-ten-bytes");

        Assert.Equal(0, output.ExitCode);
        Assert.StartsWith("413: ", output.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Explain_JudgesEveryOccurrenceOfADuplicate()
    {
        _folder.Write("search.key", TeamSetup.UpstreamKey);
        _folder.Write("appsettings.json", ShippedSettings.With(
            ("Teams", $"[ {TeamSetup.Team("\"DeniedModels\": [\"bad/*\"]")} ]"),
            ("ProviderMapping", """{ "Aliases": [{ "Model": "gpt-4o", "Use": "openai/gpt-4o" }] }""")));
        _folder.Write("body.json", """{"model":"bad/model","messages":[],"model":"gpt-4o"}""");

        var output = await RunAsync("explain", "--team", "search", "--body", "body.json");

        Assert.Equal(0, output.ExitCode);
        Assert.Contains("403: The team may not use the model 'bad/model'.", output.Out, StringComparison.Ordinal);
        Assert.DoesNotContain("          allowed", output.Out, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"mistralai/*\"", "presets, openrouter/auto and requests without a model", "\"@preset/*\", \"openrouter/auto\", \"*\"")]
    [InlineData("\"@preset/*\"", "openrouter/auto and requests without a model", "\"openrouter/auto\", \"*\"")]
    [InlineData("[\"@preset/*\", \"openrouter/auto\"]", "requests without a model", "\"*\"")]
    [InlineData("\"*\"", null, null)]
    public async Task Check_RemindsOfWhatNoEnforceRuleBinds(string models, string? unbound, string? patterns)
    {
        _folder.Write("appsettings.json", ShippedSettings.WithRules(
            $$"""[{ "Model": {{models}}, "WhenClientSetsProvider": "Enforce", "Provider": { "only": ["mistral"] } }]"""));

        var output = await RunAsync("check");

        Assert.Equal(0, output.ExitCode);
        var line = output.Out.Split('\n').SingleOrDefault(line => line.Contains("get past your Enforce rules", StringComparison.Ordinal));
        Assert.Equal(
            unbound is null
                ? null
                : $"warning: ProviderMapping:Rules: {unbound} get past your Enforce rules; add {patterns} to a rule's Model to bind them",
            line?.TrimEnd());
    }

    [Theory]
    [InlineData("[\"bad/*\"]", true)]
    [InlineData("[\"bad/*\", \"openrouter/*\"]", false)]
    public async Task Check_WarnsOfARouterThatADenyListLeavesOpen(string denied, bool isOpen)
    {
        _folder.Write("search.key", TeamSetup.UpstreamKey);
        _folder.Write("appsettings.json", ShippedSettings.With(("Teams", $"[ {TeamSetup.Team($"\"DeniedModels\": {denied}")} ]")));

        var output = await RunAsync("check");

        Assert.Equal(0, output.ExitCode);
        Assert.Equal(isOpen, output.Out.Contains("DeniedModels: openrouter/auto gets past it", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Health_OfAGatewayThatIsNotThere_ExitsWithOneAndSaysWhomItAsked()
    {
        _folder.Write("appsettings.json", ShippedSettings.Text);

        // No server can listen there: it means "any port".
        var output = await RunAsync("health", "--port", "0", "--ip", "127.0.0.1");

        Assert.Equal(1, output.ExitCode);
        Assert.Contains("http://127.0.0.1:0/health/live", output.Error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", output.All, StringComparison.Ordinal);
    }

    private Task<GatewayOutput> RunAsync(params string[] arguments) => GatewayCommandRun.RunAsync(arguments, _folder.Path);
}
