using Gateway.Admin;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Primitives;
using Xunit;

namespace Gateway.Tests.Gateway.Admin;

public sealed class AdminGuardTests
{
    [Theory]
    [InlineData("127.0.0.1", null)]
    [InlineData("127.0.0.1:9464", null)]
    [InlineData("127.0.0.2:1", null)]
    [InlineData("localhost:9464", null)]
    [InlineData("LocalHost", null)]
    [InlineData("[::1]", null)]
    [InlineData("[::1]:9464", null)]
    [InlineData("", 403)]
    [InlineData("evil.example", 403)]
    [InlineData("localhost.evil.example", 403)]
    [InlineData("127.0.0.1.evil.example:9464", 403)]
    [InlineData("10.0.0.1", 403)]
    [InlineData("0.0.0.0:9464", 403)]
    [InlineData("[::]", 403)]
    public void WithoutAToken_OnlyNamesOfThisMachineAreServed(string host, int? status)
    {
        var context = new DefaultHttpContext();
        context.Request.Host = new HostString(host);
        context.Request.Headers.Authorization = "Bearer anything";

        Assert.Equal(status, new AdminGuard("").FindFault(context.Request)?.Status);
        Assert.Equal(status, new AdminGuard(null).FindFault(context.Request)?.Status);
    }

    [Theory]
    [InlineData("Bearer s3cret", null)]
    [InlineData("bearer  s3cret ", null)]
    [InlineData("Bearer S3CRET", 401)]
    [InlineData("Bearer s3cre", 401)]
    [InlineData("Bearer s3crett", 401)]
    [InlineData("Bearer ", 401)]
    [InlineData("Basic s3cret", 401)]
    [InlineData("Basic YW55Ym9keTpzM2NyZXQ=", null)]
    [InlineData("basic  YW55Ym9keTpzM2NyZXQ= ", null)]
    [InlineData("Basic OnMzY3JldA==", null)]
    [InlineData("Basic czNjcmV0Og==", 401)]
    [InlineData("Basic czNjcmV0", 401)]
    [InlineData("Basic YTpzM2NyZXQ6", 401)]
    [InlineData("Basic YTpTM0NSRVQ=", 401)]
    [InlineData("Basic %%%", 401)]
    [InlineData("Basic ", 401)]
    [InlineData("Digest YW55Ym9keTpzM2NyZXQ=", 401)]
    [InlineData("s3cret", 401)]
    [InlineData("", 401)]
    public void WithAToken_OnlyItIsServed_AsABearerOrAsBasicsPassword(string authorization, int? status)
    {
        var context = new DefaultHttpContext();
        context.Request.Host = new HostString("gateway.internal");
        context.Request.Headers.Authorization = authorization;

        var fault = new AdminGuard("s3cret").FindFault(context.Request);

        Assert.Equal(status, fault?.Status);
        Assert.DoesNotContain("s3cret", fault?.Message ?? "", StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("POST", "http://localhost:9464", null)]
    [InlineData("POST", "http://LOCALHOST:9464", null)]
    [InlineData("POST", "https://localhost:9464", null)]
    [InlineData("POST", null, null)]
    [InlineData("POST", "http://localhost:9465", 403)]
    [InlineData("POST", "http://localhost", 403)]
    [InlineData("POST", "http://evil.example", 403)]
    [InlineData("POST", "http://evil.example/http://localhost:9464", 403)]
    [InlineData("POST", "null", 403)]
    [InlineData("POST", "localhost:9464", 403)]
    [InlineData("POST", "", 403)]
    [InlineData("DELETE", "http://evil.example", 403)]
    [InlineData("GET", "http://evil.example", null)]
    [InlineData("HEAD", "http://evil.example", null)]
    public void RequestThatIsNoRead_IsOfNoOtherOrigin(string method, string? origin, int? status)
    {
        var context = new DefaultHttpContext();
        context.Request.Method = method;
        context.Request.Host = new HostString("localhost:9464");
        context.Request.Headers.Authorization = "Bearer s3cret";
        if (origin is not null)
        {
            context.Request.Headers.Origin = origin;
        }

        Assert.Equal(status, new AdminGuard("s3cret").FindFault(context.Request)?.Status);
        Assert.Equal(status, new AdminGuard(null).FindFault(context.Request)?.Status);
    }

    [Fact]
    public void WithAToken_ALoopbackHostIsNotEnough_NorAreTwoBearers()
    {
        var context = new DefaultHttpContext();
        context.Request.Host = new HostString("localhost");
        Assert.Equal(401, new AdminGuard("s3cret").FindFault(context.Request)?.Status);

        context.Request.Headers.Authorization = new StringValues(["Bearer s3cret", "Bearer s3cret"]);
        Assert.Equal(401, new AdminGuard("s3cret").FindFault(context.Request)?.Status);
    }

    [Theory]
    [InlineData("http://127.0.0.1:9464", "127.0.0.1:9464", true)]
    [InlineData("http://127.0.0.1:9464/", "127.0.0.1:9464", true)]
    [InlineData("http://localhost:9464", "localhost:9464", true)]
    [InlineData("http://[::1]:9464", "[::1]:9464", true)]
    [InlineData("http://[::ffff:127.0.0.1]:9464", "[::ffff:127.0.0.1]:9464", true)]
    [InlineData("http://0.0.0.0:9464", "0.0.0.0:9464", false)]
    [InlineData("http://[::]:9464", "[::]:9464", false)]
    [InlineData("http://10.1.2.3", "10.1.2.3:80", false)]
    public void Address_IsReadWithItsReach(string url, string expected, bool isLoopback)
    {
        var address = AdminAddress.Parse(url);

        Assert.Equal(expected, address?.ToString());
        Assert.Equal(isLoopback, address?.IsLoopback);
    }

    [Theory]
    [InlineData("")]
    [InlineData("127.0.0.1:9464")]
    [InlineData("https://127.0.0.1:9464")]
    [InlineData("http://*:9464")]
    [InlineData("http://gateway.internal:9464")]
    [InlineData("http://127.0.0.1:9464/admin")]
    [InlineData("http://127.0.0.1:9464/?a=b")]
    [InlineData("http://127.0.0.1:9464/#x")]
    [InlineData("http://user@127.0.0.1:9464")]
    [InlineData("http://127.0.0.1:99999")]
    public void OtherUrls_AreNoAddress(string url)
    {
        Assert.Null(AdminAddress.Parse(url));
    }
}
