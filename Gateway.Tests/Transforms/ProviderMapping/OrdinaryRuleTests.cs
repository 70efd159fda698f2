using OpenRouterGateway.Transforms.ProviderMapping;
using OpenRouterGateway.Transforms.ProviderMapping.Explaining;
using Xunit;
using static Gateway.Tests.Transforms.ProviderMapping.RuleSet;

namespace Gateway.Tests.Transforms.ProviderMapping;

public class OrdinaryRuleTests
{
    private const string Zdr = """{"zdr":true}""";

    [Theory]
    [InlineData("""{"model":"m"}""", """{"model":"m","provider":{"zdr":true}}""")]
    [InlineData("""{ "model" : "m" , "n" : 1.50 } """, """{ "model" : "m" , "n" : 1.50,"provider":{"zdr":true} } """)]
    [InlineData("{}", """{"provider":{"zdr":true}}""")]
    [InlineData("{ }", """{"provider":{"zdr":true} }""")]
    [InlineData("\uFEFF{\"model\":\"m\"}", "\uFEFF{\"model\":\"m\",\"provider\":{\"zdr\":true}}")]
    [InlineData("""{"model":"m","provider":null}""", """{"model":"m","provider":{"zdr":true}}""")]
    [InlineData("""{"provider" : null , "model":"m"}""", """{"provider" : {"zdr":true} , "model":"m"}""")]
    [InlineData("""{"provider":{"only":["x"]}, "model":"m","provider":null}""", """{ "model":"m","provider":{"zdr":true}}""")]
    [InlineData("""{"pro\u0076ider":null,"model":"m"}""", """{"pro\u0076ider":{"zdr":true},"model":"m"}""")]
    public void ClientWithoutProvider_GetsTheBlock(string body, string sent)
    {
        var result = Set(Rule("*", Zdr)).Decide(body);
        Assert.Equal(sent, result.Body);
        Assert.Equal("rule", result.Applied);
        Assert.Equal(ExplainedOutcome.Applied, result.Steps[0].Outcome);
        Assert.Equal(["zdr"], result.Steps[0].Members);
    }

    [Theory]
    [InlineData("""{"model":"m","provider":{"only":["x"]}}""")]
    [InlineData("""{"model":"m","provider":{}}""")]
    [InlineData("""{"provider":null,"model":"m","provider":{ "only" : ["x"], "only":["y"] }}""")]
    public void KeepClient_LeavesAnExplicitProviderAlone(string body)
    {
        var result = Set(Rule("*", Zdr)).Decide(body);
        Assert.True(result.IsUntouched);
        Assert.Null(result.Applied);
        Assert.Equal(ExplainedOutcome.KeptClient, result.Steps[0].Outcome);
    }

    [Theory]
    [InlineData("""{"only":["x"]}""", """{"only":["x"],"zdr":true,"sort":"price"}""")]
    [InlineData("{}", """{"zdr":true,"sort":"price"}""")]
    [InlineData("{ }", """{"zdr":true,"sort":"price" }""")]
    [InlineData("""{ "zdr" : false , "x" : 1.50 }""", """{ "zdr" : false , "x" : 1.50,"sort":"price" }""")]
    [InlineData("""{"zdr":null,"a":1}""", """{"zdr":true,"a":1,"sort":"price"}""")]
    [InlineData("""{"zdr":null}""", """{"zdr":true,"sort":"price"}""")]
    [InlineData("""{"a":1, "b":2, "a":3}""", """{ "b":2, "a":3,"zdr":true,"sort":"price"}""")]
    [InlineData("""{"zdr":false,"zdr":null}""", """{"zdr":true,"sort":"price"}""")]
    [InlineData("""{"z\u0064r":false}""", """{"z\u0064r":false,"sort":"price"}""")]
    [InlineData("""{"\ud800":"\udc00\udc00"}""", """{"\ud800":"\udc00\udc00","zdr":true,"sort":"price"}""")]
    public void Fill_AddsWhatTheClientLeftOut(string client, string expected)
    {
        var result = Set(Fill("*", """{"zdr":true,"sort":"price"}""")).Decide($$"""{"model":"m","provider":{{client}},"n":1}""");
        Assert.Equal($$"""{"model":"m","provider":{{expected}},"n":1}""", result.Body);
        Assert.Equal("rule", result.Applied);
    }

