using System.Text;
using Gateway.Tests.Support;
using OpenRouterGateway.Transforms.Json;
using OpenRouterGateway.Transforms.ProviderMapping;
using OpenRouterGateway.Transforms.ProviderMapping.Blocks;
using OpenRouterGateway.Transforms.ProviderMapping.Explaining;
using OpenRouterGateway.Transforms.ProviderMapping.Patterns;
using Xunit;
using static Gateway.Tests.Transforms.ProviderMapping.RuleSet;

namespace Gateway.Tests.Transforms.ProviderMapping;

public class EnforceRuleTests
{
    [Theory]
    // only: the endpoints that both blocks stand for, in the client's sequence; of two names the narrower.
    [InlineData("""{"only":["a","b"]}""", """{"only":["c","b","a","d"]}""", """{"only":["b","a"]}""")]
    [InlineData("""{"only":["a"]}""", """{"only":["A"]}""", """{"only":["A"]}""")]
    [InlineData("""{"only":["a"]}""", """{}""", """{"only":["a"]}""")]
    [InlineData("""{"only":["a"]}""", """{"only":null,"x":1}""", """{"only":["a"],"x":1}""")]
    [InlineData("""{"only":["deepinfra"]}""", """{"only":["deepinfra/turbo"]}""", """{"only":["deepinfra/turbo"]}""")]
    [InlineData("""{"only":["deepinfra/turbo"]}""", """{"only":["DeepInfra"]}""", """{"only":["deepinfra/turbo"]}""")]
    [InlineData(
        """{"only":["deepinfra/a","deepinfra/b"]}""",
        """{"only":["x","deepinfra"]}""",
        """{"only":["deepinfra/a","deepinfra/b"]}""")]
    [InlineData("""{"only":["google-vertex"]}""", """{"only":["Google","x"]}""", """{"only":["Google"]}""")]
    [InlineData("""{"only":["Amazon Bedrock"]}""", """{"only":["amazon-bedrock/eu"]}""", """{"only":["amazon-bedrock/eu"]}""")]
    [InlineData("""{"only":["a","b"]}""", """{"only":["a","a","b"]}""", """{"only":["a","a","b"]}""")]
    // quantizations: the same.
    [InlineData("""{"quantizations":["fp8","bf16"]}""", """{"quantizations":["int4","FP8"]}""", """{"quantizations":["FP8"]}""")]
    // ignore: both.
    [InlineData("""{"ignore":["a"]}""", """{"ignore":["b"]}""", """{"ignore":["b","a"]}""")]
    [InlineData("""{"ignore":["deepinfra/turbo"]}""", """{"ignore":["deepinfra"]}""", """{"ignore":["deepinfra"]}""")]
    [InlineData("""{"ignore":["deepinfra"]}""", """{"ignore":["deepinfra/turbo"]}""", """{"ignore":["deepinfra/turbo","deepinfra"]}""")]
    // Another spelling of the client's may have no effect upstream.
    [InlineData(
        """{"ignore":["z-ai","deepseek"]}""",
        """{"ignore":["Z.AI","DeepSeek"]}""",
        """{"ignore":["Z.AI","DeepSeek","z-ai","deepseek"]}""")]
    // Switches: the harder value.
    [InlineData("""{"zdr":true}""", """{"zdr":false}""", """{"zdr":true}""")]
    [InlineData("""{"zdr":true}""", """{"zdr":true}""", """{"zdr":true}""")]
    [InlineData("""{"zdr":true}""", """{"zdr":null}""", """{"zdr":true}""")]
    [InlineData("""{"require_parameters":true}""", """{"require_parameters":false}""", """{"require_parameters":true}""")]
    [InlineData("""{"enforce_distillable_text":true}""", """{}""", """{"enforce_distillable_text":true}""")]
    [InlineData("""{"allow_fallbacks":false}""", """{"allow_fallbacks":true}""", """{"allow_fallbacks":false}""")]
    [InlineData("""{"zdr":false,"only":["a"]}""", """{"zdr":true,"only":["a"]}""", """{"zdr":true,"only":["a"]}""")]
    [InlineData("""{"zdr":false,"only":["a"]}""", """{"only":["a"]}""", """{"only":["a"]}""")]
    [InlineData(
        """{"allow_fallbacks":true,"only":["a"]}""",
        """{"allow_fallbacks":false,"only":["a"]}""",
        """{"allow_fallbacks":false,"only":["a"]}""")]
    [InlineData("""{"data_collection":"deny"}""", """{"data_collection":"allow"}""", """{"data_collection":"deny"}""")]
    [InlineData("""{"data_collection":"deny"}""", """{"data_collection":"\u0064eny"}""", """{"data_collection":"\u0064eny"}""")]
    [InlineData("""{"data_collection":"allow","zdr":true}""", """{"zdr":true}""", """{"zdr":true}""")]
    // max_price: the smaller of each, in its own spelling.
    [InlineData("""{"max_price":{"prompt":1.5}}""", """{"max_price":{"prompt":2}}""", """{"max_price":{"prompt":1.5}}""")]
    [InlineData("""{"max_price":{"prompt":1.5}}""", """{"max_price":{"prompt":"1.50"}}""", """{"max_price":{"prompt":"1.50"}}""")]
    [InlineData("""{"max_price":{"prompt":"1.5"}}""", """{"max_price":{ "prompt" : 15e-1 }}""", """{"max_price":{ "prompt" : 15e-1 }}""")]
    [InlineData(
        """{"max_price":{"prompt":1,"completion":"2"}}""",
        """{"max_price":{"image":9 ,"completion":2.00000000000000000001}}""",
        """{"max_price":{"image":9,"completion":"2","prompt":1}}""")]
    [InlineData("""{"max_price":{"prompt":1}}""", """{"max_price":{"prompt":null}}""", """{"max_price":{"prompt":1}}""")]
    [InlineData(
        """{"max_price":{"prompt":1}}""",
        """{"max_price":{"prompt":5,"prompt":0.5}}""",
        """{"max_price":{"prompt":5,"prompt":0.5}}""")]
    [InlineData("""{"max_price":{"prompt":1}}""", """{"max_price":{"prompt":1e99999999999999999999}}""", """{"max_price":{"prompt":1}}""")]
    [InlineData("""{"max_price":{"prompt":1}}""", """{"max_price":{"prompt":"\u0030.5"}}""", """{"max_price":{"prompt":"\u0030.5"}}""")]
    [InlineData("""{"max_price":{"prompt":1}}""", """{"max_price":null}""", """{"max_price":{"prompt":1}}""")]
    // order: the client's sequence within the allowed endpoints; the rule's own takes its place.
    [InlineData("""{"only":["a","b"]}""", """{"order":["b","c","a"]}""", """{"order":["b","a"],"only":["a","b"]}""")]
    [InlineData("""{"ignore":["c"]}""", """{"order":["b","c","a"]}""", """{"order":["b","a"],"ignore":["c"]}""")]
    [InlineData("""{"ignore":["openai"]}""", """{"order":["openai/priority","azure"]}""", """{"order":["azure"],"ignore":["openai"]}""")]
    [InlineData("""{"ignore":["openai"]}""", """{"order":["OpenAI/flex "],"x":1}""", """{"x":1,"ignore":["openai"]}""")]
    [InlineData("""{"ignore":["openai/flex"]}""", """{"order":["openai/priority"]}""", """{"order":["openai/priority"],"ignore":["openai/flex"]}""")]
    // only: without the entries that a rule ignores, service tiers included.
    [InlineData("""{"ignore":["openai"]}""", """{"only":["openai/flex","azure"]}""", """{"only":["azure"],"ignore":["openai"]}""")]
    [InlineData("""{"ignore":["openai"]}""", """{"only":["openai","azure/flex"]}""", """{"only":["azure/flex"],"ignore":["openai"]}""")]
    [InlineData("""{"ignore":["d/x"]}""", """{"only":["d","d/y"]}""", """{"only":["d","d/y"],"ignore":["d/x"]}""")]
    [InlineData("""{"zdr":true}""", """{"only":["a/flex"],"ignore":["a"]}""", """{"only":["a/flex"],"ignore":["a"],"zdr":true}""")]
    [InlineData("""{"only":["a"]}""", """{"order":["b"],"x":1}""", """{"x":1,"only":["a"]}""")]
    [InlineData("""{"only":["a"]}""", """{"x":1,"order":["b"]}""", """{"x":1,"only":["a"]}""")]
    [InlineData("""{"only":["a"]}""", """{"order":["b"]}""", """{"only":["a"]}""")]
    [InlineData("""{"only":["d/x","d/y"]}""", """{"order":["d","a"]}""", """{"order":["d/x","d/y"],"only":["d/x","d/y"]}""")]
    [InlineData(
        """{"only":["d/x","d/y"],"ignore":["d/x"]}""",
        """{"order":["d"]}""",
        """{"order":["d/y"],"only":["d/y"],"ignore":["d/x"]}""")]
    [InlineData("""{"order":["a","b"]}""", """{"order":["c"]}""", """{"order":["a","b"]}""")]
    [InlineData("""{"order":["a","b"]}""", """{"order":["A","B"]}""", """{"order":["A","B"]}""")]
    [InlineData("""{"order":["a","b"]}""", """{"only":["b"]}""", """{"only":["b"],"order":["b"]}""")]
    [InlineData("""{"order":["a"]}""", """{"only":["b"],"order":["b"]}""", """{"only":["b"]}""")]
    [InlineData("""{"order":["a","b"]}""", """{"ignore":["a"]}""", """{"ignore":["a"],"order":["b"]}""")]
    [InlineData("""{"order":["a","b"],"only":["b"]}""", """{}""", """{"only":["b"],"order":["b"]}""")]
    [InlineData("""{"zdr":true}""", """{"order":["b"],"only":["a"]}""", """{"order":["b"],"only":["a"],"zdr":true}""")]
    // Other preferences: the rule's.
    [InlineData("""{"zdr":true,"sort":"price"}""", """{"sort":{"by":"latency"}}""", """{"sort":"price","zdr":true}""")]
    [InlineData(
        """{"zdr":true,"preferred_max_latency":1}""",
        """{"preferred_max_latency":"x"}""",
        """{"preferred_max_latency":1,"zdr":true}""")]
    // Members and entries that no rule names stay.
    [InlineData("""{"zdr":true}""", """{ "a" : 1.50 , "sort":7, "zdr" : true }""", """{ "a" : 1.50 , "sort":7, "zdr" : true }""")]
    [InlineData("""{"zdr":true}""", """{"a":1, "a":2}""", """{ "a":2,"zdr":true}""")]
    [InlineData("""{"zdr":true}""", """{"only":["\ud800"]}""", """{"only":["\ud800"],"zdr":true}""")]
    [InlineData("""{"ignore":["a"]}""", """{"ignore":["\ud800"]}""", """{"ignore":["\ud800","a"]}""")]
    public void Enforce_NarrowsTheClientsBlock(string rule, string client, string expected)
    {
        var result = Set(Enforce("*", rule)).Decide($$"""{"model":"m","provider":{{client}},"n":1}""");
        Assert.Null(result.Rejection);
        Assert.Equal($$"""{"model":"m","provider":{{expected}},"n":1}""", result.Body);
        Assert.Equal("rule", result.Applied);
        Assert.Equal(client == expected, result.IsUntouched);
        Assert.Equal(
            client == expected ? ExplainedOutcome.NothingToAdd : ExplainedOutcome.Narrowed, result.Steps[0].Outcome);
    }

