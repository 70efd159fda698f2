using System.Text.Json;
using System.Text.Json.Nodes;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>Promise: the examples of the README, with their stated results, from flags alone.</summary>
public sealed class MappingExamplesTests : IClassFixture<MappingExamplesTests.Fixture>
{
    private const string OpusRequest =
        """
        {
            "model": "anthropic/claude-3-opus-20240229",
            "messages": [{"role": "user", "content": "Hello!"}],
            "temperature": 0.7
          }
        """;

    private readonly GatewayPair _pair;

    public MappingExamplesTests(Fixture fixture)
    {
        _pair = fixture.Pair;
    }

    [Theory]
    [InlineData("/v1/chat/completions")]
    [InlineData("/api/v1/chat/completions")]
    [InlineData("/api/chat/completions")]
    public async Task ClaudeRequest_GetsTheProvidersOfTheMapping(string path)
    {
        var call = await _pair.PostAsync(path, OpusRequest);

        Assert.Equal(200, call.Status);
        AssertJson(
            """
            {
              "model": "anthropic/claude-3-opus-20240229",
              "messages": [{"role": "user", "content": "Hello!"}],
              "temperature": 0.7,
              "provider": { "order": ["Anthropic", "Google"] }
            }
            """,
            call.ForwardedJson);
        Splice.Inserted(OpusRequest, call.Forwarded.Body!);
        Assert.Equal("Anthropic", call.Json.GetProperty("provider").GetString());
        Assert.NotEmpty(call.Head.Header("x-gateway-rule") ?? "");
    }

    [Fact]
    public async Task ExactMapping_MatchesThatNameAlone()
    {
        Assert.Equal(["OpenAI"], Order(await _pair.ChatAsync("gpt-4")));
        Assert.Null(Order(await _pair.ChatAsync("gpt-4o")));
        Assert.Null(Order(await _pair.ChatAsync("openai/gpt-4")));
    }

    [Fact]
    public async Task ExplicitProvider_IsTheCallersManualControl()
    {
        const string Body = """{"model":"anthropic/claude-3-opus","messages":[],"provider":{"order":["OpenAI"]}}""";

        var call = await _pair.PostAsync("/v1/chat/completions", Body);

        Assert.Equal(Body, call.Forwarded.BodyText);
        Assert.Null(call.Head.Header("x-gateway-rule"));
    }

    [Fact]
    public async Task ExplicitProviderWithoutMapping_PassesUntouched()
    {
        const string Body =
            """
            {"model": "mistralai/mixtral-8x7b-instruct", "messages": [{"role": "user", "content": "Hello!"}], "provider": {"order": ["OpenAI"]}}
            """;

        var call = await _pair.PostAsync("/v1/chat/completions", Body);

        Assert.Equal(Body, call.Forwarded.BodyText);
        Assert.Equal("OpenAI", call.Json.GetProperty("provider").GetString());
    }

    [Fact]
    public async Task UnmappedModel_PassesUntouched()
    {
        const string Body = """{ "model" : "mistralai/mixtral-8x7b-instruct" , "messages" : [ ] }""";

        var call = await _pair.PostAsync("/v1/chat/completions", Body);

        Assert.Equal(Body, call.Forwarded.BodyText);
        Assert.Null(call.Head.Header("x-gateway-rule"));
    }

    [Fact]
    public async Task StreamedRequest_IsMappedAndStreamedBack()
    {
        const string Body = """{"model":"anthropic/claude-3-opus-20240229","messages":[{"role":"user","content":"Hello!"}],"stream":true}""";

        var call = await _pair.PostAsync("/v1/chat/completions", Body);

        Assert.StartsWith("text/event-stream", call.Head.Header("Content-Type"), StringComparison.Ordinal);
        Assert.Equal("[DONE]", SseEvents.Parse(call.Body.Text)[^1].Data);
        Assert.Equal(["Anthropic", "Google"], Order(call)!);
    }

    [Fact]
    public async Task Embeddings_AreMappedToo()
    {
        var call = await _pair.PostAsync("/v1/embeddings", """{"model":"x/anthropic/claude","input":"text"}""");

        Assert.Equal(["Anthropic", "Google"], Order(call)!);
        Assert.Equal(4, call.Json.GetProperty("data")[0].GetProperty("embedding").GetArrayLength());
    }

    [Fact]
    public async Task Models_AreListed()
    {
        var call = await _pair.GetAsync("/v1/models");

        Assert.Equal(200, call.Status);
        Assert.NotEmpty(call.Json.GetProperty("data").EnumerateArray());
        Assert.Equal("Bearer sk-or-v1-test", call.Forwarded.Header("Authorization"));
    }

    private static IEnumerable<string?>? Order(Exchange call)
    {
        return call.ForwardedJson.TryGetProperty("provider", out var provider)
            ? provider.GetProperty("order").EnumerateArray().Select(name => name.GetString())
            : null;
    }

    private static void AssertJson(string expected, JsonElement actual)
    {
        Assert.True(JsonNode.DeepEquals(JsonNode.Parse(expected), JsonNode.Parse(actual.GetRawText())), actual.GetRawText());
    }

    public sealed class Fixture : GatewayFixture
    {
        private protected override void Configure(GatewayHostOptions options)
        {
            options.Mapping("*anthropic/claude*=Anthropic,Google");
            options.Mapping("gpt-4=OpenAI");
        }
    }
}
