using OpenRouterGateway.Transforms.ProviderMapping;
using Xunit;

namespace Gateway.Tests.Transforms.ProviderMapping.Settings;

public class RuleSetsReaderTests
{
    [Fact]
    public void Parse_ReadsRulesAndAliases()
    {
        var rules = ProviderMappingRules.Parse("""
            {
              // Comments and trailing commas are allowed.
              "Rules": [
                { "Model": "openai/*", "Provider": { "zdr": true } },
                { "name": "eu", "model": [ "a", "b" ], "whenClientSetsProvider": "enforce", "provider": { "only": [ "mistral" ] } },
              ],
              "Aliases": [ { "Model": "a", "Use": "b", "Fallbacks": [ "c" ] } ],
            }
            """);

        Assert.Equal(["rule-1", "eu"], rules.Rules.Select(rule => rule.Name));
        Assert.Equal([WhenClientSetsProvider.KeepClient, WhenClientSetsProvider.Enforce], rules.Rules.Select(rule => rule.Mode));
        Assert.Equal(["a", "b"], rules.Rules[1].Models);
        var alias = Assert.Single(rules.Aliases);
        Assert.Equal(("a", "b"), (alias.Model, alias.Use));
        Assert.Equal(["c"], alias.Fallbacks);
    }

    [Theory]
    [InlineData("[]", ": got [], expected an object")]
    [InlineData("{", ": is not JSON")]
    [InlineData("""{"Rule":[]}""", "Rule: is unknown, expected one of Rules, Aliases")]
    [InlineData("""{"RuleSets":{}}""", "RuleSets: is unknown")]
    [InlineData("""{"Rules":[],"rules":[]}""", "rules: occurs twice")]
    [InlineData("""{"Rules":{}}""", "Rules: got {}, expected a list of rules")]
    [InlineData("""{"Rules":[5]}""", "Rules:0: got 5, expected an object")]
    [InlineData("""{"Rules":[{"Model":{},"Provider":{"zdr":true}}]}""", "Rules:0:Model: got {}, expected a model name")]
    [InlineData("""{"Rules":[{"Model":["a",null],"Provider":{"zdr":true}}]}""", "Rules:0:Model:1: got null, expected a string")]
    [InlineData("""{"Rules":[{"Provider":{"zdr":true}}]}""", "Rules:0:Model: got no pattern")]
    [InlineData("""{"Rules":[{"Model":"a"}]}""", "Rules:0:Provider: got nothing")]
    [InlineData("""{"Rules":[{"Model":"a","Provider":{"zdr":1}}]}""", "Rules:0:Provider:zdr: got 1")]
    [InlineData("""{"Rules":[{"Model":"a","Provider":{"zdr":true},"WhenClientSetsProvider":"Force"}]}""", "Rules:0:WhenClientSetsProvider: got \"Force\", expected KeepClient, Fill or Enforce")]
    [InlineData("""{"Rules":[{"Model":"a","Provider":{"zdr":true},"Priority":1}]}""", "Rules:0:Priority: is unknown")]
    [InlineData("""{"Rules":[{"Model":"a","Provider":{"zdr":true},"Name":"RULE-2"},{"Model":"a","Provider":{"zdr":true}}]}""", "Rules:1:Name: \"rule-2\" is already used by Rules:0")]
    [InlineData("""{"Aliases":[{"Model":"a"}]}""", "Aliases:0:Use: got \"\"")]
    [InlineData("""{"Aliases":[{"Model":"a","Use":5}]}""", "Aliases:0:Use: got 5")]
    [InlineData("""{"Aliases":[{"Model":"a","Use":"b","Fallbacks":"c"}]}""", "Aliases:0:Fallbacks: got \"c\", expected a list of model names")]
    [InlineData("""{"Aliases":[{"Model":"a","Use":"\ud800"}]}""", "Aliases:0:Use: got ")]
    public void Fault_IsNamedWithItsPath(string json, string expected)
    {
        var problems = new List<RuleProblem>();
        Assert.False(ProviderMappingRules.TryParse(json, problems, out var rules));
        Assert.Null(rules);
        var fault = Assert.Single(problems, static problem => !problem.IsWarning);
        Assert.StartsWith(expected, $"{fault.Path}: {fault.Message}", StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_ThrowsWithAllFaultsAndNoWarning()
    {
        var exception = Assert.Throws<FormatException>(() => ProviderMappingRules.Parse("""
            {"Rules":[{"Model":"","Provider":{"zdr":1}},{"Model":"a","Provider":{"sort":"price"}}],"Aliases":[{"Model":"a","Use":""}]}
            """));

        Assert.Equal(
            ["The rule set has faults:", "  Rules:0:Model", "  Rules:0:Provider:zdr", "  Aliases:0:Use"],
            exception.Message.Split(Environment.NewLine).Select(static line => line.Split(": got")[0]));
    }

    [Fact]
    public void Warning_PreventsNothing()
    {
        var problems = new List<RuleProblem>();
        Assert.True(ProviderMappingRules.TryParse("""{"Rules":[{"Model":"a","Provider":{"sort":"price"}}]}""", problems, out var rules));
        Assert.Single(rules.Rules);
        Assert.Equal(("Rules:0:Provider:sort", true), (Assert.Single(problems).Path, problems[0].IsWarning));
    }

    [Fact]
    public void RuleAndAlias_AreParsedAlone()
    {
        var rule = ProviderRule.Parse("""{"Name":"eu","Model":"a","Provider":{"zdr":true},"WhenClientSetsProvider":"Fill"}""");
        Assert.Equal(("eu", WhenClientSetsProvider.Fill), (rule.Name, rule.Mode));
        Assert.Equal("b", ModelAlias.Parse("""{"Model":"a","Use":"b"}""").Use);

        var nameless = Assert.Throws<FormatException>(() => ProviderRule.Parse("""{"Provider":{}}"""));
        Assert.Equal(4, nameless.Message.Split(Environment.NewLine).Length);
        Assert.Throws<FormatException>(() => ModelAlias.Parse("null"));
    }
}
