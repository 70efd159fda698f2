#pragma warning disable SKEXP0010 // The kernel marks endpoints other than OpenAI's as experimental; they are tested here because callers use them.

using System.ClientModel;
using System.Net;
using Gateway.Tests.Support;
using Microsoft.SemanticKernel;
using Microsoft.SemanticKernel.ChatCompletion;
using Xunit;

namespace Gateway.Tests.Clients;

/// <summary>Semantic Kernel with its OpenAI connector and the endpoint <c>http://gateway/v1</c>.</summary>
public sealed class SemanticKernelTests : IClassFixture<SemanticKernelTests.Fixture>, IDisposable
{
    private readonly GatewayPair _pair;
    private readonly HttpClient _http = new();
    private readonly string _id = Guid.NewGuid().ToString("N");

    public SemanticKernelTests(Fixture fixture)
    {
        _pair = fixture.Pair;
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Chat_IsAnsweredUnderItsRule()
    {
        var answer = await Chat().GetChatMessageContentAsync("Hello, 世界 🌍", cancellationToken: Cancel);

        Assert.Equal("Hello from the scripted upstream.", answer.Content);
        Assert.Contains("\"provider\":{\"order\":[\"Anthropic\",\"Google\"]}", _pair.Upstream.Requests.Find(_id)!.BodyText, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Stream_ArrivesChunkByChunk()
    {
        var texts = await ReadAsync(Chat("x-fake-events: 5", "x-fake-keepalives: 3"));

        Assert.Equal(Enumerable.Repeat(" word", 5), texts);
    }

    [Theory]
    [InlineData(402)]
    [InlineData(429)]
    public async Task UpstreamError_IsTheKernelsOwn(int status)
    {
        var error = await Assert.ThrowsAsync<HttpOperationException>(
            () => Chat($"x-fake-status: {status}").GetChatMessageContentAsync("Hello", cancellationToken: Cancel));

        Assert.Equal((HttpStatusCode)status, error.StatusCode);
        Assert.Contains($"Scripted error {status}", error.ResponseContent, StringComparison.Ordinal);
    }

    [Fact]
    public async Task ErrorInA200_IsTheKernelsOwn()
    {
        var error = await Assert.ThrowsAsync<HttpOperationException>(
            () => Chat("x-fake-error: 1").GetChatMessageContentAsync("Hello", cancellationToken: Cancel));

        Assert.Equal(HttpStatusCode.BadGateway, error.StatusCode);
        Assert.Contains("Provider returned error", error.ResponseContent, StringComparison.Ordinal);
    }

    // The connector wraps the errors of answers only: every stream that is refused throws the exception of the client beneath it.
    [Theory]
    [InlineData("x-fake-error-after: 0", "Provider disconnected")]
    [InlineData("x-fake-status: 502", "Scripted error 502")]
    public async Task StreamThatBeginsWithAnError_IsTheClientsOwn(string script, string message)
    {
        var error = await Assert.ThrowsAsync<ClientResultException>(() => ReadAsync(Chat(script)));

        Assert.Equal(502, error.Status);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task StreamThatBreaks_Throws() =>
        await Assert.ThrowsAnyAsync<IOException>(() => ReadAsync(Chat("x-fake-cut-after: 2")));

    public void Dispose() => _http.Dispose();

    private static async Task<List<string>> ReadAsync(IChatCompletionService chat)
    {
        List<string> texts = [];
        await foreach (var update in chat.GetStreamingChatMessageContentsAsync("Hello", cancellationToken: Cancel))
        {
            if (update.Content is { Length: > 0 } text)
            {
                texts.Add(text);
            }
        }

        return texts;
    }

    private IChatCompletionService Chat(params string[] script)
    {
        foreach (var line in script.Append($"x-fake-id: {_id}"))
        {
            var pair = line.Split(": ", 2);
            _http.DefaultRequestHeaders.Add(pair[0], pair[1]);
        }

        var kernel = Kernel.CreateBuilder().AddOpenAIChatCompletion(
            "anthropic/claude-3-opus", new Uri(_pair.Gateway.Address, "/v1"), "sk-or-v1-test", httpClient: _http);
        return kernel.Build().GetRequiredService<IChatCompletionService>();
    }

    public sealed class Fixture : GatewayFixture
    {
        private protected override void Configure(GatewayHostOptions options) => options.Settings = ClientSettings.Text;
    }
}
