using System.Text.Json;
using Xunit;

namespace Gateway.Tests.Clients;

/// <summary>npm's <c>ai</c> with <c>@openrouter/ai-sdk-provider</c> and the base URL <c>http://gateway/v1</c>.</summary>
public sealed class AiSdkTests : IClassFixture<AiSdkTests.Client>
{
    private readonly Client _client;

    public AiSdkTests(Client client)
    {
        _client = client;
    }

    [Fact]
    public void GenerateText_IsAnsweredUnderItsRule()
    {
        var chat = _client.Check("chat");

        Assert.Equal("Hello from the scripted upstream.", chat.GetProperty("text").GetString());
        Assert.Equal("stop", chat.GetProperty("finish").GetString());
        Assert.Equal(14, chat.GetProperty("usage").GetProperty("totalTokens").GetInt32());
        Assert.Equal("claude", chat.GetProperty("rule").GetString());
        _client.AssertRuleApplied("chat");
    }

    [Fact]
    public void ProviderOfTheClient_Stays()
    {
        Assert.Equal(JsonValueKind.Null, _client.Check("client-provider").GetProperty("rule").ValueKind);
        _client.AssertUntouched("client-provider");
    }

    [Fact]
    public void StreamText_ArrivesChunkByChunkWithItsUsage()
    {
        _client.AssertTexts("stream");
        Assert.Equal("stop", _client.Check("stream").GetProperty("finish").GetString());
        Assert.Equal(16, _client.Check("stream").GetProperty("usage").GetProperty("totalTokens").GetInt32());
    }

    [Fact]
    public void Abort_ReachesUpstreamAtOnce() => _client.AssertAborted("abort");

    [Theory]
    [InlineData(400)]
    [InlineData(402)]
    [InlineData(404)]
    [InlineData(429)]
    [InlineData(500)]
    [InlineData(502)]
    public void UpstreamError_IsTheSdksOwn(int status)
    {
        _client.AssertFailure($"status-{status}", "APICallError", status, $"Scripted error {status}");
        Assert.Equal(1, _client.UpstreamRequests($"status-{status}"));
    }

    [Fact]
    public void Retries_AreThoseOfTheSdk()
    {
        _client.AssertFailure("retry", "RetryError", null, "Failed after 3 attempts. Last error: [FakeProvider] Scripted error 429");
        Assert.Equal(3, _client.UpstreamRequests("retry"));
    }

    [Theory]
    [InlineData("rule-refused", 403, "Rule 'azure-only' refuses")]
    [InlineData("no-such-path", 404, "has no route for this path")]
    [InlineData("too-large", 413, "larger than 200000 bytes")]
    public void GatewayError_IsTheSdksOwn(string id, int status, string message)
    {
        _client.AssertFailure(id, "APICallError", status, message);
        Assert.Equal(0, _client.UpstreamRequests(id));
    }

    [Fact]
    public void UpstreamWithoutAnswer_Is502() =>
        _client.AssertFailure("no-answer", "APICallError", 502, "The upstream could not be reached");

    [Theory]
    [InlineData("cut", "Upstream connection error: premature close. The upstream closed the connection before its response was complete.")]
    [InlineData("error-event", "Provider disconnected")]
    public void StreamThatFails_SaysSoInAPart(string id, string message) => _client.AssertFailure(id, "Error", null, message);

    [Fact]
    public void Embeddings_AreAnswered() =>
        Assert.Equal("[0.25,-0.5,0.125,1]", _client.Check("embeddings").GetProperty("vector").GetRawText());

    public sealed class Client() : NodeClient("ai-sdk.mjs");
}
