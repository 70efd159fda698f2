#pragma warning disable OPENAI001 // The client marks its responses as a preview; they are tested here because callers use them.

using System.ClientModel;
using System.ClientModel.Primitives;
using System.Text.Json;
using FakeOpenRouter;
using Gateway.Tests.Support;
using OpenAI;
using OpenAI.Chat;
using OpenAI.Embeddings;
using OpenAI.Responses;
using Xunit;

namespace Gateway.Tests.Clients;

/// <summary>The official .NET client, NuGet's <c>OpenAI</c>, with the endpoint <c>http://gateway/v1</c>.</summary>
public sealed class OpenAiDotNetTests : IClassFixture<OpenAiDotNetTests.Fixture>
{
    private const string Model = "anthropic/claude-3-opus";


    private readonly GatewayPair _pair;
    private readonly string _id = Guid.NewGuid().ToString("N");

    public OpenAiDotNetTests(Fixture fixture)
    {
        _pair = fixture.Pair;
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private RequestLog Requests => _pair.Upstream.Requests;

    [Fact]
    public async Task Chat_IsAnsweredUnderItsRule()
    {
        var chat = Client().GetChatClient(Model);

        ClientResult<ChatCompletion> answer = await chat.CompleteChatAsync([new UserChatMessage("Hello, 世界 🌍")], null, Cancel);

        Assert.Equal("Hello from the scripted upstream.", answer.Value.Content[0].Text);
        Assert.Equal(ChatFinishReason.Stop, answer.Value.FinishReason);
        Assert.Equal(14, answer.Value.Usage.TotalTokenCount);
        Assert.True(answer.GetRawResponse().Headers.TryGetValue("x-gateway-rule", out var rule));
        Assert.Equal("claude", rule);
        var received = JsonSerializer.Deserialize<JsonElement>(Requests.Find(_id)!.Body);
        Assert.Equal("""{"order":["Anthropic","Google"]}""", received.GetProperty("provider").GetRawText());
        Assert.Equal("Hello, 世界 🌍", received.GetProperty("messages")[0].GetProperty("content").GetString());
    }

    [Fact]
    public async Task ProviderOfTheClient_Stays()
    {
        const string Body =
            """{"model": "anthropic/claude-3-opus", "provider": {"order": ["Azure"]}, "messages": [{"role": "user", "content": "Hi"}]}""";

        var answer = await CompleteAsync(Client(), Body);

        Assert.False(answer.GetRawResponse().Headers.TryGetValue("x-gateway-rule", out _));
        Assert.Equal(Body, Requests.Find(_id)!.BodyText);
    }

    [Fact]
    public async Task Stream_ArrivesChunkByChunkWithItsUsage()
    {
        var chat = Client("x-fake-events: 5", "x-fake-keepalives: 3", "x-fake-keepalive-ms: 20", "x-fake-split: 7").GetChatClient(Model);
        List<string> texts = [];
        var finish = default(ChatFinishReason?);
        var tokens = 0;

        await foreach (var update in chat.CompleteChatStreamingAsync([new UserChatMessage("Hello")], null, Cancel))
        {
            texts.AddRange(update.ContentUpdate.Select(part => part.Text).Where(text => text.Length > 0));
            finish = update.FinishReason ?? finish;
            tokens = update.Usage?.TotalTokenCount ?? tokens;
        }

        Assert.Equal(Enumerable.Repeat(" word", 5), texts);
        Assert.Equal(ChatFinishReason.Stop, finish);
        Assert.Equal(16, tokens);
    }

    [Fact]
    public async Task Abort_ReachesUpstream()
    {
        using var leave = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var chat = Client("x-fake-stall-after: 2").GetChatClient(Model);
        var stream = chat.CompleteChatStreamingAsync([new UserChatMessage("Hello")], null, leave.Token);
        await using var updates = stream.GetAsyncEnumerator(leave.Token);
        Assert.True(await updates.MoveNextAsync());
        Assert.True(await updates.MoveNextAsync());
        var third = updates.MoveNextAsync().AsTask();

        await leave.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => third);
        await AssertClientAbortedAsync();
    }

