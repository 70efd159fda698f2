using Gateway.Routing;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Xunit;

namespace Gateway.Tests.Gateway.Routing;

public class RequestPathsTests
{
    [Theory]
    [InlineData("/v1/a", "/v1/a", false)]
    [InlineData("/v1/.a/..b/c../d.", "/v1/.a/..b/c../d.", false)]
    [InlineData("/v1/.../a", "/v1/.../a", false)]
    [InlineData("/v1/a/../b", "", true)]
    [InlineData("/v1/a/./b", "", true)]
    [InlineData("/v1/.a/..", "", true)]
    [InlineData("/v1/.", "", true)]
    [InlineData("/..", "", true)]
    [InlineData("/v1/a", "/v1/b%5C../a?", false)]
    [InlineData("/v1/a", "http://h/v1/a?b=%2F%5C\\", false)]
    [InlineData("/v1/a", "http://h/v1/b%2F..%2Fa", true)]
    [InlineData("/v1/a", "http://h/v1/b%5c..%5ca", true)]
    [InlineData("/v1/a", "HTTP://h\\v1/a", true)]
    [InlineData("/", "*", false)]
    public void Path_IsAmbiguousIfTwoParsersMayDiffer(string path, string target, bool expected)
    {
        var context = new DefaultHttpContext();
        context.Request.Path = path;
        context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget = target;

        Assert.Equal(expected, RequestPaths.IsAmbiguous(context.Request));
    }
}
