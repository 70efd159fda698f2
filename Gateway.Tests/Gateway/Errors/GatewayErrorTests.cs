using System.Text.Json;
using Gateway.Errors;
using Gateway.Requests;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace Gateway.Tests.Gateway.Errors;

public sealed class GatewayErrorTests
{
    internal static TheoryData<GatewayError, int, string, string, string?> Errors => new()
    {
        { GatewayError.UnknownKey, 401, "authentication_error", "invalid_api_key", null },
        { GatewayError.EndpointNotAllowed, 403, "permission_error", "endpoint_not_allowed", null },
        { GatewayError.ModelNotAllowed("a/b"), 403, "permission_error", "model_not_allowed", "model" },
        { GatewayError.UnknownCall, 404, "not_found_error", "not_found", null },
        { GatewayError.RateLimited(TimeSpan.FromSeconds(2.1)), 429, "rate_limit_error", "rate_limit_exceeded", null },
        { GatewayError.BudgetExceeded, 402, "billing_error", "budget_exceeded", null },
        { GatewayError.PriceUnknown, 402, "billing_error", "price_unknown", "model" },
        { GatewayError.LimitsUnavailable, 503, "api_error", "limits_unavailable", null },
        { GatewayError.BudgetUnavailable, 503, "api_error", "budget_unavailable", null },
        { GatewayError.UsageUnavailable, 503, "api_error", "usage_unavailable", null },
    };

    [Fact]
    public async Task EveryRefusal_IsWrittenInBothDialects()
    {
        foreach (var (error, status, type, code, param) in Errors.Select(row => row.Data))
        {
            var (chat, _) = await WriteAsync(error, "/v1/chat/completions");
            Assert.Equal(
                (type, code, param),
                (chat.GetProperty("error").GetProperty("type").GetString(), chat.GetProperty("error").GetProperty("code").GetString(),
                    chat.GetProperty("error").GetProperty("param").GetString()));

            var (messages, response) = await WriteAsync(error, "/v1/messages");
            Assert.Equal(status, response.StatusCode);
            Assert.Equal(("error", type), (messages.GetProperty("type").GetString(), messages.GetProperty("error").GetProperty("type").GetString()));
        }
    }

    [Theory]
    [InlineData(0, "1")]
    [InlineData(0.2, "1")]
    [InlineData(1, "1")]
    [InlineData(2.1, "3")]
    [InlineData(59.999, "60")]
    public async Task RateLimited_SaysWhenToComeBack(double seconds, string expected)
    {
        var (_, response) = await WriteAsync(
            GatewayError.RateLimited(TimeSpan.FromSeconds(seconds), KeyValuePair.Create("x-ratelimit-limit-requests", "5")), "/v1/chat/completions");

        Assert.Equal(expected, response.Headers.RetryAfter);
        Assert.Equal("5", response.Headers["x-ratelimit-limit-requests"]);
        Assert.False(response.Headers.ContainsKey("x-should-retry"));
    }

    [Fact]
    public async Task SpentBudget_KeepsClientsFromTryingAgain()
    {
        Assert.Equal("false", (await WriteAsync(GatewayError.BudgetExceeded, "/v1/messages")).Response.Headers["x-should-retry"]);
        Assert.Equal("false", (await WriteAsync(GatewayError.PriceUnknown, "/v1/messages")).Response.Headers["x-should-retry"]);
        Assert.False((await WriteAsync(GatewayError.LimitsUnavailable, "/v1/messages")).Response.Headers.ContainsKey("x-should-retry"));
    }

    [Fact]
    public void RefusedModel_IsNamedShortAndOnOneLine()
    {
        Assert.Equal("The team may not use the model 'a/b'.", GatewayError.ModelNotAllowed("a/b").Message);
        Assert.Equal("The team may not make a request that names no model.", GatewayError.ModelNotAllowed("").Message);
        Assert.True(GatewayError.ModelNotAllowed(new string('x', 5000)).Message.Length < 120);
        Assert.DoesNotContain('\n', GatewayError.ModelNotAllowed("a\nb\ud800").Message);
    }

    private static async Task<(JsonElement Body, HttpResponse Response)> WriteAsync(GatewayError error, string path)
    {
        var context = new DefaultHttpContext();
        context.Features.Set(new GatewayContext { StartedAt = 0 });
        context.Request.Path = path;
        using var body = new MemoryStream();
        context.Response.Body = body;
        await GatewayErrorWriter.WriteAsync(context, error);
        using var document = JsonDocument.Parse(body.ToArray());
        return (document.RootElement.Clone(), context.Response);
    }
}
