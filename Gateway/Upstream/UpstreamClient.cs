namespace Gateway.Upstream;

/// <summary>What the connections to upstream need beyond what YARP's settings can say.</summary>
internal static class UpstreamClient
{
    public static void Configure(SocketsHttpHandler handler)
    {
        // The original's own figure; a connection that takes longer will not come.
        handler.ConnectTimeout = TimeSpan.FromSeconds(10);

        // A pooled connection would otherwise stay with the address that its name had at the first request.
        handler.PooledConnectionLifetime = TimeSpan.FromMinutes(5);

        // Dead HTTP/2 connections show themselves, where a cluster uses that version.
        handler.KeepAlivePingDelay = TimeSpan.FromSeconds(30);
        handler.KeepAlivePingTimeout = TimeSpan.FromSeconds(10);
        handler.KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests;

        // Trace context is the caller's to send and RequestHeaders' to stop; the client adds none of its own.
        handler.ActivityHeadersPropagator = null;
    }
}
