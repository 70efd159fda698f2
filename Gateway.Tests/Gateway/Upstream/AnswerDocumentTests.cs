using System.Text;
using Gateway.Upstream;
using Xunit;

namespace Gateway.Tests.Gateway.Upstream;

/// <summary>Promise: an error's status is the one that the error states, the surest first, in every shape that OpenRouter documents.</summary>
public sealed class AnswerDocumentTests
{
    [Theory]
    [InlineData("""{"error":{"code":429,"metadata":{"error_type":"provider_unavailable"}}}""", 429)]
    [InlineData("""{"error":{"code":"429","message":"x"}}""", 429)]
    [InlineData("""{"error":{"metadata":{"error_type":"provider_unavailable"},"code":599}}""", 599)]
    [InlineData("""{"error":{"message":"x","metadata":{"provider_name":"P","code":404},"code":429}}""", 429)]
    [InlineData("""{"error":{"type":"rate_limit_error","metadata":{"code":500,"http_status":401,"type":"not_found"}}}""", 429)]
    [InlineData("""{"error":{"code":200,"metadata":{"error_type":"payment_required"}}}""", 402)]
    [InlineData("""{"error":{"code":600,"type":"permission_error"}}""", 403)]
    [InlineData("""{"error":{"code":4e2,"type":"unprocessable"}}""", 422)]
    [InlineData("""{"error":{"error_type":"timeout","http_status":524,"availability":{"code":"no_endpoints"}}}""", 524)]
    [InlineData("""{"error":{"code":"server_error","type":"rate_limit_error"}}""", 429)]
    [InlineData("""{"type":"error","error":{"type":"api_error","error_type":"provider_overloaded"},"request_id":null}""", 503)]
    [InlineData("""{"error":{"code":"invalid_prompt"},"metadata":null,"error_type":"image_not_found"}""", 404)]
    [InlineData("""{"type":"error","code":"image_too_large","message":"x","param":null}""", 400)]
    [InlineData("""{"type":"response.failed","response":{"error":{"code":"server_error"},"error_type":"authentication"}}""", 401)]
    [InlineData("""{"error":{"type":"unknown words","code":"other"}}""", 502)]
    [InlineData("""{"error":"text"}""", 502)]
    [InlineData("""{"error":[{"code":404}]}""", 502)]
    [InlineData("""{"message":"x","other":{"code":404},"usage":{"type":"not_found"}}""", 502)]
    public void Status_IsWhatTheErrorSays(string json, int status)
    {
        Assert.True(AnswerDocument.TryRead(Encoding.UTF8.GetBytes(json), out var document));
        Assert.Equal(status, document.Status);
    }

    [Theory]
    [InlineData("""{"error":null,"choices":[]}""", false, true)]
    [InlineData("""{"error":{},"choices":null}""", true, false)]
    [InlineData("""{"error":false,"content":""}""", false, true)]
    [InlineData("""{"error":"","content":""}""", false, true)]
    [InlineData("""{"error":0,"content":""}""", true, true)]
    [InlineData("""{"response":{"error":{},"output":[]},"output":0}""", false, true)]
    [InlineData("""{"data":{"error":{}}}""", false, true)]
    public void MembersOfTheRoot_AreNoted(string json, bool hasError, bool hasOutput)
    {
        Assert.True(AnswerDocument.TryRead(Encoding.UTF8.GetBytes(json), out var document));
        Assert.Equal((hasError, hasOutput), (document.HasError, document.HasOutput));
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{")]
    [InlineData("{} {}")]
    [InlineData("{\"error\":{\"code\":429}")]
    [InlineData("{\"type\":\"\\ud800\"}")]
    public void AnythingElse_IsNoDocument(string json) =>
        Assert.False(AnswerDocument.TryRead(Encoding.UTF8.GetBytes(json), out _));
}
