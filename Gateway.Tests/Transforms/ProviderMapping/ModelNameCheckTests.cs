using Xunit;
using static Gateway.Tests.Transforms.ProviderMapping.RuleSet;

namespace Gateway.Tests.Transforms.ProviderMapping;

/// <summary>
/// Promise: where an enforced rule exists, no request names its models in a way that upstream may read differently. Elsewhere such a
/// request passes.
/// </summary>
public sealed class ModelNameCheckTests
{
    [Theory]
    [InlineData("""{"model":7}""", "model")]
    [InlineData("""{"model":["m"]}""", "model")]
    [InlineData("""{"model":{"id":"m"}}""", "model")]
    [InlineData("""{"model":true}""", "model")]
    [InlineData("""{"model":{},"model":"x"}""", "model")]
    [InlineData("""{"mod\u0065l":7}""", "model")]
    [InlineData("""{"model":"x","models":"m"}""", "models")]
    [InlineData("""{"model":"x","models":{"0":"m"}}""", "models")]
    [InlineData("""{"model":"x","models":[["m"]]}""", "models")]
    [InlineData("""{"model":"x","models":["x",{"model":"m"}]}""", "models")]
    [InlineData("""{"model":"x","models":["x",null]}""", "models")]
    [InlineData("""{"model":"x","models":[1]}""", "models")]
    [InlineData("""{"models":[false],"models":["x"],"model":"x"}""", "models")]
    [InlineData("""{"model":"x","fallbacks":{"model":"m"}}""", "fallbacks")]
    [InlineData("""{"model":"x","fallbacks":"m"}""", "fallbacks")]
    [InlineData("""{"model":"x","fallbacks":[7]}""", "fallbacks")]
    [InlineData("""{"model":"x","fallbacks":[null]}""", "fallbacks")]
    [InlineData("""{"model":"x","fallbacks":[[{"model":"m"}]]}""", "fallbacks")]
    [InlineData("""{"model":"x","fallbacks":[{}]}""", "fallbacks")]
    [InlineData("""{"model":"x","fallbacks":[{"model":null}]}""", "fallbacks")]
    [InlineData("""{"model":"x","fallbacks":[{"model":["m"]}]}""", "fallbacks")]
    [InlineData("""{"model":"x","fallbacks":[{"model":"x","mod\u0065l":{}}]}""", "fallbacks")]
    [InlineData("""{"model":"x","fallbacks":[{"id":"m","x":{"model":"x"}}]}""", "fallbacks")]
    public void MemberOfAnotherType_IsA400WhereAnEnforcedRuleExists(string body, string param)
    {
        var refused = Set(Enforce("m", """{"zdr":true}""")).Decide(body).Rejection!;

        Assert.Equal((400, "invalid_model", param), (refused.Status, refused.Code, refused.Param));
        Assert.Contains($"'{param}' must be", refused.Message, StringComparison.Ordinal);
        Assert.True(Set(Fill("m", """{"zdr":true}""")).Decide(body).IsUntouched);
    }

    [Theory]
    [InlineData("""{"model":"a/b:1:2:3:4:5"}""", "model")]
    [InlineData("""{"model":"x","models":["a/b:nitro:nitro:nitro:nitro:free:nitro"]}""", "model")]
    [InlineData("""{"model":"x@preset/a:1:2:3:4:5"}""", "model")]
    [InlineData("""{"model":"x","tools":[{"type":"openrouter:advisor","parameters":{"model":"a/b:::::"}}]}""", "tools")]
    public void NameWithMoreVariantsThanAreJudged_IsA400WhereAnEnforcedRuleExists(string body, string param)
    {
        var refused = Set(Enforce("*:free", """{"zdr":true}""")).Decide(body).Rejection!;

        Assert.Equal((400, "invalid_model", param), (refused.Status, refused.Code, refused.Param));
        Assert.True(Set(Fill("m", """{"zdr":true}""")).Decide(body).IsUntouched);
    }

