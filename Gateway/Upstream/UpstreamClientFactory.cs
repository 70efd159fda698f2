using System.Text;
using Gateway.Configuration;
using Yarp.ReverseProxy.Forwarder;

namespace Gateway.Upstream;

/// <summary>Creates the HTTP client of a cluster, with connection properties that YARP's settings cannot express.</summary>
internal sealed class UpstreamClientFactory(SettingsStore settings) : ForwarderHttpClientFactory
{
    // The value at the start: a client that a reload creates must not differ from the others.
    private readonly TimeSpan _connectTimeout = settings.Current.Settings.Upstream.ConnectTimeout;

    /// <summary>
    /// How long a connection takes new requests. Without a limit, pooled connections would not follow changes of DNS. Default: five minutes.
    /// </summary>
    internal TimeSpan ConnectionLifetime { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// The time without frames from upstream after which an HTTP/2 connection with requests in flight is asked for a sign of life by a PING.
    /// Default: 30 seconds.
    /// </summary>
    internal TimeSpan PingDelay { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>The time to answer a PING, after which the connection counts as dead. Default: ten seconds.</summary>
    internal TimeSpan PingTimeout { get; init; } = TimeSpan.FromSeconds(10);

    protected override void ConfigureHandler(ForwarderHttpClientContext context, SocketsHttpHandler handler)
    {
        base.ConfigureHandler(context, handler);

        // YARP ignores the proxy variables (HTTPS_PROXY and others) by default. A host that sets them expects every program to use them.
        // The gateway's own requests share this client, so calls and own requests use the same proxy. A proxy of the cluster takes
        // precedence.
        handler.UseProxy = true;

        handler.ConnectTimeout = _connectTimeout;

        // Shorter than the idle time of servers and load balancers (nginx 75 s, AWS 60 s), which would close a connection while a request is
        // on its way.
        handler.PooledConnectionIdleTimeout = TimeSpan.FromSeconds(30);

        handler.PooledConnectionLifetime = ConnectionLifetime;

        // Closing the connection when the client disconnects stops the generation and its cost. By default the handler first drains the
        // response for two seconds, to reuse the connection.
        handler.ResponseDrainTimeout = TimeSpan.Zero;

        // Header values pass byte for byte, since both the listener and this client use Latin-1. An encoding in the cluster's settings
        // takes precedence.
        handler.RequestHeaderEncodingSelector ??= static (_, _) => Encoding.Latin1;

        handler.KeepAlivePingDelay = PingDelay;
        handler.KeepAlivePingTimeout = PingTimeout;
        handler.KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests;

        // HopHeaders decides about the client's trace headers. The HTTP client must not add its own.
        handler.ActivityHeadersPropagator = null;
    }

    protected override HttpMessageHandler WrapHandler(ForwarderHttpClientContext context, HttpMessageHandler handler) =>
        new AnswerTimeoutHandler(new BufferedBodyHandler(handler));
}
