using System.Text;
using Yarp.ReverseProxy.Forwarder;

namespace Gateway.Upstream;

/// <summary>The client of a cluster: what the connections to upstream need beyond what YARP's settings can say.</summary>
internal sealed class UpstreamClientFactory : ForwarderHttpClientFactory
{
    protected override void ConfigureHandler(ForwarderHttpClientContext context, SocketsHttpHandler handler)
    {
        base.ConfigureHandler(context, handler);

        // The original's own figure; a connection that takes longer will not come.
        handler.ConnectTimeout = TimeSpan.FromSeconds(10);

        // A pooled connection would otherwise stay with the address that its name had at the first request.
        handler.PooledConnectionLifetime = TimeSpan.FromMinutes(5);

        // When a client leaves, upstream's connection is closed at once, because that is what stops the bill. The default would go on
        // reading for two seconds in the hope of using the connection again.
        handler.ResponseDrainTimeout = TimeSpan.Zero;

        // Headers pass byte for byte: Latin-1 in at the listener, Latin-1 out here. A cluster that sets another encoding keeps it.
        handler.RequestHeaderEncodingSelector ??= static (_, _) => Encoding.Latin1;

        // Dead HTTP/2 connections show themselves, where a cluster uses that version.
        handler.KeepAlivePingDelay = TimeSpan.FromSeconds(30);
        handler.KeepAlivePingTimeout = TimeSpan.FromSeconds(10);
        handler.KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests;

        // Trace context is the caller's to send and HopHeaders' to stop; the client adds none of its own.
        handler.ActivityHeadersPropagator = null;
    }

    protected override HttpMessageHandler WrapHandler(ForwarderHttpClientContext context, HttpMessageHandler handler) =>
        new BufferedBodyHandler(handler);
}
