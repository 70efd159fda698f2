using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>Promise: aliases give models other names, before the rules look; everything else of the body stays.</summary>
public sealed class AliasTests : IClassFixture<AliasTests.Fixture>
{
    private const string Chat = "/v1/chat/completions";

    private readonly GatewayPair _pair;

    public AliasTests(Fixture fixture)
    {
        _pair = fixture.Pair;
    }

    [Fact]
    public async Task Alias_ReplacesTheModelToTheByte()
    {
        var call = await _pair.PostAsync(Chat, """{ "seed" : 12345678901234567890, "model" : "plain" , "x":1.0 }""");

        Assert.Equal("""{ "seed" : 12345678901234567890, "model" : "openai/plain" , "x":1.0 }""", call.Forwarded.BodyText);
    }

    [Fact]
    public async Task Fallbacks_GoInAsModels()
    {
        var call = await _pair.PostAsync(Chat, """{"model":"gpt-4o","messages":[]}""");

        Assert.Equal("openai/gpt-4o", call.ForwardedJson.GetProperty("model").GetString());
        Assert.Equal(
            ["anthropic/claude-sonnet-4.5", "mistralai/m"], call.ForwardedJson.GetProperty("models").EnumerateArray().Select(
                name => name.GetString()!));
        Assert.Equal("openai/gpt-4o", call.Json.GetProperty("model").GetString());
    }

    [Theory]
    [InlineData("""{"model":"gpt-4o","models":["x/y"]}""")]
    [InlineData("""{"model":"gpt-4o","fallbacks":[{"model":"x/y"}]}""")]
    public async Task FallbacksOfTheRequest_StandAlone(string body)
    {
        var call = await _pair.PostAsync(Chat, body);

        Assert.Equal(body.Replace("gpt-4o", "openai/gpt-4o", StringComparison.Ordinal), call.Forwarded.BodyText);
    }

    [Fact]
    public async Task EntriesOfModelsAndFallbacks_AreAliasedToo()
    {
        var models = await _pair.PostAsync(Chat, """{"model":"plain","models":["plain","x/y","PLAIN"]}""");
        var fallbacks = await _pair.PostAsync("/v1/messages", """{"model":"x/y","fallbacks":[{"model":"plain"}]}""");

        Assert.Equal("""{"model":"openai/plain","models":["openai/plain","x/y","openai/plain"]}""", models.Forwarded.BodyText);
        Assert.Equal("""{"model":"x/y","fallbacks":[{"model":"openai/plain"}]}""", fallbacks.Forwarded.BodyText);
    }

    [Fact]
    public async Task Aliases_DoNotChain()
    {
        var call = await _pair.PostAsync(Chat, """{"model":"one"}""");

        Assert.Equal("""{"model":"two"}""", call.Forwarded.BodyText);
    }

    [Fact]
    public async Task Rules_SeeTheNameThatTheAliasGave()
    {
        var call = await _pair.PostAsync(Chat, """{"model":"my-claude-7","messages":[]}""");

        Assert.Equal("anthropic/claude-opus", call.ForwardedJson.GetProperty("model").GetString());
        Assert.Equal("claude", call.Head.Header("x-gateway-rule"));
        Assert.Equal("anthropic", call.ForwardedJson.GetProperty("provider").GetProperty("only")[0].GetString());
    }

    [Fact]
    public async Task DuplicateModels_AreCutToOneWhenTheAliasWrites()
    {
        var call = await _pair.PostAsync(Chat, """{"model":"x","a":1,"model":"plain"}""");

        Assert.Equal("""{"a":1,"model":"openai/plain"}""", call.Forwarded.BodyText);
    }

    public sealed class Fixture : GatewayFixture
    {
        private protected override void Configure(GatewayHostOptions options)
        {
            options.Settings = ShippedSettings.With(("ProviderMapping",
                """
                {
                  "Rules": [ { "Name": "claude", "Model": "anthropic/*", "Provider": { "only": ["anthropic"] } } ],
                  "Aliases": [
                    { "Model": "gpt-4o", "Use": "openai/gpt-4o", "Fallbacks": ["anthropic/claude-sonnet-4.5", "mistralai/m"] },
                    { "Model": "plain", "Use": "openai/plain" },
                    { "Model": "one", "Use": "two" },
                    { "Model": "two", "Use": "three" },
                    { "Model": "my-claude-*", "Use": "anthropic/claude-opus" }
                  ]
                }
                """));
        }
    }
}