    [Theory]
    [InlineData("""{"only":["a"]}""", """{"only":["b"]}""", "provider.only")]
    [InlineData("""{"only":["a"]}""", """{"only":[]}""", "provider.only")]
    [InlineData("""{"only":["deepinfra/a"]}""", """{"only":["deepinfra/b"]}""", "provider.only")]
    [InlineData("""{"only":["openai"]}""", """{"only":["openai/priority"]}""", "provider.only")]
    [InlineData("""{"only":["azure"]}""", """{"only":["azure/priority "]}""", "provider.only")]
    [InlineData("""{"ignore":["openai"]}""", """{"only":["openai/flex"],"allow_fallbacks":false}""", "provider.only")]
    [InlineData("""{"ignore":["Google","openai"]}""", """{"only":["google-vertex/priority"," OpenAI/flex"]}""", "provider.only")]
    [InlineData("""{"ignore":["openai"]}""", """{"only":["openai"]}""", "provider.only")]
    [InlineData("""{"quantizations":["fp8"]}""", """{"quantizations":["int4"]}""", "provider.quantizations")]
    public void NothingLeft_Is403ThatNamesTheRule(string rule, string client, string param)
    {
        var result = Set(Enforce("*", """{"zdr":true}""", "first"), Enforce("*", rule, "eu-only"), Enforce("*", rule, "last"))
            .Decide($$"""{"model":"m","provider":{{client}}}""");
        Assert.Equal((403, "provider_not_allowed", param), (result.Rejection?.Status, result.Rejection?.Code, result.Rejection?.Param));
        Assert.Contains("'eu-only'", result.Rejection!.Message, StringComparison.Ordinal);
        Assert.Equal("eu-only", result.Applied);
        Assert.True(result.IsUntouched);
        Assert.Equal(
            [ExplainedOutcome.Narrowed, ExplainedOutcome.Refused, ExplainedOutcome.NotReached],
            result.Steps.Select(step => step.Outcome));
    }

