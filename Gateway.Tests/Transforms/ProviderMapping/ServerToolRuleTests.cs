using OpenRouterGateway.Transforms.ProviderMapping;
using OpenRouterGateway.Transforms.ProviderMapping.Explaining;
using Xunit;
using static Gateway.Tests.Transforms.ProviderMapping.RuleSet;

namespace Gateway.Tests.Transforms.ProviderMapping;

/// <summary>
/// Promise: an enforced rule that restricts providers or their use of data closes the server tools that it does not list, and it is
/// matched against the models that server tools name.
/// </summary>
public sealed class ServerToolRuleTests
{
    [Theory]
    [InlineData("""{"model":"m","tools":[{"type":"openrouter:web_search"}]}""", "openrouter:web_search", "tools")]
    [InlineData("""{"model":"m","tools":[{"type":"web_search_20250305","name":"web_search"}]}""", "web_search_20250305", "tools")]
    [InlineData("""{"model":"m","plugins":[{"id":"web"}]}""", "plugin:web", "plugins")]
    [InlineData("""{"model":"m:online"}""", "plugin:web", "plugins")]
    [InlineData("""{"model":"m:free:ONLINE@preset/x"}""", "plugin:web", "plugins")]
    [InlineData("""{"model":"x","models":["m: online "]}""", "plugin:web", "plugins")]
    [InlineData("""{"model":"m","web_search_options":{}}""", "plugin:web", "plugins")]
    [InlineData("""{"model":"m","mcp_servers":[{}]}""", "mcp", "tools")]
    [InlineData("""{"model":"m","plugins":[{"id":"auto-router","allowed_models":["x:online"]}]}""", "plugin:auto-router", "plugins")]
    [InlineData("""{"model":"m","preset":"x"}""", "preset:x", "model")]
    [InlineData("""{"model":"m@preset/x"}""", "preset:x", "model")]
    [InlineData("""{"model":"m","prompt":{"id":"pmpt_1","variables":{"id":"x"}}}""", "prompt:pmpt_1", "prompt")]
    [InlineData("""{"model":"other","prompt":{"id":"pmpt_1"}}""", "prompt:pmpt_1", "prompt")]
    [InlineData("""{"prompt":{"id":"p"},"model":"m","prompt":null}""", "prompt:p", "prompt")]
    [InlineData("""{"model":"m","prompt":{"id":"a","id":"b"}}""", "prompt:(unknown)", "prompt")]
    [InlineData("""{"model":"m","prompt":{"id":["a"]}}""", "prompt:(unknown)", "prompt")]
    [InlineData("""{"model":"m","prompt":{}}""", "prompt:(unknown)", "prompt")]
    [InlineData("""{"tools":[{"type":"mcp"}],"model":"m","tools":[]}""", "mcp", "tools")]
    public void RestrictingRule_ClosesServerTools(string body, string tool, string param)
    {
        foreach (var provider in (string[])["""{"only":["a"]}""", """{"zdr":true}""", """{"data_collection":"deny"}"""])
        {
            var result = Set(Enforce("m", provider, "strict")).Decide(body);

            Assert.Equal((403, "server_tool_not_allowed", param), (result.Rejection!.Status, result.Rejection.Code, result.Rejection.Param));
            Assert.Contains($"'{tool}'", result.Rejection.Message, StringComparison.Ordinal);
            Assert.Contains("'strict'", result.Rejection.Message, StringComparison.Ordinal);
            Assert.Equal(ExplainedOutcome.Refused, Assert.Single(result.Steps).Outcome);
        }
    }

    [Theory]
    [InlineData("""{"zdr":true}""", """{"model":"other:online","plugins":[{"id":"web"}]}""")]
    [InlineData("""{"ignore":["a"],"zdr":false}""", """{"model":"m:online"}""")]
    [InlineData("""{"ignore":["a"],"data_collection":"allow"}""", """{"model":"m:online"}""")]
    [InlineData("""{"max_price":{"prompt":1},"require_parameters":true}""", """{"model":"m","tools":[{"type":"mcp"}]}""")]
    [InlineData("""{"zdr":true}""", """{"model":"m","tools":[{"type":"function"},{"name":"x"}],"plugins":[{"id":"web","enabled":false}]}""")]
    [InlineData("""{"zdr":true}""", """{"model":"m:free"}""")]
    [InlineData("""{"zdr":true}""", """{"model":"m","prompt":"text","messages":[{"prompt":{"id":"x"}}]}""")]
    [InlineData("""{"zdr":true}""", """{"model":"m","prompt":["text"]}""")]
    [InlineData("""{"zdr":true}""", """{"model":"m:onlinex"}""")]
    public void OtherRequestsAndRules_CloseNothing(string provider, string body) =>
        Assert.Null(Set(Enforce("m", provider)).Decide(body).Rejection);

