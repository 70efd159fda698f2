using Microsoft.AspNetCore.Http.Features;

namespace Gateway.Routing;

/// <summary>Detects requests that ask to switch to another protocol, whose messages the gateway cannot judge.</summary>
internal static class ProtocolUpgrade
{
    /// <summary>
    /// Whether a request asks for another protocol. An offer of h2c does not count: Java's client sends it with every request and accepts
    /// that it is ignored.
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
            if (value is not null && !value.AsSpan().Trim().Equals("h2c", StringComparison.OrdinalIgnoreCase))
            {
                return true;
            }
        }

        return false;
    }
}
