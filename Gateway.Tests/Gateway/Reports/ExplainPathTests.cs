using Gateway.Reports;
using Xunit;

namespace Gateway.Tests.Gateway.Reports;

/// <summary>Promise: <c>explain</c> reads a path as the server does.</summary>
public sealed class ExplainPathTests
{
    [Theory]
    [InlineData("/v1/chat/completions?a=/./b", "/v1/chat/completions")]
    [InlineData("/v1/x/../chat/completions", "/v1/chat/completions")]
    [InlineData("/v1/./chat/./completions", "/v1/chat/completions")]
    [InlineData("/../../v1/a", "/v1/a")]
    [InlineData("/v1/a/..", "/v1/")]
    [InlineData("/v1/a/.", "/v1/a/")]
    [InlineData("/v1/.hidden/a..b", "/v1/.hidden/a..b")]
    [InlineData("/.", "/")]
    [InlineData("/v1/%63hat/completions", "/v1/chat/completions")]
    [InlineData("/v1/x/%2e%2E/chat/completions", "/v1/chat/completions")]
    [InlineData("/v1/a%2Fb", "/v1/a%2Fb")]
    [InlineData("/v1/%zz", "/v1/%zz")]
    public void DotSegmentsAndEscapes_AreRemoved(string target, string path) => Assert.Equal(path, ExplainReport.PathOf(target).Value);
}