    [Fact]
    public void ListedTools_StayOpen()
    {
        var rule = ProviderRule.Parse(
            """
            { "Name": "r", "Model": "m", "WhenClientSetsProvider": "Enforce", "Provider": { "zdr": true },
              "ServerTools": ["openrouter:*", "plugin:WEB"] }
            """);

        Assert.Equal(["openrouter:*", "plugin:WEB"], rule.ServerTools);
        Assert.Equal("r", Set(rule).Decide("""{"model":"m:online","tools":[{"type":"openrouter:web_search"}]}""").Applied);
        Assert.NotNull(Set(rule).Decide("""{"model":"m","tools":[{"type":"openrouter:web_search"},{"type":"mcp"}]}""").Rejection);
        Assert.NotNull(Set(rule, Enforce("*", """{"only":["a"]}""", "other")).Decide("""{"model":"m:online"}""").Rejection);
    }

    [Fact]
    public void VariantAndPresetOfAToolsModel_AreServerToolsToo()
    {
        var rule = ProviderRule.Parse(
            """
            { "Name": "r", "Model": "m", "WhenClientSetsProvider": "Enforce", "Provider": { "zdr": true }, "ServerTools": ["openrouter:advisor"] }
            """);

        Assert.Null(Set(rule).Decide(Body("x/y")).Rejection);
        Assert.Contains("'plugin:web'", Set(rule).Decide(Body("x/y:online")).Rejection!.Message, StringComparison.Ordinal);
        Assert.Contains("'preset:p'", Set(rule).Decide(Body("@preset/p")).Rejection!.Message, StringComparison.Ordinal);

        static string Body(string model) =>
            $$$"""{"model":"m","tools":[{"type":"openrouter:advisor","parameters":{"model":"{{{model}}}"}}]}""";
    }

    [Theory]
    [InlineData("KeepClient")]
    [InlineData("Fill")]
    public void ServerToolsOfAnOrdinaryRule_AreAFault(string mode)
    {
        var fault = Assert.Throws<FormatException>(() => ProviderRule.Parse(
            $$"""{ "Name": "r", "Model": "m", "WhenClientSetsProvider": "{{mode}}", "Provider": { "zdr": true }, "ServerTools": [] }"""));

        Assert.Contains("ServerTools", fault.Message, StringComparison.Ordinal);
        Assert.Contains("Enforce", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void BlankPattern_IsAFault() => Assert.Contains(
        "ServerTools:1",
        Assert.Throws<FormatException>(() => ProviderRule.Parse(
            """
            { "Name": "r", "Model": "m", "WhenClientSetsProvider": "Enforce", "Provider": { "zdr": true }, "ServerTools": ["a", " "] }
            """)).Message,
        StringComparison.Ordinal);

    [Theory]
    [InlineData("""{"model":"x","tools":[{"type":"openrouter:advisor","parameters":{"model":"m"}}]}""", true)]
    [InlineData("""{"model":"x","plugins":[{"id":"fusion","analysis_models":["~m:free"],"model":"y"}]}""", true)]
    [InlineData("""{"model":"x","plugins":[{"id":"auto-router","allowed_models":["anthropic/*"]}]}""", true)]
    [InlineData("""{"model":"x","tools":[{"type":"openrouter:subagent"}]}""", true)]
    [InlineData("""{"model":"x","tools":[{"type":"openrouter:inspect_image"}]}""", true)]
    [InlineData("""{"model":"openrouter/fusion-flash"}""", true)]
    [InlineData("""{"model":"x","tools":[{"type":"openrouter:advisor","parameters":{"model":"y"}}]}""", false)]
    [InlineData("""{"model":"x","tools":[{"type":"function","parameters":{"model":"m"}}]}""", false)]
    public void EnforcedRule_MatchesModelsOfServerTools(string body, bool applies) =>
        Assert.Equal(applies ? "rule" : null, Set(Enforce("m", """{"require_parameters":true}""")).Decide(body).Applied);

    [Theory]
    [InlineData("""{"model":"m","speed":"fast"}""", true)]
    [InlineData("""{"model":"m:nitro","service_tier":"priority"}""", true)]
    [InlineData("""{"model":"m","service_tier":"flex"}""", false)]
    public void EnforcedRule_MatchesTheFastVersion(string body, bool applies) =>
        Assert.Equal(applies ? "rule" : null, Set(Enforce("m-fast", """{"require_parameters":true}""")).Decide(body).Applied);
}
