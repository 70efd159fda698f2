namespace Gateway.Configuration.Model;

/// <summary>Section <c>Upstream</c>: connections and attempts.</summary>
internal sealed record UpstreamSettings
{
    /// <summary>
    /// How often a request is sent at most, 1 to 10. It is sent again only after an attempt that upstream has surely not billed. Default: 3; 1
    /// switches further attempts off. Reloadable.
    /// </summary>
    public int MaxAttempts { get; init; } = 3;

    /// <summary>
    /// The maximum size, in bytes, of a body that is kept in memory after it was sent, until upstream's status is known, so that it can be
    /// sent again. Default: 1048576 (1 MiB). Reloadable.
    /// </summary>
    public int MaxRetriedBodySize { get; init; } = 1024 * 1024;

    /// <summary>The time limit for a connection to upstream, TLS included. Default: five seconds. Requires a restart.</summary>
    public TimeSpan ConnectTimeout { get; init; } = TimeSpan.FromSeconds(5);
}
