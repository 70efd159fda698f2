using System.Text.Json;
using Gateway.Billing;
using Gateway.Errors;
using Gateway.Limits;
using Gateway.Primitives;
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
        { GatewayError.BudgetReserved, 429, "rate_limit_error", "budget_reserved", null },
        { GatewayError.PriceUnknown, 402, "billing_error", "price_unknown", "model" },
        { GatewayError.LimitsUnavailable, 503, "api_error", "limits_unavailable", null },
        { GatewayError.BudgetUnavailable, 503, "api_error", "budget_unavailable", null },
        { GatewayError.Stopping, 503, "server_error", "gateway_stopping", null },
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
            var typeOfMessages = type == "server_error" ? "api_error" : type;
            Assert.Equal(("error", typeOfMessages), (messages.GetProperty("type").GetString(), messages.GetProperty("error").GetProperty("type").GetString()));
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

    [Theory]
    [InlineData(70, 0, 402, "budget_exceeded", "30")]
    [InlineData(70, 20, 429, "budget_reserved", "30")]
    [InlineData(70, 19, 402, "budget_exceeded", "30")]
    [InlineData(120, 120, 429, "budget_reserved", "0")]
    public async Task BudgetThatDoesNotCoverARequest_SaysWhatIsInTheWay(int charged, int reserved, int status, string code, string left)
    {
        var error = GatewayError.OverBudget(new BudgetShortfall(
            Usd(50), Usd(100), Usd(charged), Usd(reserved), new DateTimeOffset(2026, 12, 1, 0, 0, 0, TimeSpan.Zero)));
        foreach (var path in (string[])["/v1/chat/completions", "/v1/messages", "/v1/responses"])
        {
            var (body, response) = await WriteAsync(error, path);

            Assert.Equal((status, code), (response.StatusCode, error.Code));
            Assert.Equal(status == 402 ? "false" : null, response.Headers["x-should-retry"].SingleOrDefault());
            Assert.Equal(status == 429, response.Headers.ContainsKey("Retry-After"));
            Assert.Equal(
                $$"""{"needed_usd":50,"left_usd":{{left}},"reserved_usd":{{reserved}},"resets_at":"2026-12-01T00:00:00Z"}""",
                body.GetProperty("error").GetProperty("metadata").GetRawText());
            Assert.Contains("may cost 50 USD", body.GetProperty("error").GetProperty("message").GetString(), StringComparison.Ordinal);
        }

        static PicoDollars Usd(int usd) => new(usd * (Int128)1_000_000_000_000);
    }

    [Fact]
    public async Task RateLimited_NamesTheLimitAndItsHolder()
    {
        var refused = new LimitResult { RefusedBy = LimitKind.Concurrency, Holder = "key:a/ci", RetryAfter = TimeSpan.FromSeconds(1) };

        var (body, response) = await WriteAsync(GatewayError.RateLimited(refused), "/v1/chat/completions");

        Assert.Equal((429, "1"), (response.StatusCode, response.Headers.RetryAfter.ToString()));
        Assert.Equal("""{"limit":"concurrent_requests","scope":"key"}""", body.GetProperty("error").GetProperty("metadata").GetRawText());
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
