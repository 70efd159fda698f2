using System.Text.Json;
using FakeOpenRouter;
using Xunit;

namespace Gateway.Tests.Support;

/// <summary>One call through the gateway: the response, and the request that arrived upstream, if it did.</summary>
internal sealed record Exchange(RawResponse Head, RawBody Body, ReceivedRequest? Upstream)
{
    public int Status => Head.Status;

    /// <summary>The answer's body as JSON.</summary>
    public JsonElement Json
    {
        get
        {
            using var document = JsonDocument.Parse(Body.Bytes);
            return document.RootElement.Clone();
        }
    }

    /// <summary>The request that arrived upstream; fails when none did.</summary>
    public ReceivedRequest Forwarded
    {
        get
        {
            Assert.True(Upstream is not null, $"Nothing was forwarded; the gateway answered {Head.StatusLine}\n{Body.Text}");
            return Upstream;
        }
    }

    /// <summary>The body that arrived upstream, as JSON.</summary>
    public JsonElement ForwardedJson
    {
        get
        {
            using var document = JsonDocument.Parse(Forwarded.Body, new JsonDocumentOptions { MaxDepth = 10_000 });
            return document.RootElement.Clone();
        }
    }

    /// <summary>Checks that this is an error of the gateway's own, in the dialect of chat-like routes, and not a forwarded call.</summary>
    public void IsRefused(int status)
    {
        Assert.Equal(status, Status);
        IsMarkedError();
        var error = Json.GetProperty("error");
        Assert.NotEmpty(error.GetProperty("message").GetString()!);
        Assert.NotEmpty(error.GetProperty("type").GetString()!);
        Assert.True(error.TryGetProperty("code", out _), "no code");
        Assert.True(error.TryGetProperty("param", out _), "no param");
        Assert.Equal(["error"], Json.EnumerateObject().Select(member => member.Name));
    }

    /// <summary>The same in the dialect of <c>/messages</c>.</summary>
    public void IsRefusedInMessagesDialect(int status)
    {
        Assert.Equal(status, Status);
        IsMarkedError();
        Assert.Equal("error", Json.GetProperty("type").GetString());
        Assert.NotEmpty(Json.GetProperty("error").GetProperty("message").GetString()!);
        Assert.NotEmpty(Json.GetProperty("error").GetProperty("type").GetString()!);
    }

    private void IsMarkedError()
    {
        Assert.Equal("1", Head.Header("x-gateway-error"));
        Assert.StartsWith("application/json", Head.Header("Content-Type"), StringComparison.Ordinal);
        Assert.NotEmpty(Head.Header("x-request-id") ?? "");
        Assert.Equal(RawEnd.Complete, Body.End);
    }
}