    [Theory]
    [InlineData("""{"only":["a"]}""", """{"only":"a"}""", "provider.only")]
    [InlineData("""{"only":["a"]}""", """{"only":["a",null]}""", "provider.only")]
    [InlineData("""{"quantizations":["fp8"]}""", """{"quantizations":{}}""", "provider.quantizations")]
    [InlineData("""{"ignore":["a"]}""", """{"ignore":7}""", "provider.ignore")]
    [InlineData("""{"ignore":["a"]}""", """{"only":"a/flex"}""", "provider.only")]
    [InlineData("""{"only":["a"]}""", """{"order":"a"}""", "provider.order")]
    [InlineData("""{"zdr":true}""", """{"zdr":"true"}""", "provider.zdr")]
    [InlineData("""{"allow_fallbacks":false}""", """{"allow_fallbacks":0}""", "provider.allow_fallbacks")]
    [InlineData("""{"data_collection":"deny"}""", """{"data_collection":true}""", "provider.data_collection")]
    [InlineData("""{"max_price":{"prompt":1}}""", """{"max_price":1}""", "provider.max_price")]
    [InlineData("""{"max_price":{"prompt":1}}""", """{"max_price":{"prompt":"cheap"}}""", "provider.max_price")]
    [InlineData("""{"max_price":{"prompt":1}}""", """{"max_price":{"prompt":[]}}""", "provider.max_price")]
    public void ConstrainedMemberOfAWrongType_Is400(string rule, string client, string param)
    {
        var result = Set(Enforce("*", rule)).Decide($$"""{"model":"m","provider":{{client}}}""");
        Assert.Equal((400, "invalid_provider", param), (result.Rejection?.Status, result.Rejection?.Code, result.Rejection?.Param));
        Assert.True(result.IsUntouched);
    }

