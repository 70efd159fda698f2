using System.Text.Json;
using Xunit;

namespace Gateway.Tests.Clients;

/// <summary>npm's <c>@anthropic-ai/sdk</c> with the base URL <c>http://gateway</c>, or <c>http://gateway/api</c>.</summary>
public sealed class AnthropicSdkTests : IClassFixture<AnthropicSdkTests.Client>
{
    private readonly Client _client;

    public AnthropicSdkTests(Client client)
    {
        _client = client;
    }

    [Fact]
    public void Messages_AreAnsweredUnderTheirRule()
    {
        var message = _client.Check("messages");

        Assert.Equal("Hello from the scripted upstream.", message.GetProperty("text").GetString());
        Assert.Equal("end_turn", message.GetProperty("finish").GetString());
        Assert.Equal(11, message.GetProperty("usage").GetProperty("input_tokens").GetInt32());
        Assert.Equal("claude", message.GetProperty("rule").GetString());
        _client.AssertRuleApplied("messages");
    }

    // The second is called by the base URL http://gateway/api. Since its version 1 the SDK sends an apiKey as a bearer, too.
    [Theory]
    [InlineData("messages", "Bearer sk-or-v1-test", null)]
    [InlineData("auth-token", "Bearer sk-or-v1-test", null)]
    [InlineData("x-api-key", null, "sk-or-v1-test")]
    public void Key_GoesUpstreamAsItIs(string id, string? authorization, string? apiKey)
    {
        Assert.Equal("Hello from the scripted upstream.", _client.Check(id).GetProperty("text").GetString());
        Assert.Equal(authorization, _client.UpstreamRequest(id).Header("authorization"));
        Assert.Equal(apiKey, _client.UpstreamRequest(id).Header("x-api-key"));
    }

    [Fact]
    public void ProviderOfTheClient_Stays()
    {
        Assert.Equal(JsonValueKind.Null, _client.Check("client-provider").GetProperty("rule").ValueKind);
        _client.AssertUntouched("client-provider");
    }

    [Fact]
    public void Stream_ArrivesEventByEvent()
    {
        _client.AssertTexts("stream");
        var types = _client.Check("stream").GetProperty("types").EnumerateArray().Select(type => type.GetString()).ToList();
        Assert.Equal(["content_block_stop", "message_delta", "message_stop"], types[^3..]);
    }

    [Fact]
    public void StreamHelper_GathersTheWholeMessage()
    {
        var message = _client.Check("stream-helper");

        Assert.Equal(" word word word word word", message.GetProperty("text").GetString());
        Assert.Equal("end_turn", message.GetProperty("finish").GetString());
        Assert.Equal(5, message.GetProperty("usage").GetProperty("output_tokens").GetInt32());
    }

    [Fact]
    public void Abort_ReachesUpstreamAtOnce() => _client.AssertAborted("abort");

    [Theory]
    [InlineData(400, "BadRequestError")]
    [InlineData(402, "PaymentRequiredError")]
    [InlineData(404, "NotFoundError")]
    [InlineData(429, "RateLimitError")]
    [InlineData(500, "InternalServerError")]
    [InlineData(529, "OverloadedError")]
    public void UpstreamError_IsTheSdksOwn(int status, string type)
    {
        _client.AssertFailure($"status-{status}", type, status, $"Scripted error {status}");
        Assert.Equal(1, _client.UpstreamRequests($"status-{status}"));
    }

    [Fact]
    public void Retries_AreThoseOfTheSdk()
    {
        _client.AssertFailure("retry", "OverloadedError", 529, "Scripted error 529");
        Assert.Equal(3, _client.UpstreamRequests("retry"));
    }

    [Theory]
    [InlineData("rule-refused", "PermissionDeniedError", 403, "Rule 'azure-only' refuses")]
    [InlineData("no-such-path", "NotFoundError", 404, "has no route for this path")]
    [InlineData("too-large", "ContentTooLargeError", 413, "larger than 200000 bytes")]
    public void GatewayError_IsTheSdksOwn(string id, string type, int status, string message)
    {
        _client.AssertFailure(id, type, status, message);
        Assert.Equal(0, _client.UpstreamRequests(id));
    }

    [Theory]
    [InlineData("cut")]
    [InlineData("cut-helper")]
    public void StreamThatBreaks_Throws(string id) =>
        _client.AssertFailure(id, "APIError", null, "Upstream connection error: premature close. The upstream closed the connection before its response was complete.");

    [Fact]
    public void ErrorEventOfUpstream_Throws() => _client.AssertFailure("error-event", "APIError", null, "Provider disconnected");

    [Fact]
    public void Models_AreListed() =>
        Assert.Contains("openai/gpt-4o", _client.Check("models").GetProperty("names").GetRawText(), StringComparison.Ordinal);

    [Fact]
    public void CountTokens_PassesUntouched()
    {
        Assert.Equal(7, _client.Check("count-tokens").GetProperty("input_tokens").GetInt32());
        Assert.Equal("/api/v1/messages/count_tokens", _client.UpstreamRequest("count-tokens").Path);
        Assert.Equal(_client.Check("count-tokens").GetProperty("sent").GetString(), _client.UpstreamBody("count-tokens"));
    }

    public sealed class Client() : NodeClient("anthropic.mjs");
}
