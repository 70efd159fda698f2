using System.Text;
using Yarp.ReverseProxy.Forwarder;

namespace Gateway.Upstream;

/// <summary>Creates a cluster's HTTP client: YARP's settings, and connection properties that YARP's settings cannot express.</summary>
internal sealed class UpstreamClientFactory : ForwarderHttpClientFactory
{
    protected override void ConfigureHandler(ForwarderHttpClientContext context, SocketsHttpHandler handler)
    {
        base.ConfigureHandler(context, handler);

        // YARP ignores the proxy variables (HTTPS_PROXY and its kin) by default. A host that sets them expects every program to use them,
        // and the gateway's own requests share this client, so both honour them unless the cluster names a proxy.
        handler.UseProxy = true;

        // The original's value; slower connections rarely succeed.
        handler.ConnectTimeout = TimeSpan.FromSeconds(10);

        // Without a limit a pooled connection never re-resolves DNS.
        handler.PooledConnectionLifetime = TimeSpan.FromMinutes(5);

        // Closing the connection when the client disconnects is what stops the bill. The default drains for two seconds to reuse it.
        handler.ResponseDrainTimeout = TimeSpan.Zero;

        // Headers pass byte for byte: Latin-1 at the listener, Latin-1 here. An encoding set on the cluster takes precedence.
        handler.RequestHeaderEncodingSelector ??= static (_, _) => Encoding.Latin1;

        // Detects dead HTTP/2 connections.
        handler.KeepAlivePingDelay = TimeSpan.FromSeconds(30);
        handler.KeepAlivePingTimeout = TimeSpan.FromSeconds(10);
        handler.KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests;

        // HopHeaders decides about the caller's trace headers; the client adds none.
        handler.ActivityHeadersPropagator = null;
    }

    protected override HttpMessageHandler WrapHandler(ForwarderHttpClientContext context, HttpMessageHandler handler) =>
        new BufferedBodyHandler(handler);
}