    [Theory]
    [InlineData("""{"zdr":true}""", """{"only":"a"}""")]
    [InlineData("""{"order":["a"]}""", """{"order":7}""")]
    [InlineData("""{"max_price":{"prompt":1}}""", """{"max_price":{"image":"x","prompt":1}}""")]
    public void UnconstrainedMemberOfAWrongType_IsLeftToUpstream(string rule, string client) =>
        Assert.Null(Set(Enforce("*", rule)).Decide($$"""{"model":"m","provider":{{client}}}""").Rejection);

    [Fact]
    public void EveryMatch_Applies()
    {
        var rules = Set(
            Enforce("*", """{"only":["a","b","c"],"sort":"price"}""", "org"),
            Rule("m", """{"order":["c","a"],"zdr":true}""", name: "plain"),
            Enforce("x", """{"only":["x"]}""", "other"),
            Enforce("m", """{"only":["b","a"],"sort":"latency","data_collection":"deny"}""", "team"));
        var result = rules.Decide("""{"model":"m"}""");
        Assert.Equal(
            """{"model":"m","provider":{"order":["a"],"zdr":true,"only":["a","b"],"sort":"price","data_collection":"deny"}}""",
            result.Body);
        Assert.Equal("org, plain, team", result.Applied);
    }

    [Fact]
    public void OrdinaryRuleThatKeepsTheClient_IsNotNamedBesideAnEnforcedOne()
    {
        var result = Set(Rule("*", """{"sort":"price"}""", name: "a"), Enforce("*", """{"zdr":true}""", "b"))
            .Decide("""{"model":"m","provider":{}}""");
        Assert.Equal("b", result.Applied);
        Assert.Equal("""{"model":"m","provider":{"zdr":true}}""", result.Body);
    }

    [Fact]
    public void FillAndEnforce_ComposeInOneObject()
    {
        var result = Set(Enforce("*", """{"only":["a"]}""", "e"), Fill("*", """{"only":["a","b"],"sort":"price"}""", "f"))
            .Decide("""{"model":"m","provider":{"zdr":true}}""");
        Assert.Equal("""{"model":"m","provider":{"zdr":true,"only":["a"],"sort":"price"}}""", result.Body);
        Assert.Equal("e, f", result.Applied);
    }

