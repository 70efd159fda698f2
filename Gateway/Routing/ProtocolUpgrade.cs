using Microsoft.AspNetCore.Http.Features;

namespace Gateway.Routing;

/// <summary>Detects requests that ask to switch to another protocol, whose messages the gateway cannot judge.</summary>
internal static class ProtocolUpgrade
{
    /// <summary>
    /// Whether a request asks for another protocol. Offers of h2c and TLS do not count: the clients of Java and of Apache send them with every
    /// request, and accept that they are ignored.
    /// </summary>
    public static bool IsRequested(HttpContext context)
    {
        if (context.Features.Get<IHttpExtendedConnectFeature>() is { IsExtendedConnect: true })
        {
            return true;
        }

        if (context.Features.Get<IHttpUpgradeFeature>() is not { IsUpgradableRequest: true })
        {
            return false;
        }

        foreach (var value in context.Request.Headers.Upgrade)
        {
            foreach (var protocol in value.AsSpan().Split(','))
            {
                if (!IsIgnored(value.AsSpan(protocol).Trim()))
                {
                    return true;
                }
            }
        }

        return false;
    }

    private static bool IsIgnored(ReadOnlySpan<char> protocol) =>
        protocol.IsEmpty
        || protocol.Equals("h2c", StringComparison.OrdinalIgnoreCase)
        || protocol.StartsWith("TLS/", StringComparison.OrdinalIgnoreCase);
}