    // HttpClient reads on for up to two seconds in the hope of keeping the connection, when no read waits for a chunk at the moment of
    // leaving. Nothing tells the gateway of it before.
    [Fact]
    public async Task LeavingBetweenTwoChunks_ReachesUpstreamAfterTheClientsDrain()
    {
        var chat = Client("x-fake-stall-after: 2").GetChatClient(Model);

        await foreach (var _ in chat.CompleteChatStreamingAsync([new UserChatMessage("Hello")], null, Cancel))
        {
            break;
        }

        await AssertClientAbortedAsync();
    }

    [Theory]
    [InlineData(400)]
    [InlineData(402)]
    [InlineData(429)]
    [InlineData(500)]
    public async Task UpstreamError_IsTheClientsOwn(int status)
    {
        var chat = Client($"x-fake-status: {status}").GetChatClient(Model);

        var error = await Assert.ThrowsAsync<ClientResultException>(
            () => chat.CompleteChatAsync([new UserChatMessage("Hello")], null, Cancel));

        Assert.Equal(status, error.Status);
        Assert.Contains($"Scripted error {status}", error.GetRawResponse()!.Content.ToString(), StringComparison.Ordinal);
        Assert.Equal(1, Requests.All.Count(request => request.Id == _id));
    }

    [Fact]
    public async Task Retries_AreThoseOfTheClient()
    {
        var chat = Client(retries: 2, "x-fake-status: 429", "x-fake-header: retry-after-ms: 10").GetChatClient(Model);

        var error = await Assert.ThrowsAsync<ClientResultException>(
            () => chat.CompleteChatAsync([new UserChatMessage("Hello")], null, Cancel));

        Assert.Equal(429, error.Status);
        Assert.Equal(3, Requests.All.Count(request => request.Id == _id));
    }

    [Theory]
    [InlineData(403, "Rule 'azure-only' refuses", """{"model":"openai/gpt-4o","provider":{"only":["openai"]},"messages":[]}""")]
    [InlineData(400, "'provider' must be an object", """{"model":"openai/gpt-4o","provider":"azure","messages":[]}""")]
    [InlineData(400, "", """{"model":"openai/gpt-4o","messages":[]""")]
    public async Task GatewayError_IsTheClientsOwn(int status, string message, string body)
    {
        var error = await Assert.ThrowsAsync<ClientResultException>(() => CompleteAsync(Client(), body));

        Assert.Equal(status, error.Status);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
        Assert.True(error.GetRawResponse()!.Headers.TryGetValue("x-gateway-error", out _));
        Assert.Null(Requests.Find(_id));
    }

