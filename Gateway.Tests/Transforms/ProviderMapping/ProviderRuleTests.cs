using System.Text;
using OpenRouterGateway.Transforms.ProviderMapping;
using Xunit;

namespace Gateway.Tests.Transforms.ProviderMapping;

public class ProviderRuleTests
{
    [Theory]
    [InlineData("""{"order":"anthropic"}""", "Provider:order", "\"anthropic\"")]
    [InlineData("""{"order":["a",1]}""", "Provider:order", "[\"a\",1]")]
    [InlineData("""{"order":["anthropic",""]}""", "Provider:order:1", "\"\"")]
    [InlineData("""{"only":{}}""", "Provider:only", "{}")]
    [InlineData("""{"ignore":true}""", "Provider:ignore", "true")]
    [InlineData("""{"quantizations":"fp8"}""", "Provider:quantizations", "\"fp8\"")]
    [InlineData("""{"allow_fallbacks":"false"}""", "Provider:allow_fallbacks", "\"false\"")]
    [InlineData("""{"require_parameters":1}""", "Provider:require_parameters", "1")]
    [InlineData("""{"zdr":"yes"}""", "Provider:zdr", "\"yes\"")]
    [InlineData("""{"enforce_distillable_text":[]}""", "Provider:enforce_distillable_text", "[]")]
    [InlineData("""{"data_collection":"Deny"}""", "Provider:data_collection", "\"Deny\"")]
    [InlineData("""{"data_collection":false}""", "Provider:data_collection", "false")]
    [InlineData("""{"sort":1}""", "Provider:sort", "1")]
    [InlineData("""{"sort":{"by":1}}""", "Provider:sort:by", "1")]
    [InlineData("""{"sort":{"by":"price","partition":false}}""", "Provider:sort:partition", "false")]
    [InlineData("""{"max_price":5}""", "Provider:max_price", "5")]
    [InlineData("""{"max_price":{}}""", "Provider:max_price", "{}")]
    [InlineData("""{"max_price":{"prompt":"cheap"}}""", "Provider:max_price:prompt", "\"cheap\"")]
    [InlineData("""{"max_price":{"prompt":true}}""", "Provider:max_price:prompt", "true")]
    [InlineData("""{"max_price":{"prompt":-1}}""", "Provider:max_price:prompt", "-1")]
    [InlineData("""{"max_price":{"prompt":1e99999999999999999999}}""", "Provider:max_price:prompt", "1e99999999999999999999")]
    [InlineData("""{"max_price":{"prompt":1,"prompt":2}}""", "Provider:max_price:prompt", "twice")]
    [InlineData("""{"preferred_min_throughput":"5"}""", "Provider:preferred_min_throughput", "\"5\"")]
    [InlineData("""{"preferred_max_latency":{"p50":"5"}}""", "Provider:preferred_max_latency:p50", "\"5\"")]
    [InlineData("""{"options":1}""", "Provider:options", "1")]
    [InlineData("""{"zdr":true,"zdr":true}""", "Provider:zdr", "twice")]
    [InlineData("{}", "Provider", "{}")]
    [InlineData("""["anthropic"]""", "Provider", "[\"anthropic\"]")]
    [InlineData("\"anthropic\"", "Provider", "\"anthropic\"")]
    [InlineData("null", "Provider", "null")]
    public void WrongType_IsAFaultWithItsPath(string provider, string path, string quoted)
    {
        var (rule, problems) = Create(provider);
        Assert.Null(rule);
        var fault = Assert.Single(problems, problem => !problem.IsWarning);
        Assert.Equal(path, fault.Path);
        Assert.Contains(quoted, fault.Message, StringComparison.Ordinal);
        Assert.Contains("expected", fault.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void MissingProvider_IsAFault()
    {
        var problems = new List<RuleProblem>();
        Assert.False(ProviderRule.TryCreate("rule", ["*"], default, WhenClientSetsProvider.KeepClient, problems, out _));
        Assert.Equal("Provider", Assert.Single(problems).Path);
    }

    [Fact]
    public void AllFaults_AreFoundAtOnce()
    {
        var problems = new List<RuleProblem>();
        Assert.False(ProviderRule.TryCreate(
            "no name", ["", "a", " "], RuleSet.Json("""{"zdr":1,"only":2}"""), WhenClientSetsProvider.KeepClient, problems, out _));
        Assert.Equal(["Name", "Model:0", "Model:2", "Provider:zdr", "Provider:only"], problems.Select(problem => problem.Path));
    }

    [Fact]
    public void LongValue_IsQuotedShort()
    {
        var (_, problems) = Create($$"""{"zdr":"{{new string('x', 5000)}}"}""");
        Assert.True(Assert.Single(problems).Message.Length < 150);
    }

    [Fact]
    public void Problem_StaysOnOneLine()
    {
        var problems = new List<RuleProblem>();
        Assert.False(ProviderRule.TryCreate(
            "a\nb", ["*"], RuleSet.Json("""{"x\ny":1,"only":["p\r\nq"]}"""), WhenClientSetsProvider.KeepClient, problems, out _));
        Assert.Equal(3, problems.Count);
        Assert.All(problems, problem => Assert.DoesNotContain((problem.Path + problem.Message).ToCharArray(), char.IsControl));
    }

    [Theory]
    [InlineData("a", true)]
    [InlineData("A-z.0_9", true)]
    [InlineData("1234567890123456789012345678901234567890123456789012345678901234", true)]
    [InlineData("12345678901234567890123456789012345678901234567890123456789012345", false)]
    [InlineData("", false)]
    [InlineData("a b", false)]
    [InlineData("é", false)]
    [InlineData("a\r\nx: y", false)]
    public void Name_IsAPlainWord(string name, bool isGood)
    {
        var problems = new List<RuleProblem>();
        Assert.Equal(isGood, ProviderRule.TryCreate(
            name, ["*"], RuleSet.Json("""{"zdr":true}"""), WhenClientSetsProvider.KeepClient, problems, out var rule));
        Assert.Equal(isGood, rule is not null);
        Assert.Equal(isGood ? [] : ["Name"], problems.Select(problem => problem.Path));
    }

    [Fact]
    public void NoPattern_IsAFault()
    {
        var problems = new List<RuleProblem>();
        Assert.False(ProviderRule.TryCreate(
            "rule", [], RuleSet.Json("""{"zdr":true}"""), WhenClientSetsProvider.KeepClient, problems, out _));
        Assert.Equal("Model", Assert.Single(problems).Path);
    }

    [Theory]
    [InlineData("""{"order":["anthropic"]}""", "Provider:order", "sticky prompt-cache routing")]
    [InlineData("""{"order":["anthropic"]}""", "Provider:order", ":nitro")]
    [InlineData("""{"order":["anthropic"]}""", "Provider:order", "load balancing")]
    [InlineData("""{"sort":"price"}""", "Provider:sort", "load balancing")]
    [InlineData("""{"sort":"cheapest"}""", "Provider:sort", "cheapest")]
    [InlineData("""{"sort":{"by":"cheapest"}}""", "Provider:sort:by", "cheapest")]
    [InlineData("""{"sort":{"partition":"both"}}""", "Provider:sort:partition", "both")]
    [InlineData("""{"sort":{"then":"price"}}""", "Provider:sort:then", "sent as written")]
    [InlineData("""{"order":["anthropic"],"sort":"price"}""", "Provider:sort", "no effect")]
    [InlineData("""{"only":["antropic"]}""", "Provider:only", "antropic")]
    [InlineData("""{"only":["anthropic","Anthropic"]}""", "Provider:only", "twice")]
    [InlineData("""{"only":[]}""", "Provider:only", "empty")]
    [InlineData("""{"quantizations":["fp7"]}""", "Provider:quantizations", "fp7")]
    [InlineData("""{"max_price":{"video":1}}""", "Provider:max_price:video", "prompt")]
    [InlineData("""{"preferred_max_latency":{"p42":1}}""", "Provider:preferred_max_latency:p42", "p50")]
    [InlineData("""{"allow_fallbacks":false}""", "Provider:allow_fallbacks", "without")]
    [InlineData("""{"order":["openai"],"only":["azure"]}""", "Provider:order", "'only' excludes")]
    [InlineData("""{"order":["openai/x"],"ignore":["openai"]}""", "Provider:order", "'ignore' excludes")]
    [InlineData("""{"only":["openai"],"ignore":["openai"]}""", "Provider:only", "'ignore' excludes")]
    [InlineData("""{"zrd":true}""", "Provider:zrd", "sent as written")]
    [InlineData("""{"zdr":true,"sort":null}""", "Provider:sort", "left out")]
    [InlineData("""{"zdr":null}""", "Provider:zdr", "left out")]
    [InlineData("""{"options":{"openai":{}}}""", "Provider:options", "image")]
    public void OddBlock_IsAWarning(string provider, string path, string text)
    {
        var (rule, problems) = Create(provider);
        Assert.NotNull(rule);
        Assert.All(problems, problem => Assert.True(problem.IsWarning));
        Assert.Contains(problems, problem => problem.Path == path && problem.Message.Contains(text, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("""{"order":["anthropic"]}""", "Provider", "its members are preferences")]
    [InlineData("""{"sort":"price","preferred_max_latency":1}""", "Provider", "its members are preferences")]
    [InlineData("""{"only":["azure","openai/flex"],"ignore":["openai"]}""", "Provider:only", "'ignore' excludes")]
    [InlineData("""{"order":["openai/flex"],"ignore":["openai"]}""", "Provider:order", "'ignore' excludes")]
    [InlineData("""{"only":["openai"],"zdr":false}""", "Provider:zdr", "no effect under Enforce")]
    [InlineData("""{"only":["openai"],"allow_fallbacks":true}""", "Provider:allow_fallbacks", "no effect under Enforce")]
    [InlineData("""{"only":["openai"],"data_collection":"allow"}""", "Provider:data_collection", "no effect under Enforce")]
    public void OddEnforceRule_IsAWarning(string provider, string path, string text)
    {
        var (rule, problems) = Create(provider, WhenClientSetsProvider.Enforce);
        Assert.NotNull(rule);
        Assert.Contains(problems, problem =>
            problem.IsWarning && problem.Path == path && problem.Message.Contains(text, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("""{"only":["openai"],"zrd":true}""", "Provider:zrd", "did you mean \"zdr\"?")]
    [InlineData("""{"dataCollection":"deny"}""", "Provider:dataCollection", "did you mean \"data_collection\"?")]
    [InlineData("""{"zdr":true,"something_else":1}""", "Provider:something_else", "expected one of allow_fallbacks, ")]
    [InlineData("""{"max_price":{"promt":1}}""", "Provider:max_price:promt", "did you mean \"prompt\"?")]
    [InlineData("""{"only":[]}""", "Provider:only", "would refuse every request; expected a list of provider names")]
    [InlineData("""{"quantizations":[]}""", "Provider:quantizations", "would refuse every request; expected a list of quantizations")]
    [InlineData("""{"zdr":true,"ignore":[]}""", "Provider:ignore", "enforces nothing")]
    [InlineData("""{"zdr":true,"order":[]}""", "Provider:order", "enforces nothing")]
    public void UnknownMemberOrEmptyListUnderEnforce_IsAFaultWithASuggestion(string provider, string path, string text)
    {
        var (rule, problems) = Create(provider, WhenClientSetsProvider.Enforce);
        Assert.Null(rule);
        Assert.Contains(problems, problem =>
            !problem.IsWarning && problem.Path == path && problem.Message.Contains(text, StringComparison.Ordinal));
        Assert.All(Create(provider).Problems, problem => Assert.True(problem.IsWarning));
    }

    [Theory]
    [InlineData("""{"only":null}""")]
    [InlineData("""{"zdr":false}""")]
    [InlineData("""{"allow_fallbacks":true,"data_collection":"allow"}""")]
    [InlineData("""{"require_parameters":false,"order":null}""")]
    public void EnforceRuleWithoutAnEffect_IsAFault(string provider)
    {
        var (rule, problems) = Create(provider, WhenClientSetsProvider.Enforce);
        Assert.Null(rule);
        var fault = Assert.Single(problems, problem => !problem.IsWarning);
        Assert.Equal("Provider", fault.Path);
        Assert.Equal("has no member with an effect, so it would enforce nothing; expected at least one such as \"only\"", fault.Message);
        Assert.NotNull(Create(provider).Rule);
    }

    [Theory]
    [InlineData("""{"only":["anthropic","google-vertex"],"ignore":["openai"],"zdr":true,"max_price":{"prompt":1,"completion":"2.5"}}""")]
    [InlineData("""{"only":["Anthropic"],"allow_fallbacks":false,"data_collection":"deny","require_parameters":true}""")]
    [InlineData("""{"preferred_min_throughput":{"p90":50},"preferred_max_latency":1.5,"quantizations":["fp8","bf16"]}""")]
    public void PlainBlock_HasNoProblem(string provider) => Assert.Empty(Create(provider).Problems);

    [Fact]
    public void OrderWarning_ComesOnce()
    {
        var (_, problems) = Create("""{"order":["anthropic","google-vertex"]}""");
        Assert.Single(problems);
    }

    [Theory]
    [InlineData("@preset/*", WhenClientSetsProvider.KeepClient, true)]
    [InlineData("*@preset/x @preset/y", WhenClientSetsProvider.Fill, true)]
    [InlineData("@preset/* openai/*", WhenClientSetsProvider.KeepClient, false)]
    [InlineData("@preset/*", WhenClientSetsProvider.Enforce, false)]
    public void OrdinaryRuleForPresetsOnly_IsAWarning(string models, WhenClientSetsProvider mode, bool warns)
    {
        var problems = new List<RuleProblem>();
        Assert.True(ProviderRule.TryCreate("rule", models.Split(' '), RuleSet.Json("""{"zdr":true}"""), mode, problems, out _));
        Assert.Equal(warns ? ["Model"] : [], problems.Select(problem => problem.Path));
    }

    [Theory]
    [InlineData("""{ "max_price" : { "prompt" : 1.50e0 }, "zdr": true }""", """{"max_price":{"prompt":1.50e0},"zdr":true}""")]
    [InlineData("""{"only":["Müller & Söhne <é>"]}""", """{"only":["Müller & Söhne <é>"]}""")]
    [InlineData("""{"zdr":true,"order":["b","a"]}""", """{"zdr":true,"order":["b","a"]}""")]
    [InlineData("{\"new\":[1, {\"x\" : null},[ ]], // why\n\"zdr\":true,}", """{"new":[1,{"x":null},[]],"zdr":true}""")]
    [InlineData("""{"zdr":true,"sort":null}""", """{"zdr":true}""")]
    [InlineData("""{"\ud800":"\udfff"}""", """{"\ud800":"\udfff"}""")]
    public void Block_IsSentCompactAndAsWritten(string provider, string expected)
    {
        var (rule, _) = Create(provider);
        Assert.Equal($$""","provider":{{expected}}""", Encoding.UTF8.GetString(rule!.Rendered(RequestEndpoint.Generation).Member.Span));
    }

    [Theory]
    [InlineData("gpt-4o=OpenAI", "gpt-4o", """["OpenAI"]""")]
    [InlineData(" *claude* = Anthropic , Google ", "*claude*", """["Anthropic","Google"]""")]
    [InlineData("@preset/x=A", "@preset/x", """["A"]""")]
    [InlineData("a=b=c", "a", """["b=c"]""")]
    [InlineData("a=\"quoted\\\"", "a", """["\"quoted\\\""]""")]
    public void Mapping_MeansOrder(string mapping, string model, string order)
    {
        var problems = new List<RuleProblem>();
        Assert.True(ProviderRule.TryParseMapping(mapping, "cli-1", problems, out var rule));
        Assert.Equal("cli-1", rule.Name);
        Assert.Equal(WhenClientSetsProvider.KeepClient, rule.Mode);
        Assert.Equal([model], rule.Models);
        var rendered = rule.Rendered(RequestEndpoint.Generation);
        Assert.Equal($$"""{"order":{{order}}}""", Encoding.UTF8.GetString(rendered.Value.Span));
        Assert.All(problems, problem => Assert.True(problem is { IsWarning: true, Path: "" }));
        Assert.Contains(problems, problem => problem.Message.Contains("sticky", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("gpt-4")]
    [InlineData("")]
    [InlineData("=OpenAI")]
    [InlineData("  =OpenAI")]
    [InlineData("gpt-4=")]
    [InlineData("gpt-4=OpenAI,")]
    [InlineData("gpt-4=OpenAI,,Azure")]
    [InlineData("gpt-4= ")]
    public void BadMapping_IsAFaultThatQuotesIt(string mapping)
    {
        var problems = new List<RuleProblem>();
        Assert.False(ProviderRule.TryParseMapping(mapping, "cli-1", problems, out _));
        var fault = Assert.Single(problems);
        Assert.False(fault.IsWarning);
        Assert.Contains($"\"{mapping}\"", fault.Message, StringComparison.Ordinal);
        Assert.Contains("PATTERN=PROVIDER", fault.Message, StringComparison.Ordinal);
    }

    private static (ProviderRule? Rule, List<RuleProblem> Problems) Create(
        string provider, WhenClientSetsProvider mode = WhenClientSetsProvider.KeepClient)
    {
        var problems = new List<RuleProblem>();
        _ = ProviderRule.TryCreate("rule", ["*"], RuleSet.Json(provider), mode, problems, out var rule);
        return (rule, problems);
    }
}
