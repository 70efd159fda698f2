using System.Net;
using Microsoft.AspNetCore.Http;
using OpenRouterGateway.Transforms.ProviderMapping;
using Xunit;

namespace Gateway.Tests.Transforms.ProviderMapping.Hosting;

/// <summary>Promise: without further knowledge, the bodies of one client have one owner.</summary>
public sealed class PeerAddressTests
{
    [Theory]
    [InlineData("192.0.2.1", "192.0.2.1", true)]
    [InlineData("192.0.2.1", "::ffff:192.0.2.1", true)]
    [InlineData("192.0.2.1", "192.0.2.2", false)]
    [InlineData("2001:db8:1:2::1", "2001:db8:1:2:ffff:ffff:ffff:ffff", true)]
    [InlineData("2001:db8:1:2::1", "2001:db8:1:3::1", false)]
    [InlineData("fe80::1%2", "fe80::2%3", true)]
    [InlineData(null, null, true)]
    [InlineData(null, "192.0.2.1", false)]
    public void DefaultOwner_IsThePeer(string? one, string? other, bool isSame) => Assert.Equal(isSame, OwnerOf(one).Equals(OwnerOf(other)));

    private static object OwnerOf(string? address)
    {
        var context = new DefaultHttpContext();
        context.Connection.RemoteIpAddress = address is null ? null : IPAddress.Parse(address);
        return new ProviderMappingOptions().RequestBodyOwner(context);
    }
}
