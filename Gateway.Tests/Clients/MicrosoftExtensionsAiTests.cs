using System.ClientModel;
using System.ClientModel.Primitives;
using Gateway.Tests.Support;
using Microsoft.Extensions.AI;
using OpenAI;
using Xunit;

namespace Gateway.Tests.Clients;

/// <summary>Microsoft.Extensions.AI over NuGet's <c>OpenAI</c>, with the endpoint <c>http://gateway/v1</c>.</summary>
public sealed class MicrosoftExtensionsAiTests : IClassFixture<MicrosoftExtensionsAiTests.Fixture>
{
    private readonly GatewayPair _pair;
    private readonly string _id = Guid.NewGuid().ToString("N");

    public MicrosoftExtensionsAiTests(Fixture fixture)
    {
        _pair = fixture.Pair;
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Chat_IsAnsweredUnderItsRule()
    {
        using var chat = Chat();

        var answer = await chat.GetResponseAsync("Hello, 世界 🌍", cancellationToken: Cancel);

        Assert.Equal("Hello from the scripted upstream.", answer.Text);
        Assert.Equal((ChatFinishReason.Stop, 14), (answer.FinishReason, answer.Usage?.TotalTokenCount));
        Assert.Contains("\"provider\":{\"order\":[\"Anthropic\",\"Google\"]}", _pair.Upstream.Requests.Find(_id)!.BodyText, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Stream_ArrivesChunkByChunkWithItsUsage()
    {
        using var chat = Chat("x-fake-events: 5", "x-fake-keepalives: 3");

        var updates = await ReadAsync(chat);

        Assert.Equal(Enumerable.Repeat(" word", 5), updates.Select(update => update.Text).Where(text => text.Length > 0));
        Assert.Equal(16, Assert.Single(updates.SelectMany(update => update.Contents).OfType<UsageContent>()).Details.TotalTokenCount);
    }

    [Theory]
    [InlineData("x-fake-status: 402", 402, "Scripted error 402")]
    [InlineData("x-fake-status: 429", 429, "Scripted error 429")]
    [InlineData("x-fake-error: 1", 502, "Provider returned error")]
    public async Task ErrorOfUpstream_AlsoInA200_IsTheClientsOwn(string script, int status, string message)
    {
        using var chat = Chat(script);

        var error = await Assert.ThrowsAsync<ClientResultException>(() => chat.GetResponseAsync("Hello", cancellationToken: Cancel));

        Assert.Equal(status, error.Status);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("x-fake-error-after: 0", "Provider disconnected")]
    [InlineData("x-fake-status: 502", "Scripted error 502")]
    public async Task StreamThatBeginsWithAnError_IsTheClientsOwn(string script, string message)
    {
        using var chat = Chat(script);

        var error = await Assert.ThrowsAsync<ClientResultException>(() => ReadAsync(chat));

        Assert.Equal(502, error.Status);
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task StreamThatBreaks_Throws()
    {
        using var chat = Chat("x-fake-cut-after: 2");

        await Assert.ThrowsAnyAsync<IOException>(() => ReadAsync(chat));
    }

    private static async Task<List<ChatResponseUpdate>> ReadAsync(IChatClient chat)
    {
        List<ChatResponseUpdate> updates = [];
        await foreach (var update in chat.GetStreamingResponseAsync("Hello", cancellationToken: Cancel))
        {
            updates.Add(update);
        }

        return updates;
    }

    private IChatClient Chat(params string[] script)
    {
        var options = new OpenAIClientOptions
        {
            Endpoint = new Uri(_pair.Gateway.Address, "/v1"),
            RetryPolicy = new ClientRetryPolicy(0),
        };
        options.AddPolicy(new ScriptPolicy([.. script, $"x-fake-id: {_id}"]), PipelinePosition.PerCall);
        return new OpenAIClient(new ApiKeyCredential("sk-or-v1-test"), options).GetChatClient("anthropic/claude-3-opus").AsIChatClient();
    }

    public sealed class Fixture : GatewayFixture
    {
        private protected override void Configure(GatewayHostOptions options) => options.Settings = ClientSettings.Text;
    }
}
