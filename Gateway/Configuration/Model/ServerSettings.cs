using Gateway.Configuration.Tree;

namespace Gateway.Configuration.Model;

/// <summary>Section <c>Server</c>: listener, request limits and shutdown.</summary>
internal sealed record ServerSettings : ISettings<ServerSettings>
{
    /// <summary>The listening address. Default: <c>0.0.0.0</c>; flag <c>--ip</c>, variable <c>GATEWAY_IP</c>. Requires a restart.</summary>
    public string Address { get; init; } = "0.0.0.0";

    /// <summary>
    /// The listening port, 0 to 65535; 0 lets the system choose. Default: 3000; flag <c>--port</c>, variable <c>GATEWAY_PORT</c>. Requires
    /// a restart.
    /// </summary>
    public int Port { get; init; } = 3000;

    /// <summary>Whether to serve TLS. Default: off; flag <c>--https</c>, variable <c>GATEWAY_HTTPS</c>. Requires a restart.</summary>
    public bool Https { get; init; }

    /// <summary>
    /// PEM file with the certificate and its chain. Default: none; flag <c>--cert-path</c>, variable <c>GATEWAY_CERT_PATH</c>. Reloadable;
    /// the file itself is watched.
    /// </summary>
    /// <remarks>An absolute path once loaded.</remarks>
    public string? CertPath { get; init; }

    /// <summary>
    /// PEM file with the private key. Default: none; flag <c>--key-path</c>, variable <c>GATEWAY_KEY_PATH</c>. Reloadable; the file itself
    /// is watched.
    /// </summary>
    /// <remarks>An absolute path once loaded.</remarks>
    public string? KeyPath { get; init; }

    /// <summary>
    /// The maximum size of a body on a rewritten route, in bytes after decoding; beyond it the response is 413. Default: 104857600 (100
    /// MiB). Reloadable.
    /// </summary>
    public long MaxRequestBodySize { get; init; } = 100 * 1024 * 1024;

    /// <summary>
    /// The memory budget for bodies on rewritten routes, in bytes. Bodies that do not fit wait unread; bodies up to 64 KB share a quarter of it
    /// before they wait. Default: 268435456 (256 MiB). Reloadable.
    /// </summary>
    public long RequestBodyMemory { get; init; } = 256 * 1024 * 1024;

    /// <summary>
    /// The maximum number of bodies that wait for memory; beyond it the response is 503. Default: 256. Reloadable.
    /// </summary>
    public int MaxWaitingBodies { get; init; } = 256;

    /// <summary>Whether responses carry <c>x-gateway-rule</c>. Default: on. Reloadable.</summary>
    public bool RuleHeader { get; init; } = true;

    /// <summary>
    /// Whether <c>traceparent</c> and <c>tracestate</c> go upstream. Default: off: upstream is a third party. Reloadable.
    /// </summary>
    public bool ForwardTraceHeaders { get; init; }

    /// <summary>
    /// How long the status of a response waits for upstream's first data, which may be an error. Default: three seconds. Reloadable.
    /// </summary>
    public TimeSpan EventStreamHeaderDelay { get; init; } = TimeSpan.FromSeconds(3);

    /// <summary>The time limit for requests in flight after SIGTERM. Default: five minutes. Requires a restart.</summary>
    public TimeSpan ShutdownTimeout { get; init; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// How long the listener stays open after SIGTERM with readiness off, so that load balancers stop sending requests first. Default:
    /// zero. Requires a restart.
    /// </summary>
    public TimeSpan ShutdownDelay { get; init; } = TimeSpan.Zero;

    /// <summary>Limits of a connection and of a request. Changes require a restart.</summary>
    public ServerLimitsSettings Limits { get; init; } = new();

    /// <inheritdoc/>
    public static ServerSettings Create(SettingsMembers members)
    {
        var defaults = new ServerSettings();
        return new ServerSettings
        {
            Address = members.Text(nameof(Address), defaults.Address),
            Port = members.Int32(nameof(Port), defaults.Port),
            Https = members.Flag(nameof(Https), defaults.Https),
            CertPath = members.OptionalText(nameof(CertPath)),
            KeyPath = members.OptionalText(nameof(KeyPath)),
            MaxRequestBodySize = members.Int64(nameof(MaxRequestBodySize), defaults.MaxRequestBodySize),
            RequestBodyMemory = members.Int64(nameof(RequestBodyMemory), defaults.RequestBodyMemory),
            MaxWaitingBodies = members.Int32(nameof(MaxWaitingBodies), defaults.MaxWaitingBodies),
            RuleHeader = members.Flag(nameof(RuleHeader), defaults.RuleHeader),
            ForwardTraceHeaders = members.Flag(nameof(ForwardTraceHeaders), defaults.ForwardTraceHeaders),
            EventStreamHeaderDelay = members.Duration(nameof(EventStreamHeaderDelay), defaults.EventStreamHeaderDelay),
            ShutdownTimeout = members.Duration(nameof(ShutdownTimeout), defaults.ShutdownTimeout),
            ShutdownDelay = members.Duration(nameof(ShutdownDelay), defaults.ShutdownDelay),
            Limits = members.Object<ServerLimitsSettings>(nameof(Limits)),
        };
    }
}
