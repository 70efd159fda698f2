using Xunit;

namespace Gateway.Tests.Clients;

/// <summary>
/// npm's <c>@openrouter/sdk</c> with the server URL <c>http://gateway/api/v1</c>. It checks every answer against a schema.
/// </summary>
public sealed class OpenRouterSdkTests : IClassFixture<OpenRouterSdkTests.Client>
{
    private readonly Client _client;

    public OpenRouterSdkTests(Client client)
    {
        _client = client;
    }

    [Fact]
    public void Chat_IsAnsweredUnderItsRule()
    {
        var chat = _client.Check("chat");

        Assert.Equal("Hello from the scripted upstream.", chat.GetProperty("text").GetString());
        Assert.Equal(14, chat.GetProperty("usage").GetProperty("totalTokens").GetInt32());
        Assert.Equal("claude", chat.GetProperty("rule").GetString());
        _client.AssertRuleApplied("chat");
    }

    [Fact]
    public void ProviderOfTheClient_Stays() => _client.AssertUntouched("client-provider");

    [Fact]
    public void Stream_ArrivesChunkByChunkWithItsUsage()
    {
        _client.AssertTexts("stream");
        Assert.Equal("stop", _client.Check("stream").GetProperty("finish").GetString());
        Assert.Equal(16, _client.Check("stream").GetProperty("usage").GetProperty("totalTokens").GetInt32());
    }

    [Fact]
    public void Abort_ReachesUpstreamAtOnce() => _client.AssertAborted("abort");

    [Theory]
    [InlineData(400, "BadRequestResponseError")]
    [InlineData(402, "PaymentRequiredResponseError")]
    [InlineData(404, "NotFoundResponseError")]
    [InlineData(429, "TooManyRequestsResponseError")]
    [InlineData(500, "InternalServerResponseError")]
    [InlineData(502, "BadGatewayResponseError")]
    public void UpstreamError_IsTheSdksOwn(int status, string type)
    {
        _client.AssertFailure($"status-{status}", type, status, $"Scripted error {status}");
        Assert.Equal(1, _client.UpstreamRequests($"status-{status}"));
    }

    [Fact]
    public void Retries_AreThoseOfTheSdk()
    {
        _client.AssertFailure("retry", "ServiceUnavailableResponseError", 503, "Scripted error 503");
        Assert.Equal(4, _client.UpstreamRequests("retry"));
    }

    // Its schema wants a number for the error's code, as OpenRouter sends; the gateway's is OpenAI's, a word. So the SDK throws its
    // ResponseValidationError in place of a ForbiddenResponseError: the status is right, and the sentence stands in the error's body.
    [Theory]
    [InlineData("rule-refused", 403, "Rule 'azure-only' refuses")]
    [InlineData("no-such-path", 404, "has no route for this path")]
    [InlineData("too-large", 413, "larger than 200000 bytes")]
    [InlineData("no-answer", 502, "The upstream could not be reached")]
    public void GatewayError_IsTheSdksOwnWithStatusAndBody(string id, int status, string message)
    {
        var check = _client.Check(id);

        Assert.EndsWith("Error", check.GetProperty("type").GetString(), StringComparison.Ordinal);
        Assert.Equal(status, check.GetProperty("status").GetInt32());
        Assert.Contains(message, check.GetProperty("body").GetString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("cut")]
    [InlineData("responses-cut")]
    public void StreamThatBreaks_Throws(string id) => Assert.NotEqual("none", _client.Check(id).GetProperty("type").GetString());

    // The SDK leaves it to its caller to look at the chunk.
    [Fact]
    public void ErrorEventOfUpstream_IsInTheChunk()
    {
        _client.AssertTexts("error-event", 2);
        Assert.Equal("error", _client.Check("error-event").GetProperty("finish").GetString());
        Assert.Equal("Provider disconnected", _client.Check("error-event").GetProperty("error").GetProperty("message").GetString());
    }

    [Theory]
    [InlineData("error-in-200", "Provider returned error")]
    [InlineData("error-in-200-stream", "Provider disconnected")]
    public void ErrorInA200_Throws(string id, string message) =>
        _client.AssertFailure(id, "BadGatewayResponseError", 502, message);

    [Fact]
    public void Embeddings_AreAnswered() =>
        Assert.Equal("[0.25,-0.5,0.125,1]", _client.Check("embeddings").GetProperty("vector").GetRawText());

    [Fact]
    public void Rerank_IsAnswered() => Assert.Equal(0.98, _client.Check("rerank").GetProperty("score").GetDouble());

    [Fact]
    public void Models_AreListed()
    {
        var names = _client.Check("models").GetProperty("names");

        Assert.Contains("openai/gpt-4o", names.GetRawText(), StringComparison.Ordinal);
        Assert.Equal(_client.Check("models").GetProperty("total").GetInt32(), names.GetArrayLength());
    }

    [Fact]
    public void Responses_AreAnswered()
    {
        Assert.Equal("Hello from the scripted upstream.", _client.Check("responses").GetProperty("text").GetString());
        Assert.Equal("completed", _client.Check("responses").GetProperty("status").GetString());
        _client.AssertRuleApplied("responses");
    }

    [Fact]
    public void ResponsesStream_ArrivesEventByEvent()
    {
        var types = _client.Check("responses-stream").GetProperty("types").EnumerateArray().Select(type => type.GetString()).ToList();

        Assert.Equal(13, types.Count);
        Assert.Equal(5, types.Count(type => type == "response.output_text.delta"));
        Assert.Equal("response.completed", types[^1]);
    }

    public sealed class Client() : NodeClient("openrouter.mjs");
}