    [Fact]
    public void EnforceThatWrites_LeavesOneProvider()
    {
        var result = Set(Enforce("*", """{"zdr":true}""")).Decide("""{"provider":{"zdr":true}, "model":"m", "provider":{"a":1}}""");
        Assert.Equal("""{ "model":"m", "provider":{"a":1,"zdr":true}}""", result.Body);
    }

    [Theory]
    [InlineData(RequestEndpoint.Generation)]
    [InlineData(RequestEndpoint.Embeddings)]
    public void RuleWithOptionsForImagesOnly_MatchesAndWritesNothingElsewhere(RequestEndpoint endpoint)
    {
        string[] bodies = ["""{"model":"m"}""", """{"model":"m","provider":null}""", """{"model":"m","provider":{"zdr":false}}"""];
        foreach (var body in bodies)
        {
            var result = Set(Enforce("*", """{"options":{"a":{"x":1}}}""")).Decide(body, endpoint);
            Assert.True(result.IsUntouched);
            Assert.Equal("rule", result.Applied);
            Assert.Equal(ExplainedOutcome.NothingToAdd, result.Steps[0].Outcome);
        }
    }

    [Theory]
    [InlineData("m", "m")]
    [InlineData("M", "m")]
    [InlineData("~m", "m")]
    [InlineData("~~m", "m")]
    [InlineData("m:free", "m")]
    [InlineData("m:free:online", "m")]
    [InlineData("m:free:online", "m:free")]
    [InlineData("m@preset/x", "m")]
    [InlineData("m@PRESET/x", "m")]
    [InlineData("m:free@preset/x", "m")]
    [InlineData("m:free@preset/x", "m:free")]
    [InlineData("m:free@preset/x", "m@preset/x")]
    [InlineData("m@preset/x:free", "m")]
    [InlineData("m@preset/x:free", "m@preset/x")]
    [InlineData("~m:free@preset/x", "m")]
    [InlineData("~m:free@preset/x", "~m")]
    [InlineData("~m:free@preset/x", "m@preset/x")]
    [InlineData("~m:free@preset/x", "~m:free@preset/x")]
    [InlineData(" \t m\n", "m")]
    [InlineData(" ~ m : free @preset/x", "m")]
    [InlineData("\v\fm\r", "m")]
    [InlineData("@preset/x", "@preset/*")]
    public void Enforce_IsNotDodgedBySpelling(string name, string pattern)
    {
        var body = $$"""{"model":{{System.Text.Encoding.UTF8.GetString(JsonText.Quote(name))}}}""";
        Assert.Equal("rule", Set(Enforce(pattern, """{"require_parameters":true}""")).Decide(body).Applied);
        Assert.Null(Set(Enforce("other", """{"require_parameters":true}""")).Decide(body).Applied);
    }

    [Theory]
    [InlineData("""{"preset":"x","messages":[]}""", "@preset/*", true)]
    [InlineData("""{"preset":"x","preset":null}""", "@preset/x", true)]
    [InlineData("""{"model":"m","preset":" x "}""", "@preset/x", true)]
    [InlineData("""{"model":"m@preset/x"}""", "@preset/*", true)]
    [InlineData("""{"model":"m@PRESET/x:free"}""", "@preset/x", true)]
    [InlineData("""{"model":"@preset/x"}""", "@preset/x", true)]
    [InlineData("""{"model":"m","preset":["x"]}""", "@preset/x", true)]
    [InlineData("""{"model":"m","preset":{"slug":"x"}}""", "@preset/x", true)]
    [InlineData("""{"model":"m","preset":7}""", "@preset/x", true)]
    [InlineData("""{"model":"m","preset":null}""", "@preset/x", false)]
    [InlineData("""{"model":"m","preset":"y"}""", "@preset/x", false)]
    [InlineData("""{"model":"m"}""", "@preset/*", false)]
    [InlineData("""{"model":"m"}""", "\tm\t", true)]
    public void Enforce_BindsEachSpellingOfAPreset(string body, string pattern, bool applies) =>
        Assert.Equal(applies ? "rule" : null, Set(Enforce(pattern, """{"zdr":true}""")).Decide(body).Applied);

