using System.Text;
using Yarp.ReverseProxy.Forwarder;

namespace Gateway.Upstream;

/// <summary>Creates the HTTP client of a cluster, with connection settings that YARP's configuration does not offer.</summary>
internal sealed class UpstreamClientFactory : ForwarderHttpClientFactory
{
    protected override void ConfigureHandler(ForwarderHttpClientContext context, SocketsHttpHandler handler)
    {
        base.ConfigureHandler(context, handler);

        // The timeout of the original program.
        handler.ConnectTimeout = TimeSpan.FromSeconds(10);

        // A pooled connection would otherwise keep the address that its name had at the first request.
        handler.PooledConnectionLifetime = TimeSpan.FromMinutes(5);

        // When a client leaves, upstream's connection is closed at once, which stops the bill. The default drains the response for two seconds to
        // reuse the connection.
        handler.ResponseDrainTimeout = TimeSpan.Zero;

        // Headers pass byte for byte: Latin-1 at the listener, Latin-1 here. A cluster may set another encoding.
        handler.RequestHeaderEncodingSelector ??= static (_, _) => Encoding.Latin1;

        // Detects dead HTTP/2 connections, for clusters that use this version.
        handler.KeepAlivePingDelay = TimeSpan.FromSeconds(30);
        handler.KeepAlivePingTimeout = TimeSpan.FromSeconds(10);
        handler.KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests;

        // Trace context comes from the caller, subject to HopHeaders. The client adds none.
        handler.ActivityHeadersPropagator = null;
    }

    protected override HttpMessageHandler WrapHandler(ForwarderHttpClientContext context, HttpMessageHandler handler) =>
        new BufferedBodyHandler(handler);
}
