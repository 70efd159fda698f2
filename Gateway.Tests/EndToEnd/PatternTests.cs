using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: patterns are exact, prefix*, *suffix, *substring*, a lone *, or hold a * anywhere; first match wins, without case.
/// </summary>
public sealed class PatternTests : IClassFixture<PatternTests.Fixture>
{
    private readonly GatewayPair _pair;

    public PatternTests(Fixture fixture)
    {
        _pair = fixture.Pair;
    }

    [Theory]
    [InlineData("openai/gpt-4o", "exact")]
    [InlineData("OpenAI/GPT-4O", "exact")]
    [InlineData("openai/gpt-4o:nitro", "prefix")]
    [InlineData("openai/", "prefix")]
    [InlineData("x/openai/", "suffix")]
    [InlineData("some/model:free", "colon-suffix")]
    [InlineData("a-mistral-b", "substring")]
    [InlineData("mistral", "substring")]
    [InlineData("meta/llama-3-instruct", "middle")]
    [InlineData("meta/llama--instruct", "middle")]
    [InlineData("meta/llama-instruct", "all")]
    [InlineData("anything else", "all")]
    public async Task Model_MeetsTheFirstRuleThatMatches(string model, string rule)
    {
        var call = await _pair.ChatAsync(model);

        Assert.Equal(rule, call.Head.Header("x-gateway-rule"));
        Assert.Equal($"to-{rule}", call.ForwardedJson.GetProperty("provider").GetProperty("order")[0].GetString());
    }

    [Fact]
    public async Task EscapedModelName_IsMatchedAsItReads()
    {
        var call = await _pair.PostAsync("/v1/chat/completions", """{"mod\u0065l":"open\u0061i/gpt-4o","messages":[]}""");

        Assert.Equal("exact", call.Head.Header("x-gateway-rule"));
    }

    [Fact]
    public async Task DuplicateModel_IsReadAtItsLastOccurrence()
    {
        var call = await _pair.PostAsync("/v1/chat/completions", """{"model":"openai/gpt-4o","messages":[],"model":"a-mistral-b"}""");

        Assert.Equal("substring", call.Head.Header("x-gateway-rule"));
    }

    [Fact]
    public async Task NestedLookAlike_IsNotTheModel()
    {
        var call = await _pair.PostAsync(
            "/v1/chat/completions", """{"metadata":{"model":"openai/gpt-4o"},"model":"mistral","x":[{"model":"openai/gpt-4o"}]}""");

        Assert.Equal("substring", call.Head.Header("x-gateway-rule"));
    }

    [Fact]
    public async Task MissingModel_IsReadFromModels()
    {
        var call = await _pair.PostAsync("/v1/chat/completions", """{"models":["mistral","openai/gpt-4o"],"messages":[]}""");

        Assert.Equal("substring", call.Head.Header("x-gateway-rule"));
    }

    [Fact]
    public async Task MissingModelAndModels_IsBoundByTheLoneStar()
    {
        var call = await _pair.PostAsync("/v1/chat/completions", """{"messages":[]}""");

        Assert.Equal("all", call.Head.Header("x-gateway-rule"));
    }

    [Theory]
    [InlineData("""{"model":"@preset/mine","messages":[]}""")]
    [InlineData("""{"model":"openai/gpt-4o@preset/mine","messages":[]}""")]
    [InlineData("""{"model":"openai/gpt-4o","preset":"mine","messages":[]}""")]
    public async Task PresetReference_IsLeftAlone(string body)
    {
        var call = await _pair.PostAsync("/v1/chat/completions", body);

        Assert.Equal(body, call.Forwarded.BodyText);
        Assert.Null(call.Head.Header("x-gateway-rule"));
    }

    public sealed class Fixture : GatewayFixture
    {
        private protected override void Configure(GatewayHostOptions options)
        {
            options.Rules(
                """
                [
                  { "Name": "exact", "Model": "openai/gpt-4o", "Provider": { "order": ["to-exact"] } },
                  { "Name": "prefix", "Model": "openai/*", "Provider": { "order": ["to-prefix"] } },
                  { "Name": "suffix", "Model": "*/openai/", "Provider": { "order": ["to-suffix"] } },
                  { "Name": "colon-suffix", "Model": ["unused", "*:free"], "Provider": { "order": ["to-colon-suffix"] } },
                  { "Name": "substring", "Model": "*mistral*", "Provider": { "order": ["to-substring"] } },
                  { "Name": "middle", "Model": "meta/llama-*-instruct", "Provider": { "order": ["to-middle"] } },
                  { "Name": "all", "Model": "*", "Provider": { "order": ["to-all"] } }
                ]
                """);
        }
    }
}
