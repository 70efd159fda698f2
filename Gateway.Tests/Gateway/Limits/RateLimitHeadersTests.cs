using Gateway.Limits;
using Microsoft.AspNetCore.Http;
using Xunit;

namespace Gateway.Tests.Gateway.Limits;

/// <summary>Promise: limits are told in the headers, and the spelling, that OpenAI's SDKs know.</summary>
public sealed class RateLimitHeadersTests
{
    [Theory]
    [InlineData(0, "0s")]
    [InlineData(0.1, "1ms")]
    [InlineData(12, "12ms")]
    [InlineData(999, "999ms")]
    [InlineData(999.5, "1s")]
    [InlineData(1000, "1s")]
    [InlineData(1200, "1.2s")]
    [InlineData(59_999, "59.999s")]
    [InlineData(60_000, "1m0s")]
    [InlineData(90_500, "1m30.5s")]
    [InlineData(360_000, "6m0s")]
    [InlineData(3_600_000, "1h0m0s")]
    [InlineData(90_061_001, "25h1m1.001s")]
    [InlineData(-5, "0s")]
    public void Duration_IsSpeltAsOpenAiDoes(double milliseconds, string expected) =>
        Assert.Equal(expected, RateLimitHeaders.Duration(TimeSpan.FromTicks((long)(milliseconds * TimeSpan.TicksPerMillisecond))));

    [Fact]
    public void GrantedRequest_IsToldItsLevelsOnly()
    {
        var headers = new HeaderDictionary();

        RateLimitHeaders.Write(headers, new LimitResult
        {
            Requests = new LimitLevel(600, 599, TimeSpan.FromMilliseconds(100)),
            Tokens = new LimitLevel(200_000, 150_000, TimeSpan.FromSeconds(15)),
        });

        Assert.Equal(6, headers.Count);
        Assert.Equal("600", headers["x-ratelimit-limit-requests"]);
        Assert.Equal("599", headers["x-ratelimit-remaining-requests"]);
        Assert.Equal("100ms", headers["x-ratelimit-reset-requests"]);
        Assert.Equal("200000", headers["x-ratelimit-limit-tokens"]);
        Assert.Equal("150000", headers["x-ratelimit-remaining-tokens"]);
        Assert.Equal("15s", headers["x-ratelimit-reset-tokens"]);
    }

    [Theory]
    [InlineData(0, "1", "1")]
    [InlineData(0.5, "1", "1")]
    [InlineData(1000, "1", "1000")]
    [InlineData(1001, "2", "1001")]
    [InlineData(59_001, "60", "59001")]
    public void Refusal_IsToldWhenToComeBack(double milliseconds, string seconds, string rounded)
    {
        var headers = new HeaderDictionary();

        RateLimitHeaders.Write(headers, new LimitResult
        {
            RefusedBy = LimitKind.Concurrency,
            RetryAfter = TimeSpan.FromMilliseconds(milliseconds),
        });

        Assert.Equal(2, headers.Count);
        Assert.Equal(seconds, headers["Retry-After"]);
        Assert.Equal(rounded, headers["retry-after-ms"]);
    }
}
