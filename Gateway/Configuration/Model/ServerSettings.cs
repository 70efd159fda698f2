namespace Gateway.Configuration.Model;

/// <summary>Section <c>Server</c>: listener, request limits and shutdown.</summary>
internal sealed record ServerSettings
{
    /// <summary>Listening address. Default <c>0.0.0.0</c>; flag <c>--ip</c>, variable <c>GATEWAY_IP</c>; restart.</summary>
    public string Address { get; init; } = "0.0.0.0";

    /// <summary>
    /// Listening port, 0 to 65535; 0 lets the system choose. Default 3000; flag <c>--port</c>, variable <c>GATEWAY_PORT</c>; restart.
    /// </summary>
    public int Port { get; init; } = 3000;

    /// <summary>Whether to serve TLS. Default off; flag <c>--https</c>, variable <c>GATEWAY_HTTPS</c>; restart.</summary>
    public bool Https { get; init; }

    /// <summary>
    /// PEM file with the certificate and its chain, as an absolute path once loaded. Flag <c>--cert-path</c>, variable
    /// <c>GATEWAY_CERT_PATH</c>; reloaded, and the file itself is watched.
    /// </summary>
    public string? CertPath { get; init; }

    /// <summary>
    /// PEM file with the private key, as an absolute path once loaded. Flag <c>--key-path</c>, variable <c>GATEWAY_KEY_PATH</c>; reloaded,
    /// and the file itself is watched.
    /// </summary>
    public string? KeyPath { get; init; }

    /// <summary>
    /// Largest body on a rewritten route, in bytes after decoding; beyond it the answer is 413. Default 104857600 (100 MiB); reloaded.
    /// </summary>
    public long MaxRequestBodySize { get; init; } = 100 * 1024 * 1024;

    /// <summary>
    /// Memory for bodies on rewritten routes, in bytes. Further bodies wait, unread; bodies up to 64 KB do not wait. Default 268435456 (256
    /// MiB); reloaded.
    /// </summary>
    public long RequestBodyMemory { get; init; } = 256 * 1024 * 1024;

    /// <summary>Whether answers carry <c>x-gateway-rule</c>. Default on; reloaded.</summary>
    public bool RuleHeader { get; init; } = true;

    /// <summary>Whether <c>traceparent</c> and <c>tracestate</c> go upstream. Default off: upstream is a third party; reloaded.</summary>
    public bool ForwardTraceHeaders { get; init; }

    /// <summary>How long an event stream's headers wait for upstream's first byte. Default one second; reloaded.</summary>
    public TimeSpan EventStreamHeaderDelay { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How long requests in flight may continue after SIGTERM. Default five minutes; restart.</summary>
    public TimeSpan ShutdownTimeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// How long the listener stays open after SIGTERM with readiness off, so that load balancers notice first. Default none; restart.
    /// </summary>
    public TimeSpan ShutdownDelay { get; init; } = TimeSpan.Zero;

    /// <summary>Limits of a single connection and request. All at a restart only.</summary>
    public ServerLimitsSettings Limits { get; init; } = new();
}