    [Fact]
    public void Fill_WithNothingMissing_ChangesNothing()
    {
        var result = Set(Fill("*", Zdr))
            .Decide("""{"provider":{"a":1,"a":2,"zdr":false},"provider":{"a":1,"a":2,"zdr":false},"model":"m"}""");
        Assert.True(result.IsUntouched);
        Assert.Null(result.Applied);
        Assert.Equal(ExplainedOutcome.NothingToAdd, result.Steps[0].Outcome);
    }

    [Fact]
    public void Fill_LeavesOneProvider()
    {
        var result = Set(Fill("*", Zdr)).Decide("""{"provider":{"a":1}, "provider":null ,"model":"m","provider":{"b":2}}""");
        Assert.Equal("""{ "model":"m","provider":{"b":2,"zdr":true}}""", result.Body);
    }

    [Fact]
    public void FirstMatch_Applies()
    {
        var rules = Set(
            Rule("openai/*", """{"only":["azure"]}""", name: "a"),
            Rule("*gpt*", """{"only":["openai"]}""", name: "b"),
            Rule("*", Zdr, name: "c"));
        var result = rules.Decide("""{"model":"x/GPT-4"}""");
        Assert.Equal("b", result.Applied);
        Assert.Equal("""{"model":"x/GPT-4","provider":{"only":["openai"]}}""", result.Body);
        Assert.Equal(
            [
                ExplainedOutcome.NotMatched,
                ExplainedOutcome.Applied,
                ExplainedOutcome.SkippedBecauseEarlierRuleMatched,
            ],
            result.Steps.Select(step => step.Outcome));
        Assert.Equal(["x/GPT-4"], result.Steps[0].Names);
        Assert.Equal(["openai/*"], result.Steps[0].Patterns);
        Assert.Equal("b", result.Steps[2].Earlier);
    }

    [Fact]
    public void FirstMatchThatChangesNothing_StillEndsTheSearch()
    {
        var result = Set(Rule("*", Zdr, name: "a"), Fill("*", Zdr, name: "b")).Decide("""{"model":"m","provider":{}}""");
        Assert.True(result.IsUntouched);
    }

    [Theory]
    [InlineData("""{"messages":[]}""", "*", true)]
    [InlineData("""{"messages":[]}""", "**", true)]
    [InlineData("""{"messages":[]}""", "a*", false)]
    [InlineData("""{"models":["a","b"]}""", "a", true)]
    [InlineData("""{"models":["a","b"]}""", "b", false)]
    [InlineData("""{"model":"x","models":["a"]}""", "a", false)]
    [InlineData("""{"model":null,"models":["a"]}""", "a", true)]
    [InlineData("""{"model":7}""", "*", true)]
    [InlineData("""{"model":"a","model":"b"}""", "a", false)]
    [InlineData("""{"model":"a","model":"b"}""", "b", true)]
    [InlineData("""{"mod\u0065l":"\u0061"}""", "a", true)]
    [InlineData("""{"model":"~a"}""", "a", false)]
    [InlineData("""{"model":"a:free"}""", "a", false)]
    [InlineData("""{"model":" a"}""", "a", false)]
    [InlineData("""{"model":"\ud800"}""", "*", true)]
    [InlineData("""{"messages":[{"model":"a"}]}""", "a", false)]
    public void OrdinaryRule_MatchesTheRequestedModelAsWritten(string body, string pattern, bool applies) =>
        Assert.Equal(applies ? "rule" : null, Set(Rule(pattern, Zdr)).Decide(body).Applied);

    [Theory]
    [InlineData("""{"model":"@preset/x"}""")]
    [InlineData("""{"model":"openai/gpt-4@preset/x"}""")]
    [InlineData("""{"model":"openai/gpt-4@PRESET/x"}""")]
    [InlineData("""{"model":"a","models":["b","@preset/x"]}""")]
    [InlineData("""{"model":"a","fallbacks":[{"model":"b@preset/x"}]}""")]
    [InlineData("""{"model":"a","preset":"x"}""")]
    [InlineData("""{"model":"a","preset":{}}""")]
    public void Preset_IsLeftAlone(string body)
    {
        var result = Set(Rule("*", Zdr, name: "a"), Fill("*", Zdr, name: "b")).Decide(body);
        Assert.True(result.IsUntouched);
        Assert.Null(result.Applied);
        Assert.All(result.Steps, step => Assert.Equal(ExplainedOutcome.SkippedBecausePreset, step.Outcome));
        Assert.Equal("e", Set(Rule("*", Zdr), Enforce("*", Zdr, "e")).Decide(body).Applied);
    }