    [Fact]
    public async Task BodyOverTheLimit_Is413()
    {
        var chat = Client().GetChatClient(Model);

        var error = await Assert.ThrowsAsync<ClientResultException>(
            () => chat.CompleteChatAsync([new UserChatMessage(new string('x', ClientSettings.MaxRequestBodySize))], null, Cancel));

        Assert.Equal(413, error.Status);
        Assert.Contains("larger than 200000 bytes", error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task ErrorInA200_Throws(bool streams)
    {
        var chat = Client(streams ? "x-fake-error-after: 0" : "x-fake-error: 1").GetChatClient(Model);

        var error = await Assert.ThrowsAsync<ClientResultException>(async () =>
        {
            if (!streams)
            {
                await chat.CompleteChatAsync([new UserChatMessage("Hello")], null, Cancel);
                return;
            }

            await foreach (var _ in chat.CompleteChatStreamingAsync([new UserChatMessage("Hello")], null, Cancel))
            {
            }
        });

        Assert.Equal(502, error.Status);
        Assert.Contains(streams ? "Provider disconnected" : "Provider returned error", error.Message, StringComparison.Ordinal);
    }

    // The client does not know error events and skips them. Only the failed connection shows it the failure.
    [Fact]
    public async Task StreamThatBreaks_Throws()
    {
        var chat = Client("x-fake-cut-after: 2").GetChatClient(Model);
        var texts = "";

        var error = await Assert.ThrowsAnyAsync<Exception>(async () =>
        {
            await foreach (var update in chat.CompleteChatStreamingAsync([new UserChatMessage("Hello")], null, Cancel))
            {
                texts += string.Concat(update.ContentUpdate.Select(part => part.Text));
            }
        });

        Assert.IsAssignableFrom<IOException>(error);
        Assert.Equal(" word word", texts);
    }

    // OpenRouter ends a failed stream with a finish reason that OpenAI does not have, and the client has no value for it.
    [Fact]
    public async Task ErrorEventOfUpstream_Throws()
    {
        var chat = Client("x-fake-error-after: 2").GetChatClient(Model);

        var error = await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () =>
        {
            await foreach (var _ in chat.CompleteChatStreamingAsync([new UserChatMessage("Hello")], null, Cancel))
            {
            }
        });

        Assert.Contains("Unknown ChatFinishReason value", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Embeddings_AreAnswered()
    {
        var embeddings = Client().GetEmbeddingClient("openai/text-embedding-3-small");

        OpenAIEmbedding embedding = await embeddings.GenerateEmbeddingAsync("text", null, Cancel);

        Assert.Equal([0.25f, -0.5f, 0.125f, 1f], embedding.ToFloats().ToArray());
    }

    [Fact]
    public async Task Image_IsAnswered()
    {
        var client = Client("""x-fake-body: {"created":1767225600,"data":[{"b64_json":"iVBORw0KGgo="}]}""");
        var images = client.GetImageClient("google/gemini-2.5-flash-image");

        var image = await images.GenerateImageAsync("A cat", null, Cancel);

        Assert.Equal("iVBORw0KGgo=", Convert.ToBase64String(image.Value.ImageBytes.ToMemory().Span));
        Assert.Equal("/api/v1/images/generations", Requests.Find(_id)!.Path);
    }

    [Fact]
    public async Task Models_AreListed()
    {
        var models = await Client().GetOpenAIModelClient().GetModelsAsync(Cancel);

        Assert.Contains(models.Value, model => model.Id == "openai/gpt-4o");
    }

    [Fact]
    public async Task Response_IsAnswered()
    {
        var responses = Client().GetResponsesClient();

        ResponseResult response = await responses.CreateResponseAsync(Model, "Hello", cancellationToken: Cancel);

        Assert.Equal("Hello from the scripted upstream.", response.GetOutputText());
        Assert.Equal(14, response.Usage.TotalTokenCount);
        Assert.Contains("\"provider\":{\"order\":[\"Anthropic\",\"Google\"]}", Requests.Find(_id)!.BodyText, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ResponseStream_ArrivesEventByEvent()
    {
        var responses = Client("x-fake-events: 5", "x-fake-keepalives: 3").GetResponsesClient();
        List<string> texts = [];
        ResponseResult? completed = null;

        await foreach (var update in await responses.CreateResponseStreamingAsync(Model, "Hello", cancellationToken: Cancel))
        {
            if (update is StreamingResponseOutputTextDeltaUpdate text)
            {
                texts.Add(text.Delta);
            }
            else if (update is StreamingResponseCompletedUpdate end)
            {
                completed = end.Response;
            }
        }

        Assert.Equal(Enumerable.Repeat(" word", 5), texts);
        Assert.Equal(16, completed?.Usage.TotalTokenCount);
    }

    private async Task AssertClientAbortedAsync()
    {
        var request = await Requests.WaitForAsync(request => request.Id == _id && request.End != ReceivedEnd.Open);
        Assert.Equal(ReceivedEnd.ClientAborted, request.End);
    }

    private OpenAIClient Client(params string[] script) => Client(0, script);

    private OpenAIClient Client(int retries, params string[] script)
    {
        var options = new OpenAIClientOptions
        {
            Endpoint = new Uri(_pair.Gateway.Address, "/v1"),
            RetryPolicy = new ClientRetryPolicy(retries),
        };
        options.AddPolicy(new ScriptPolicy([.. script, $"x-fake-id: {_id}"]), PipelinePosition.PerCall);
        return new OpenAIClient(new ApiKeyCredential("sk-or-v1-test"), options);
    }

    /// <summary>A call with a body of the test's own, which the client's types cannot express.</summary>
    private static Task<ClientResult> CompleteAsync(OpenAIClient client, string body)
    {
        return client.GetChatClient(Model).CompleteChatAsync(
            BinaryContent.Create(BinaryData.FromString(body)), new RequestOptions { CancellationToken = Cancel });
    }

    public sealed class Fixture : GatewayFixture
    {
        private protected override void Configure(GatewayHostOptions options) => options.Settings = ClientSettings.Text;
    }
}
