using OpenRouterGateway.Transforms.ProviderMapping;
using OpenRouterGateway.Transforms.ProviderMapping.Explaining;
using Xunit;
using static Gateway.Tests.Transforms.ProviderMapping.RuleSet;

namespace Gateway.Tests.Transforms.ProviderMapping;

public class ModelAliasTests
{
    [Theory]
    [InlineData("""{"model":"gpt-4o"}""", """{"model":"openai/gpt-4o"}""")]
    [InlineData("""{ "model" : "GPT-4o" , "n":1}""", """{ "model" : "openai/gpt-4o" , "n":1}""")]
    [InlineData("""{"model":"gpt-\u0034o"}""", """{"model":"openai/gpt-4o"}""")]
    [InlineData("""{"model":"x","model":"gpt-4o"}""", """{"model":"openai/gpt-4o"}""")]
    [InlineData("""{"model":"gpt-4o", "a":1, "model":"gpt-4o"}""", """{ "a":1, "model":"openai/gpt-4o"}""")]
    [InlineData("""{"models":["gpt-4o","x","gpt-4o"]}""", """{"models":["openai/gpt-4o","x","openai/gpt-4o"]}""")]
    [InlineData("""{"model":"x","models":["gpt-4o"]}""", """{"model":"x","models":["openai/gpt-4o"]}""")]
    [InlineData(
        """{"model":"gpt-4o","fallbacks":[{"model":"gpt-4o"},{"model":"y"}]}""",
        """{"model":"openai/gpt-4o","fallbacks":[{"model":"openai/gpt-4o"},{"model":"y"}]}""")]
    public void Alias_ReplacesNames(string body, string sent)
    {
        var result = Aliases(Alias("gpt-4o", "openai/gpt-4o")).Decide(body);
        Assert.Equal(sent, result.Body);
        Assert.Null(result.Applied);
        Assert.Equal(ExplainedOutcome.Applied, result.Steps[0].Outcome);
        Assert.True(result.Steps[0].IsAlias);
    }

    [Theory]
    [InlineData("{}")]
    [InlineData("""{"model":null}""")]
    [InlineData("""{"model":""}""")]
    [InlineData("""{"model":7}""")]
    [InlineData("""{"models":[]}""")]
    public void RequestWithoutAName_IsNotAliased(string body)
    {
        var result = Aliases(Alias("*", "openai/gpt-4o", "b")).Decide(body);
        Assert.True(result.IsUntouched);
        Assert.Equal(ExplainedOutcome.NotMatched, result.Steps[0].Outcome);
    }

    [Theory]
    [InlineData("""{"model":"gpt-4o","model":"x"}""")]
    [InlineData("""{"model":"gpt-4o","model":null}""")]
    [InlineData("""{"models":["gpt-4o"],"models":["x"]}""")]
    public void EarlierDuplicate_IsNotAliased(string body) =>
        Assert.True(Aliases(Alias("gpt-4o", "openai/gpt-4o")).Decide(body).IsUntouched);

    [Fact]
    public void FirstAlias_AppliesOnceWithoutChains()
    {
        var aliases = Aliases(Alias("a", "b"), Alias("b", "c"), Alias("*", "d"));
        Assert.Equal("""{"model":"b"}""", aliases.Decide("""{"model":"a"}""").Body);
        Assert.Equal("""{"model":"c"}""", aliases.Decide("""{"model":"b"}""").Body);
        var mixed = aliases.Decide("""{"model":"a","models":["b","x","a"]}""");
        Assert.Equal("""{"model":"b","models":["c","d","b"]}""", mixed.Body);
        Assert.Equal("b", mixed.Decision.SentModel);
        var steps = aliases.Decide("""{"model":"a"}""").Steps;
        Assert.Equal(ExplainedOutcome.SkippedBecauseEarlierRuleMatched, steps[1].Outcome);
        Assert.Equal("a", steps[2].Earlier);
    }

    [Fact]
    public void Use_IsWrittenAsJson() =>
        Assert.Equal("""{"model":"é\"\\/+<"}""", Aliases(Alias("a", "é\"\\/+<")).Decide("""{"model":"a"}""").Body);

    [Theory]
    [InlineData("""{"model":"a"}""", """{"model":"u","models":["f","g"]}""")]
    [InlineData("""{"model":"a" }""", """{"model":"u","models":["f","g"] }""")]
    [InlineData("""{"model":"u"}""", """{"model":"u","models":["f","g"]}""")]
    [InlineData("""{"model":"a","models":["x"]}""", """{"model":"u","models":["x"]}""")]
    [InlineData("""{"model":"a","models":[]}""", """{"model":"u","models":[]}""")]
    [InlineData("""{"model":"a","fallbacks":[]}""", """{"model":"u","fallbacks":[]}""")]
    [InlineData("""{"model":"a","models":null}""", """{"model":"u","models":["f","g"]}""")]
    [InlineData("""{"models":null, "model":"a"}""", """{"models":["f","g"], "model":"u"}""")]
    [InlineData("""{"models":["x"], "model":"a","models":null}""", """{ "model":"u","models":["f","g"]}""")]
    [InlineData("""{"model":"a","fallbacks":null}""", """{"model":"u","models":["f","g"]}""")]
    [InlineData("""{"model":"a","fallbacks":null, "models":null}""", """{"model":"u", "models":["f","g"]}""")]
    [InlineData("""{"models":null,"model":"a","fallbacks":null}""", """{"model":"u","models":["f","g"]}""")]
    public void Fallbacks_GoInWhereTheRequestHasNone(string body, string sent) =>
        Assert.Equal(sent, Aliases(Alias("a", "u", "f", "g"), Alias("u", "u", "f", "g")).Decide(body).Body);

