using System.Text.Json;
using Gateway.Billing;
using Gateway.Errors;
using Gateway.Limits;
using Gateway.Pricing;
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
        { GatewayError.ModelNotAllowed("a/b", "search"), 403, "permission_error", "model_not_allowed", "model" },
        { GatewayError.UnknownCall, 404, "not_found_error", "not_found", null },
        { GatewayError.RateLimited(Exhausted(2.1)), 429, "rate_limit_error", "rate_limit_exceeded", null },
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
        var (_, response) = await WriteAsync(GatewayError.RateLimited(Exhausted(seconds)), "/v1/chat/completions");

        Assert.Equal(expected, response.Headers.RetryAfter);
        Assert.False(response.Headers.ContainsKey("x-should-retry"));
    }

    [Theory]
    [InlineData(24, 4096, false, 1, 0, "It may cost 50 USD for 24 prompt tokens (estimated from its size) and 4096 output tokens (assumed, since the request states no cap). ")]
    [InlineData(7, 10, true, 2, 1, "It may cost 50 USD for 7 prompt tokens (estimated from its size) and 2 times 10 output tokens (the cap of the request), 1 USD of it for server tools. ")]
    [InlineData(7, 0, false, 1, 0, "It may cost 50 USD for 7 prompt tokens (estimated from its size). ")]
    [InlineData(0, 0, false, 0, 0, "It may cost 50 USD. ")]
    public void BudgetThatDoesNotCoverARequest_SaysWhatItNeedsAndWhy(long prompt, long output, bool isStated, long choices, int tools, string expected)
    {
        var end = new DateTimeOffset(2026, 12, 1, 0, 0, 0, TimeSpan.Zero);
        var shortfall = new BudgetShortfall(Usd(50), Usd(100), Usd(70), Usd(5), end);
        var basis = new EstimateBasis(prompt, output, isStated, choices);

        Assert.Equal(
            $"The team's budget does not cover this request. {expected}30 USD are left until 2026-12-01T00:00:00Z, and 5 USD are reserved for calls that are not billed yet.",
            GatewayError.OverBudget(shortfall, basis, Usd(tools)).Message);
        Assert.Contains("30 USD are left, and", GatewayError.OverBudget(shortfall with { ResetsAt = null }, basis, Usd(tools)).Message, StringComparison.Ordinal);
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
                $$"""{"needed_usd":50,"left_usd":{{left}},"reserved_usd":{{reserved}},"resets_at":"2026-12-01T00:00:00Z","scope":"team"}""",
                body.GetProperty("error").GetProperty("metadata").GetRawText());
            Assert.Contains("may cost 50 USD", body.GetProperty("error").GetProperty("message").GetString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task RateLimited_NamesTheLimitAndItsHolder()
    {
        var refused = new LimitResult { RefusedBy = LimitKind.Concurrency, Holder = "key:a/ci", RetryAfter = TimeSpan.FromSeconds(1) };

        var (body, response) = await WriteAsync(GatewayError.RateLimited(refused), "/v1/chat/completions");

        Assert.Equal((429, "1"), (response.StatusCode, response.Headers.RetryAfter.ToString()));
        Assert.Equal("""{"limit":"concurrent_requests","scope":"key"}""", body.GetProperty("error").GetProperty("metadata").GetRawText());
        Assert.Equal(
            "The limit ConcurrentRequests of the key 'ci' of the team 'a' is exhausted. Try again in 1 s.",
            body.GetProperty("error").GetProperty("message").GetString());
        Assert.Equal("The limit TokensPerMinute of the team 'search' is exhausted. Try again in 2 s.", GatewayError.RateLimited(Exhausted(2)).Message);
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
        Assert.Equal(
            "The team may not use the model 'a/b'. The settings AllowedModels and DeniedModels of the team 'search' decide.",
            GatewayError.ModelNotAllowed("a/b", "search").Message);
        Assert.StartsWith(
            "The team may not make a request that names no model. The settings", GatewayError.ModelNotAllowed("", "search").Message, StringComparison.Ordinal);
        Assert.True(GatewayError.ModelNotAllowed(new string('x', 5000), "search").Message.Length < 200);
        Assert.DoesNotContain('\n', GatewayError.ModelNotAllowed("a\nb\ud800", "search").Message);
    }

    private static PicoDollars Usd(int usd) => new(usd * (Int128)1_000_000_000_000);

    private static LimitResult Exhausted(double seconds) =>
        new() { RefusedBy = LimitKind.Tokens, Holder = "team:search", RetryAfter = TimeSpan.FromSeconds(seconds) };

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
