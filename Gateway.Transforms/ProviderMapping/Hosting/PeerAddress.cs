using System.Net;
using System.Net.Sockets;
using Microsoft.AspNetCore.Http;

namespace OpenRouterGateway.Transforms.ProviderMapping.Hosting;

/// <summary>The owner of a request's body without further knowledge: the address of the peer.</summary>
internal static class PeerAddress
{
    private const int PrefixBytes = 8;

    /// <summary>
    /// The peer's IPv4 address, or the /64 prefix of its IPv6 address: a single host may use every address of the prefix. Peers without an
    /// address, such as those of a Unix domain socket, are one owner.
    /// </summary>
    public static object Of(HttpContext context) => context.Connection.RemoteIpAddress switch
    {
        null => IPAddress.None,
        { IsIPv4MappedToIPv6: true } address => address.MapToIPv4(),
        { AddressFamily: AddressFamily.InterNetworkV6 } address => PrefixOf(address),
        var address => address,
    };

    private static IPAddress PrefixOf(IPAddress address)
    {
        Span<byte> bytes = stackalloc byte[16];
        _ = address.TryWriteBytes(bytes, out _);
        bytes[PrefixBytes..].Clear();
        return new IPAddress(bytes);
    }
}
