using System.ClientModel;
using System.ClientModel.Primitives;
using Gateway.Tests.Support;
using OpenAI;
using OpenAI.Chat;
using OpenAI.Embeddings;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>Promise: an unmodified OpenAI client that points its base URL here works.</summary>
public sealed class OpenAiClientTests : IClassFixture<OpenAiClientTests.Fixture>
{
    private readonly GatewayPair _pair;

    public OpenAiClientTests(Fixture fixture)
    {
        _pair = fixture.Pair;
    }

    [Theory]
    [InlineData("/v1")]
    [InlineData("/api/v1")]
    public async Task Chat_IsAnswered(string prefix)
    {
        var chat = Client(prefix).GetChatClient("anthropic/claude-3-opus");

        ChatCompletion completion = await chat.CompleteChatAsync(
            [new UserChatMessage("Hello")], null, TestContext.Current.CancellationToken);

        Assert.Equal("Hello from the scripted upstream.", completion.Content[0].Text);
        Assert.Equal(14, completion.Usage.TotalTokenCount);
        Assert.Contains(
            "\"order\":[\"Anthropic\",\"Google\"]",
            _pair.Upstream.Requests.Last.BodyText.Replace(" ", "", StringComparison.Ordinal),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task StreamedChat_IsAnsweredToItsEnd()
    {
        var chat = Client("/v1").GetChatClient("anthropic/claude-3-opus");
        var text = "";
        var tokens = 0;

        await foreach (
            var update in chat.CompleteChatStreamingAsync([new UserChatMessage("Hello")], null, TestContext.Current.CancellationToken))
        {
            text += string.Concat(update.ContentUpdate.Select(part => part.Text));
            tokens = update.Usage?.TotalTokenCount ?? tokens;
        }

        Assert.Equal(" word word word", text);
        Assert.Equal(14, tokens);
    }

    [Fact]
    public async Task Embedding_IsAnswered()
    {
        var embeddings = Client("/v1").GetEmbeddingClient("openai/text-embedding-3-small");

        OpenAIEmbedding embedding = await embeddings.GenerateEmbeddingAsync("text", null, TestContext.Current.CancellationToken);

        Assert.Equal([0.25f, -0.5f, 0.125f, 1f], embedding.ToFloats().ToArray());
    }

    [Fact]
    public async Task Models_AreListed()
    {
        var models = await Client("/v1").GetOpenAIModelClient().GetModelsAsync(TestContext.Current.CancellationToken);

        Assert.Contains(models.Value, model => model.Id == "openai/gpt-4o");
    }

    [Fact]
    public async Task RefusalOfTheGateway_ReachesTheCallerWithItsMessage()
    {
        var chat = Client("/v1").GetChatClient("forbidden");

        var refusal = await Assert.ThrowsAsync<ClientResultException>(
            () => chat.CompleteChatAsync([new UserChatMessage("Hello")], null, TestContext.Current.CancellationToken));

        Assert.Equal(403, refusal.Status);
        Assert.Contains("narrow", refusal.Message, StringComparison.Ordinal);
    }

    private OpenAIClient Client(string prefix)
    {
        return new OpenAIClient(
            new ApiKeyCredential("sk-or-v1-test"),
            new OpenAIClientOptions { Endpoint = new Uri(_pair.Gateway.Address, prefix), RetryPolicy = new ClientRetryPolicy(0) });
    }

    public sealed class Fixture : GatewayFixture
    {
        private protected override void Configure(GatewayHostOptions options)
        {
            options.Rules(
                """
                [
                  { "Name": "claude", "Model": "*anthropic/claude*", "Provider": { "order": ["Anthropic", "Google"] } },
                  { "Name": "narrow-a", "Model": "forbidden", "WhenClientSetsProvider": "Enforce", "Provider": { "only": ["azure"] } },
                  { "Name": "narrow-b", "Model": "forbidden", "WhenClientSetsProvider": "Enforce", "Provider": { "only": ["mistral"] } }
                ]
                """);
        }
    }
}