    [Theory]
    [InlineData("""{"model":"m","model":"x"}""", true)]
    [InlineData("""{"model":"x","models":["y","m"]}""", true)]
    [InlineData("""{"models":["m"],"models":["x"]}""", true)]
    [InlineData("""{"model":"x","fallbacks":[{"model":"y"},{"model":"~m:free"}]}""", true)]
    [InlineData("""{"model":"x","messages":[{"model":"m"}]}""", false)]
    [InlineData("{}", false)]
    public void Enforce_JudgesEveryNamedModel(string body, bool applies) =>
        Assert.Equal(applies ? "rule" : null, Set(Enforce("m", """{"zdr":true}""")).Decide(body).Applied);

    [Fact]
    public void Enforce_BindsAMissingModelByAStar()
    {
        Assert.Equal("""{"provider":{"zdr":true}}""", Set(Enforce("*", """{"zdr":true}""")).Decide("{}").Body);
        Assert.Null(Set(Enforce("?*", """{"zdr":true}""")).Decide("{}").Applied);
    }

    [Fact]
    public void Enforce_JudgesADeadDuplicateAsWrittenAndAliased()
    {
        foreach (var pattern in (string[])["a", "b"])
        {
            var rules = new ProviderMappingRules([Enforce(pattern, """{"zdr":true}""")], [Alias("a", "b")]);
            Assert.Equal("rule", rules.Decide("""{"model":"a","model":"x"}""").Applied);
        }
    }

    [Fact]
    public void ManyColons_CostNoTime()
    {
        var spellings = new List<string>();
        ModelSpellings.Add(string.Concat(Enumerable.Repeat("~a:@preset/ ", 50_000)), spellings);
        Assert.InRange(spellings.Count, 2, 100);
    }

    [Theory]
    [InlineData("""{"only":["a"],"zdr":true}""", "zdr")]
    [InlineData("""{"max_price":{"image":1}}""", "max_price")]
    public void ImagesAndAMemberTheyDoNotTake_Is403(string provider, string member)
    {
        string[] bodies = ["""{"model":"m"}""", """{"model":"m","provider":null}""", """{"model":"m","provider":{"only":["a"]}}"""];
        foreach (var body in bodies)
        {
            var result = Set(Enforce("*", provider, "eu")).Decide(body, RequestEndpoint.Images);
            Assert.Equal(
                (403, "provider_not_allowed", $"provider.{member}"),
                (result.Rejection?.Status, result.Rejection?.Code, result.Rejection?.Param));
            Assert.Contains("'eu'", result.Rejection!.Message, StringComparison.Ordinal);
            Assert.Equal("eu", result.Applied);
            Assert.Equal(ExplainedOutcome.Refused, result.Steps[0].Outcome);
        }
    }

    [Fact]
    public void ImagesAndMembersTheyTake_AreNarrowed()
    {
        var rules = Set(Enforce("*", """{"only":["a"],"allow_fallbacks":false,"zdr":false,"options":{"a":{"x":1}}}"""));
        Assert.Equal(
            """{"model":"m","provider":{"only":["a"],"options":{"b":{}},"allow_fallbacks":false}}""",
            rules.Decide("""{"model":"m","provider":{"only":["a","b"],"options":{"b":{}}}}""", RequestEndpoint.Images).Body);
        Assert.Equal(
            """{"model":"m","provider":{"only":["a"],"allow_fallbacks":false,"options":{"a":{"x":1}}}}""",
            rules.Decide("""{"model":"m"}""", RequestEndpoint.Images).Body);
        Assert.Equal(
            """{"model":"m","provider":{"only":["a"],"allow_fallbacks":false}}""", rules.Decide("""{"model":"m"}""").Body);
    }

    [Fact]
    public async Task LongListsAndManyMembers_AreComparedInLinearTime()
    {
        var names = string.Join(',', Enumerable.Range(0, 400_000).Select(i => $"\"d/{i}\""));
        var prices = string.Join(',', Enumerable.Range(0, 400_000).Select(i => $"\"p{i}\":1"));

        var block = Encoding.UTF8.GetBytes(
            $$$$"""{"order":[{{{{names}}}},"d"],"only":[{{{{names}}}}],"max_price":{ {{{{prices}}}} }}""");

        // Each with each, this would take many minutes. Not by way of a body, where 64 KB are the limit.
        var refusal = await Task.Run(() => ProviderNarrowing.Narrow(
            new MutableProviderBlock(block),
            [Enforce("*", """{"ignore":["x"],"max_price":{"prompt":1}}""")],
            RequestEndpoint.Generation,
            changes: null)).GuardAsync();
        Assert.Null(refusal);
    }
}
