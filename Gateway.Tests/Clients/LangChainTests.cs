using Xunit;

namespace Gateway.Tests.Clients;

/// <summary>
/// npm's <c>@langchain/openai</c> with the base URL <c>http://gateway/v1</c>, and <c>@langchain/openrouter</c> with
/// <c>http://gateway/api/v1</c>.
/// </summary>
public sealed class LangChainTests : IClassFixture<LangChainTests.Client>
{
    private readonly Client _client;

    public LangChainTests(Client client)
    {
        _client = client;
    }

    [Theory]
    [InlineData("openai")]
    [InlineData("openrouter")]
    public void Invoke_IsAnsweredUnderItsRule(string model)
    {
        Assert.Equal("Hello from the scripted upstream.", _client.Check($"{model}-chat").GetProperty("text").GetString());
        Assert.Equal(14, _client.Check($"{model}-chat").GetProperty("usage").GetProperty("total_tokens").GetInt32());
        _client.AssertRuleApplied($"{model}-chat");
    }

    [Theory]
    [InlineData("openai")]
    [InlineData("openrouter")]
    public void ProviderOfTheClient_Stays(string model) => _client.AssertUntouched($"{model}-client-provider");

    [Theory]
    [InlineData("openai")]
    [InlineData("openrouter")]
    public void Stream_ArrivesChunkByChunk(string model)
    {
        _client.AssertTexts($"{model}-stream");
        Assert.Equal("stop", _client.Check($"{model}-stream").GetProperty("finish").GetString());
    }

    // ChatOpenRouter drops the usage of a stream: it stands in a chunk without choices, which that package skips.
    [Fact]
    public void Stream_EndsWithItsUsage() =>
        Assert.Equal(16, _client.Check("openai-stream").GetProperty("usage").GetProperty("total_tokens").GetInt32());

    [Theory]
    [InlineData("openai")]
    [InlineData("openrouter")]
    public void Abort_ReachesUpstreamAtOnce(string model) => _client.AssertAborted($"{model}-abort");

    [Theory]
    [InlineData("openai", 400, "BadRequestError")]
    [InlineData("openai", 402, "APIError")]
    [InlineData("openai", 429, "RateLimitError")]
    [InlineData("openai", 500, "InternalServerError")]
    [InlineData("openrouter", 400, "OpenRouterError")]
    [InlineData("openrouter", 402, "OpenRouterError")]
    [InlineData("openrouter", 429, "OpenRouterRateLimitError")]
    [InlineData("openrouter", 500, "OpenRouterError")]
    public void UpstreamError_IsTheSdksOwn(string model, int status, string type)
    {
        _client.AssertFailure($"{model}-status-{status}", type, status, $"Scripted error {status}");
        Assert.Equal(1, _client.UpstreamRequests($"{model}-status-{status}"));
    }

    [Theory]
    [InlineData("openai-rule-refused", "PermissionDeniedError", 403, "Rule 'azure-only' refuses")]
    [InlineData("openai-too-large", "APIError", 413, "larger than 200000 bytes")]
    [InlineData("openrouter-rule-refused", "OpenRouterAuthError", 403, "Rule 'azure-only' refuses")]
    [InlineData("openrouter-too-large", "OpenRouterError", 413, "larger than 200000 bytes")]
    public void GatewayError_IsTheSdksOwn(string id, string type, int status, string message)
    {
        _client.AssertFailure(id, type, status, message);
        Assert.Equal(0, _client.UpstreamRequests(id));
    }

    // ChatOpenRouter skips the error event, which has no choices. Only the failed connection shows it the failure.
    [Theory]
    [InlineData("openai-cut", "APIError", "Upstream connection error: premature close. The upstream closed the connection before its response was complete.")]
    [InlineData("openrouter-cut", "TypeError", "terminated")]
    public void StreamThatBreaks_Throws(string id, string type, string message) => _client.AssertFailure(id, type, null, message);

    // ChatOpenRouter takes upstream's own error event for a chunk. Only the finish reason of the chunk shows the error.
    [Fact]
    public void ErrorEventOfUpstream_IsSeen()
    {
        var failure = _client.Check("openai-error-event").GetProperty("failure");

        Assert.Equal("Provider disconnected", failure.GetProperty("message").GetString());
        Assert.Equal("error", _client.Check("openrouter-error-event").GetProperty("finish").GetString());
    }

    [Theory]
    [InlineData("openai-error-in-200", "InternalServerError", "Provider returned error")]
    [InlineData("openai-error-in-200-stream", "InternalServerError", "Provider disconnected")]
    [InlineData("openrouter-error-in-200", "OpenRouterError", "Provider returned error")]
    [InlineData("openrouter-error-in-200-stream", "OpenRouterError", "Provider disconnected")]
    public void ErrorInA200_Throws(string id, string type, string message) => _client.AssertFailure(id, type, 502, message);

    [Fact]
    public void Embeddings_AreAnswered() =>
        Assert.Equal("[0.25,-0.5,0.125,1]", _client.Check("openai-embeddings").GetProperty("vector").GetRawText());

    public sealed class Client() : NodeClient("langchain.mjs");
}