    [Theory]
    [InlineData("""{"model":"a","preset":null}""")]
    [InlineData("""{"model":"a","preset":"x","preset":null}""")]
    [InlineData("""{"model":"@preset/x","model":"a"}""")]
    [InlineData("""{"model":"a","models":["@preset/x"],"models":["b"]}""")]
    [InlineData("""{"model":"a@preset"}""")]
    public void NoPreset_IsNotLeftAlone(string body) => Assert.Equal("rule", Set(Rule("*", Zdr)).Decide(body).Applied);

    [Fact]
    public void Images_GetTheMembersTheyTake()
    {
        var rules = Set(Rule("*", """{"zdr":true,"only":["openai"],"new":1,"options":{"openai":{"x":1}}}"""));
        var images = rules.Decide("""{"model":"m"}""", RequestEndpoint.Images);
        Assert.Equal("""{"model":"m","provider":{"only":["openai"],"options":{"openai":{"x":1}}}}""", images.Body);
        var chat = rules.Decide("""{"model":"m"}""");
        Assert.Equal("""{"model":"m","provider":{"zdr":true,"only":["openai"],"new":1}}""", chat.Body);
        Assert.Equal(chat.Body, rules.Decide("""{"model":"m"}""", RequestEndpoint.Embeddings).Body);
    }

    [Theory]
    [InlineData("""{"model":"m"}""")]
    [InlineData("""{"model":"m","provider":null}""")]
    [InlineData("""{"model":"m","provider":{}}""")]
    public void Images_GetNothingWhereNothingIsTaken(string body)
    {
        var result = Set(Fill("*", Zdr)).Decide(body, RequestEndpoint.Images);
        Assert.True(result.IsUntouched);
        Assert.Null(result.Applied);
        Assert.Equal(ExplainedOutcome.NothingToAdd, result.Steps[0].Outcome);
    }

    [Theory]
    [InlineData("\"openai\"")]
    [InlineData("[\"openai\"]")]
    [InlineData("7")]
    [InlineData("true")]
    public void ProviderThatIsNoObject_Is400WhetherOrNotARuleMatches(string provider)
    {
        foreach (var rules in (ProviderMappingRules[])[ProviderMappingRules.Empty, Set(Rule("*", Zdr)), Set(Enforce("*", Zdr))])
        {
            foreach (var endpoint in Enum.GetValues<RequestEndpoint>())
            {
                var result = rules.Decide($$"""{"model":"m","provider":{},"provider":{{provider}}}""", endpoint);
                Assert.Equal(
                    (400, "invalid_provider", "provider"),
                    (result.Rejection?.Status, result.Rejection?.Code, result.Rejection?.Param));
                Assert.Empty(result.Decision.Edits);
                Assert.All(result.Steps, step => Assert.Equal(ExplainedOutcome.NotReached, step.Outcome));
            }
        }
    }

    [Fact]
    public void EarlierProviderThatIsNoObject_DoesNotCount() =>
        Assert.Null(Set(Rule("*", Zdr)).Decide("""{"provider":7,"model":"m","provider":{}}""").Rejection);

    [Fact]
    public void NoRules_LeaveEverythingAndNameTheModel()
    {
        var result = ProviderMappingRules.Empty.Decide("""{"model":"m","provider":{"only":["x"]}}""");
        Assert.True(result.IsUntouched);
        Assert.Equal("m", result.Decision.SentModel);
        Assert.Null(ProviderMappingRules.Empty.Decide("""{"messages":[]}""").Decision.SentModel);
    }

    [Fact]
    public void DeepAndOddClientBlock_IsOrdinaryInput()
    {
        var deep = new string('[', 1000) + new string(']', 1000);
        var result = Set(Fill("*", Zdr)).Decide($$$"""{"model":"m","provider":{"x":{{{deep}}},"n":1e999999999999999999999}}""");
        Assert.Equal($$$"""{"model":"m","provider":{"x":{{{deep}}},"n":1e999999999999999999999,"zdr":true}}""", result.Body);
    }
}