    [Theory]
    [InlineData(RequestEndpoint.Embeddings)]
    [InlineData(RequestEndpoint.Images)]
    public void Fallbacks_StayOutWhereTheyAreNotTaken(RequestEndpoint endpoint) =>
        Assert.Equal("""{"model":"u"}""", Aliases(Alias("a", "u", "f")).Decide("""{"model":"a"}""", endpoint).Body);

    [Fact]
    public void FallbacksOfAnEntryOfModels_StayOut() =>
        Assert.Equal("""{"models":["u"]}""", Aliases(Alias("a", "u", "f")).Decide("""{"models":["a"]}""").Body);

    [Fact]
    public void Fallbacks_AreWithoutUseAndRepetitions()
    {
        var problems = new List<RuleProblem>();
        Assert.True(ModelAlias.TryCreate("a", "openai/u", ["OpenAI/U", "f", "F", "openai/u"], problems, out var alias));
        Assert.Equal(["f"], alias.Fallbacks);
        Assert.Equal(["Fallbacks:0", "Fallbacks:2", "Fallbacks:3"], problems.Select(problem => problem.Path));
        Assert.All(problems, problem => Assert.True(problem.IsWarning));
        Assert.Equal("""{"model":"openai/u","models":["f"]}""", Aliases(alias).Decide("""{"model":"a"}""").Body);
    }

    [Fact]
    public void FallbacksOfUseAlone_AddNothing() =>
        Assert.Equal("""{"model":"u"}""", Aliases(Alias("a", "u", "U")).Decide("""{"model":"a"}""").Body);

    [Fact]
    public void AliasAndRule_InsertAtOnePlaceInOneEdit()
    {
        var rules = new ProviderMappingRules([Rule("openai/*", """{"zdr":true}""")], [Alias("a", "openai/u", "f")]);
        var result = rules.Decide("""{"model":"a"}""");
        Assert.Equal("""{"model":"openai/u","models":["f"],"provider":{"zdr":true}}""", result.Body);
        Assert.Equal(2, result.Decision.Edits.Count);
        Assert.Equal("openai/u", result.Decision.SentModel);
        Assert.Equal("rule", result.Applied);
    }

    [Fact]
    public void Rules_SeeTheModelAfterTheAlias()
    {
        var rules = new ProviderMappingRules([Rule("a", """{"zdr":true}""")], [Alias("a", "b")]);
        Assert.Null(rules.Decide("""{"model":"a"}""").Applied);
    }

    [Fact]
    public void EnforceRule_SeesTheFallbacksOfAnAlias()
    {
        var rules = new ProviderMappingRules([Enforce("meta/*", """{"zdr":true}""")], [Alias("a", "openai/u", "meta/llama")]);
        Assert.Equal("rule", rules.Decide("""{"model":"a"}""").Applied);
        Assert.Null(rules.Decide("""{"model":"a"}""", RequestEndpoint.Embeddings).Applied);
    }

    [Fact]
    public void AliasToAPreset_IsLeftAloneByOrdinaryRules()
    {
        var rules = new ProviderMappingRules([Rule("*", """{"zdr":true}""")], [Alias("a", "@preset/x")]);
        Assert.Equal("""{"model":"@preset/x"}""", rules.Decide("""{"model":"a"}""").Body);
    }

    [Theory]
    [InlineData("", "u", "f", "Model")]
    [InlineData("a", "", "f", "Use")]
    [InlineData("a", " ", "f", "Use")]
    [InlineData("a", "u", "", "Fallbacks:0")]
    public void EmptyPart_IsAFault(string model, string use, string fallback, string path)
    {
        var problems = new List<RuleProblem>();
        Assert.False(ModelAlias.TryCreate(model, use, [fallback], problems, out _));
        var fault = Assert.Single(problems);
        Assert.Equal((path, false), (fault.Path, fault.IsWarning));
    }

    [Fact]
    public void HalfASurrogatePair_IsAFault()
    {
        var problems = new List<RuleProblem>();
        Assert.False(ModelAlias.TryCreate("a", "x\ud800", ["\udc00x"], problems, out _));
        Assert.Equal(["Use", "Fallbacks:0"], problems.Select(problem => problem.Path));
        Assert.True(ModelAlias.TryCreate("a", "x\ud83d\ude00", [], problems, out _));
    }

    [Fact]
    public void StarInUse_IsAWarning()
    {
        var problems = new List<RuleProblem>();
        Assert.True(ModelAlias.TryCreate("a", "openai/*", [], problems, out _));
        Assert.Equal(("Use", true), (Assert.Single(problems).Path, problems[0].IsWarning));
    }
}
