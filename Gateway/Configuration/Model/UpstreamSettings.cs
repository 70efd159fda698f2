using Gateway.Configuration.Tree;

namespace Gateway.Configuration.Model;

/// <summary>Section <c>Upstream</c>: connections, attempts, time limits and errors.</summary>
internal sealed record UpstreamSettings : ISettings<UpstreamSettings>
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

    /// <summary>
    /// How long a call may wait for the first data event of an event stream. Default: the cluster's <c>ActivityTimeout</c>. Reloadable.
    /// </summary>
    public TimeSpan? FirstEventTimeout { get; init; }

    /// <summary>
    /// The longest time between two data events of an event stream. Comments and <c>ping</c> events do not count. Default: the cluster's
    /// <c>ActivityTimeout</c>. Reloadable.
    /// </summary>
    public TimeSpan? EventTimeout { get; init; }

    /// <summary>The longest time from sending a request to the end of its response. Default: no limit. Reloadable.</summary>
    public TimeSpan? TotalTimeout { get; init; }

    /// <summary>The status of a response with status 200 whose first data is upstream's error. Default: <c>Status</c>. Reloadable.</summary>
    public ErrorsInSuccess ErrorsInSuccess { get; init; }

    /// <inheritdoc/>
    public static UpstreamSettings Create(SettingsMembers members)
    {
        var defaults = new UpstreamSettings();
        return new UpstreamSettings
        {
            MaxAttempts = members.Int32(nameof(MaxAttempts), defaults.MaxAttempts),
            MaxRetriedBodySize = members.Int32(nameof(MaxRetriedBodySize), defaults.MaxRetriedBodySize),
            ConnectTimeout = members.Duration(nameof(ConnectTimeout), defaults.ConnectTimeout),
            FirstEventTimeout = members.OptionalDuration(nameof(FirstEventTimeout)),
            EventTimeout = members.OptionalDuration(nameof(EventTimeout)),
            TotalTimeout = members.OptionalDuration(nameof(TotalTimeout)),
            ErrorsInSuccess = members.Word(nameof(ErrorsInSuccess), defaults.ErrorsInSuccess),
        };
    }
}

/// <summary>The policy for an error in a response with status 200.</summary>
internal enum ErrorsInSuccess
{
    /// <summary>The client receives the status that the error says.</summary>
    Status,

    /// <summary>The client receives the response as it is.</summary>
    PassThrough,
}
