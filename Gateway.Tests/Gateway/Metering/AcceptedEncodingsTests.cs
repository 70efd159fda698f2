using Gateway.Metering;
using Gateway.Tests.Support;
using Microsoft.Extensions.Primitives;
using Xunit;

namespace Gateway.Tests.Gateway.Metering;

/// <summary>The part of a client's <c>Accept-Encoding</c> that is sent upstream on a metered call.</summary>
public sealed class AcceptedEncodingsTests
{
    [Theory]
    [InlineData("")]
    [InlineData("gzip")]
    [InlineData("gzip, deflate, br")]
    [InlineData("br;q=1.0, GZIP;q=0.5,identity;q=0")]
    [InlineData("x-gzip,,deflate")]
    [InlineData("X-GZIP, Deflate, BR, IDENTITY")]
    [InlineData("gzip, *;q=0")]
    [InlineData("gzip;q=0")]
    public void HeaderThatCanBeRead_StaysAsItIs(string accepted) => Assert.Null(AcceptedEncodings.Narrow(accepted));

    [Theory]
    [InlineData("gzip, deflate, br, zstd", "gzip, deflate, br")]
    [InlineData("zstd,br ; q=0.9 ,gzip;q=0.8", "br ; q=0.9, gzip;q=0.8")]
    [InlineData("zstd", "identity")]
    [InlineData("*", "identity")]
    [InlineData("*;q=0.5, gzip", "gzip")]
    [InlineData("zstd, *;q=0", "identity")]
    [InlineData("zstd, identity;q=0.000", "identity")]
    [InlineData("zstd, gzip;q=0", "gzip;q=0")]
    [InlineData("zstd, gzip, identity;q=0", "gzip, identity;q=0")]
    [InlineData("dcb, dcz;q=1, , Br", "Br")]
    [InlineData("gzipped", "identity")]
    public void Header_IsNarrowedToWhatCanBeRead(string accepted, string expected) =>
        Assert.Equal(expected, AcceptedEncodings.Narrow(accepted));

    [Fact]
    public void SeveralHeaders_BecomeOne()
    {
        Assert.Null(AcceptedEncodings.Narrow(new StringValues(["gzip", "br"])));
        Assert.Equal("gzip, br", AcceptedEncodings.Narrow(new StringValues(["gzip, zstd", "br"])));
        Assert.Null(AcceptedEncodings.Narrow(default));
    }

    [Fact]
    public void HeaderThatStays_CostsNoMemory()
    {
        StringValues accepted = "gzip, deflate, br;q=0.5";
        Assert.Null(AcceptedEncodings.Narrow(accepted));

        Assert.Equal(0, Allocations.Least(() =>
        {
            for (var i = 0; i < 1000; i++)
            {
                AcceptedEncodings.Narrow(accepted);
            }
        }));
    }
}
