using Gateway.Pricing;
using Xunit;

namespace Gateway.Tests.Gateway.Admission;

/// <summary>Promise: the tier of an estimate is that of the request as it is sent, with the members that rules and aliases have written.</summary>
public sealed class SentTierTests
{
    private const string Prices = """
        {"data":[
          {"id":"m","pricing":{"prompt":"0.000001","completion":"0.000002"} },
          {"id":"m-fast","pricing":{"prompt":"0.00001","completion":"0.00002"} } ]}
        """;

    private const string Priority = """ "Provider": { "order": ["azure", "openai/priority"] } """;

    [Theory]
    [InlineData($$""" "Model": "m", {{Priority}} """, "", 2)]
    [InlineData($$""" "Model": "m", {{Priority}} """, "\"service_tier\":\"default\"", 2)]
    [InlineData($$""" "Model": "other", {{Priority}} """, "", 0)]
    [InlineData(""" "Model": "m", "Provider": { "order": ["azure"] } """, "", 0)]
    [InlineData(""" "Model": "m", "Provider": { "ord\u0065r": ["OpenAI/Priorit\u0079"] } """, "", 2)]
    [InlineData($$""" "Model": "m", {{Priority}} """, "\"provider\":{\"only\":[\"azure\"]}", 0)]
    [InlineData($$""" "Model": "m", {{Priority}} """, "\"provider\":null", 2)]
    [InlineData($$""" "Model": "m", {{Priority}} """, "\"preset\":\"p\"", 0)]
    [InlineData($$""" "Model": "m", "WhenClientSetsProvider": "Fill", {{Priority}} """, "\"provider\":{\"zdr\":true}", 2)]
    [InlineData($$""" "Model": "m", "WhenClientSetsProvider": "Enforce", {{Priority}} """, "\"provider\":{\"zdr\":true}", 2)]
    [InlineData(""" "Model": "m", "WhenClientSetsProvider": "Enforce", "Provider": { "only": ["openai/fast"] } """, "", 2)]
    [InlineData(""" "Model": "m", "WhenClientSetsProvider": "Enforce", "Provider": { "ignore": ["openai/priority"] } """, "", 0)]
    public async Task Rule_ThatAdmitsAFastTier_IsPricedAsOne(string rule, string members, int tier)
    {
        using var estimator = await Estimator.CreateAsync(Prices, """{ "AllowUnknownPrices": true }""", $$"""{ "Rules": [ { {{rule}} } ] }""");

        var estimate = estimator.Estimate("/v1/chat/completions", $$"""{"model":"m"{{(members.Length > 0 ? "," : "")}}{{members}}}""");

        Assert.Equal((ServiceTier)tier, estimate.Size.Tier);
    }

    [Fact]
    public async Task Alias_OfAFastModel_IsPricedByItsOwnEntry()
    {
        using var estimator = await Estimator.CreateAsync(Prices, mapping: """{ "Aliases": [ { "Model": "quick", "Use": "m-fast" } ] }""");

        Assert.Equal(
            estimator.Estimate("/v1/chat/completions", """{"model":"m-fast"}"""),
            estimator.Estimate("/v1/chat/completions", """{"model":"quick" }"""));
    }

    [Fact]
    public async Task Alias_ToTheFastVariant_IsPricedAsAFastTier()
    {
        using var estimator = await Estimator.CreateAsync(Prices, mapping: """{ "Aliases": [ { "Model": "quick", "Use": "m:nitro" } ] }""");

        Assert.Equal(
            estimator.Estimate("/v1/chat/completions", """{"model":"m","speed":"fast"}""").Price,
            estimator.Estimate("/v1/chat/completions", """{"model":"quick"}""").Price);
    }
}
