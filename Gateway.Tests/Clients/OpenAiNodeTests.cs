using System.Text.Json;
using Xunit;

namespace Gateway.Tests.Clients;

/// <summary>npm's <c>openai</c> with the base URL <c>http://gateway/v1</c>.</summary>
public sealed class OpenAiNodeTests : IClassFixture<OpenAiNodeTests.Client>
{
    private readonly Client _client;

    public OpenAiNodeTests(Client client)
    {
        _client = client;
    }

    [Fact]
    public void Chat_IsAnsweredUnderItsRule()
    {
        var chat = _client.Check("chat");

        Assert.Equal("Hello from the scripted upstream.", chat.GetProperty("text").GetString());
        Assert.Equal(14, chat.GetProperty("usage").GetProperty("total_tokens").GetInt32());
        Assert.Equal("claude", chat.GetProperty("rule").GetString());
        Assert.NotEmpty(chat.GetProperty("requestId").GetString()!);
        _client.AssertRuleApplied("chat");
    }

    [Fact]
    public void ProviderOfTheClient_Stays()
    {
        var chat = _client.Check("client-provider");

        Assert.Equal("Amazon Bedrock", chat.GetProperty("provider").GetString());
        Assert.Equal(JsonValueKind.Null, chat.GetProperty("rule").ValueKind);
        _client.AssertUntouched("client-provider");
    }

    [Fact]
    public void Stream_ArrivesChunkByChunkWithItsUsage()
    {
        _client.AssertTexts("stream");
        Assert.Equal("stop", _client.Check("stream").GetProperty("finish").GetString());
        Assert.Equal(16, _client.Check("stream").GetProperty("usage").GetProperty("total_tokens").GetInt32());
    }

    [Fact]
    public void StreamHelper_GathersTheWholeAnswer()
    {
        Assert.Equal(" word word word word word", _client.Check("stream-helper").GetProperty("text").GetString());
        Assert.Equal(16, _client.Check("stream-helper").GetProperty("usage").GetProperty("total_tokens").GetInt32());
    }

    [Theory]
    [InlineData("abort")]
    [InlineData("abort-silent")]
    public void Abort_ReachesUpstreamAtOnce(string id) => _client.AssertAborted(id);

    [Theory]
    [InlineData(400, "BadRequestError")]
    [InlineData(402, "APIError")]
    [InlineData(404, "NotFoundError")]
    [InlineData(429, "RateLimitError")]
    [InlineData(500, "InternalServerError")]
    [InlineData(502, "InternalServerError")]
    public void UpstreamError_IsTheSdksOwn(int status, string type)
    {
        _client.AssertFailure($"status-{status}", type, status, $"Scripted error {status}");
        Assert.Equal(1, _client.UpstreamRequests($"status-{status}"));
    }

    [Theory]
    [InlineData("retry", 3)]
    [InlineData("retry-refused", 1)]
    public void Retries_AreThoseOfTheSdk(string id, int requests)
    {
        _client.AssertFailure(id, "RateLimitError", 429, "Scripted error 429");
        Assert.Equal(requests, _client.UpstreamRequests(id));
    }

    [Theory]
    [InlineData("rule-refused", "PermissionDeniedError", 403, "Rule 'azure-only' refuses")]
    [InlineData("responses-refused", "PermissionDeniedError", 403, "Rule 'azure-only' refuses")]
    [InlineData("bad-provider", "BadRequestError", 400, "'provider' must be an object")]
    [InlineData("no-such-path", "NotFoundError", 404, "has no route for this path")]
    [InlineData("too-large", "APIError", 413, "larger than 200000 bytes")]
    public void GatewayError_IsTheSdksOwn(string id, string type, int status, string message)
    {
        _client.AssertFailure(id, type, status, message);
        Assert.Equal(0, _client.UpstreamRequests(id));
    }

    [Fact]
    public void UpstreamWithoutAnswer_Is502() =>
        _client.AssertFailure("no-answer", "InternalServerError", 502, "The upstream could not be reached");

    [Fact]
    public void StreamThatBreaks_Throws() =>
        _client.AssertFailure("cut", "APIError", null, "Upstream connection error: ");

    [Fact]
    public void ErrorEventOfUpstream_Throws() => _client.AssertFailure("error-event", "APIError", null, "Provider disconnected");

    [Theory]
    [InlineData("error-in-200", "Provider returned error")]
    [InlineData("error-in-200-stream", "Provider disconnected")]
    public void ErrorInA200_Throws(string id, string message) => _client.AssertFailure(id, "InternalServerError", 502, message);

    [Fact]
    public void CompletionsStream_ArrivesWhole() =>
        Assert.Equal(" word word word word", _client.Check("completions-stream").GetProperty("text").GetString());

    [Fact]
    public void Responses_AreAnswered()
    {
        var responses = _client.Check("responses");

        Assert.Equal("Hello from the scripted upstream.", responses.GetProperty("text").GetString());
        Assert.Equal("completed", responses.GetProperty("status").GetString());
        Assert.Equal(14, responses.GetProperty("usage").GetProperty("total_tokens").GetInt32());
        _client.AssertRuleApplied("responses");
    }

    [Fact]
    public void ResponsesStream_ArrivesEventByEvent()
    {
        _client.AssertTexts("responses-stream");
        var types = _client.Check("responses-stream").GetProperty("types").EnumerateArray().Select(type => type.GetString()).ToList();
        Assert.Equal(13, types.Count);
        Assert.Equal(("response.created", "response.completed"), (types[0], types[^1]));
        Assert.Equal(16, _client.Check("responses-stream").GetProperty("usage").GetProperty("total_tokens").GetInt32());
    }

    // The SDK hands the gateway's error event out like any other, and throws when the connection then fails.
    [Fact]
    public void ResponsesStreamThatBreaks_Throws()
    {
        _client.AssertFailure("responses-cut", "TypeError", null, "terminated");
        Assert.Equal("upstream_disconnected", _client.Check("responses-cut").GetProperty("event").GetProperty("code").GetString());
    }

    [Fact]
    public void Embeddings_AreAnsweredAsBase64AndAsNumbers()
    {
        var embeddings = _client.Check("embeddings");

        Assert.Equal("[0.25,-0.5,0.125,1]", embeddings.GetProperty("decoded").GetRawText());
        Assert.Equal("[0.25,-0.5,0.125,1]", embeddings.GetProperty("plain").GetRawText());
    }

    [Fact]
    public void Images_AreAnswered() =>
        Assert.Equal("Hello from the scripted upstream.", _client.Check("images").GetProperty("image").GetString());

    [Fact]
    public void Models_AreListed() =>
        Assert.Contains("openai/gpt-4o", _client.Check("models").GetProperty("names").GetRawText(), StringComparison.Ordinal);

    // The route of files carries no transform: the body limit of the rewritten ones does not apply.
    [Fact]
    public void Upload_StreamsThroughWhole()
    {
        var answer = _client.Check("upload").GetProperty("answer");

        Assert.StartsWith("multipart/form-data; boundary=", answer.GetProperty("content_type").GetString(), StringComparison.Ordinal);
        Assert.InRange(answer.GetProperty("length").GetInt32(), 250_000, 251_000);
    }

    public sealed class Client() : NodeClient("openai.mjs");
}