    [Theory]
    [InlineData("""{"model":"ft:gpt-4o-mini:org:name:id"}""")]
    [InlineData("""{"model":null}""")]
    [InlineData("""{"model":"x","models":null,"fallbacks":null}""")]
    [InlineData("""{"model":"x","models":[],"fallbacks":[]}""")]
    [InlineData("""{"model":"x","models":["x","y"]}""")]
    [InlineData("""{"model":"x","fallbacks":[{"model":"y"},{"x":[{"model":1}],"mod\u0065l":"z"}]}""")]
    [InlineData("""{"model":" x\t\r\n","messages":[{"model":7,"fallbacks":7}]}""")]
    [InlineData("""{"model":"~a/b-c_d.e:f@preset/g (h)","preset":"i"}""")]
    public void OrdinaryMembers_Pass(string body) => Assert.Null(Set(Enforce("m", """{"zdr":true}""")).Decide(body).Rejection);

    [Theory]
    [InlineData("m\uFEFF")]
    [InlineData("\uFEFFm")]
    [InlineData("m\u00A0")]
    [InlineData("m\u200B")]
    [InlineData("m\u00AD")]
    [InlineData("\uFF4D")]
    [InlineData("m\u0131ni")]
    [InlineData("\u017Ft")]
    [InlineData("\u212A")]
    [InlineData("m\u0301")]
    [InlineData("m\\u0000")]
    [InlineData("m\\ufeff")]
    [InlineData("m\\ud800")]
    [InlineData("m\u007F")]
    [InlineData("m:online\uFEFF")]
    [InlineData("m@preset/x\uFEFF")]
    public void NameOutsidePrintableAscii_IsA400WhereAnEnforcedRuleExists(string name)
    {
        (string Body, string Param)[] cases =
        [
            ($$"""{"model":"{{name}}"}""", "model"),
            ($$"""{"model":"{{name}}","model":"x"}""", "model"),
            ($$"""{"model":"x","models":["x","{{name}}"]}""", "model"),
            ($$"""{"model":"x","fallbacks":[{"model":"{{name}}"}]}""", "model"),
            ($$"""{"model":"x","preset":"{{name}}"}""", "preset"),
            ($$$"""{"model":"x","tools":[{"type":"openrouter:advisor","parameters":{"model":"{{{name}}}"}}]}""", "tools"),
            ($$"""{"model":"x","plugins":[{"id":"fusion","model":"x","analysis_models":["{{name}}"]}]}""", "plugins"),
        ];
        foreach (var (body, param) in cases)
        {
            var refused = Set(Enforce("other", """{"require_parameters":true}""")).Decide(body).Rejection!;

            Assert.Equal((400, "invalid_model", param), (refused.Status, refused.Code, refused.Param));
            Assert.Contains("printable ASCII", refused.Message, StringComparison.Ordinal);
            Assert.Null(Set(Fill("other", """{"zdr":true}""")).Decide(body).Rejection);
        }
    }

    [Fact]
    public void AliasOfAnyLetters_IsJudgedByItsModel()
    {
        var rules = new OpenRouterGateway.Transforms.ProviderMapping.ProviderMappingRules(
            [Enforce("m", """{"zdr":true}""")], [Alias("größtes", "m")]);

        Assert.Equal("rule", rules.Decide("""{"model":"größtes"}""").Applied);
        Assert.Equal(400, rules.Decide("""{"model":"größtes","model":"größtes\uFEFF"}""").Rejection!.Status);
    }

    [Fact]
    public void MillionsOfElements_AreReadOnce()
    {
        var body = $$"""{"model":"x","fallbacks":[{{string.Join(',', Enumerable.Repeat("{}", 500_000))}}],"models":[{{string.Join(',', Enumerable.Repeat("7", 500_000))}}]}""";

        Assert.Equal("fallbacks", Set(Enforce("m", """{"zdr":true}""")).Decide(body).Rejection!.Param);
    }
}
