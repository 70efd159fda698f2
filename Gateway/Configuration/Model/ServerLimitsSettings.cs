using Gateway.Configuration.Tree;

namespace Gateway.Configuration.Model;

/// <summary>Section <c>Server:Limits</c>: Kestrel's limits. Changes require a restart.</summary>
internal sealed record ServerLimitsSettings : ISettings<ServerLimitsSettings>
{
    /// <summary>
    /// The maximum number of client connections; further ones are closed at once. 0 turns the limit off. Default: as many as the file
    /// descriptors allow, at most 10000.
    /// </summary>
    public long? MaxConnections { get; init; }

    /// <summary>The time limit for a request's headers. Default: 15 seconds.</summary>
    public TimeSpan RequestHeadersTimeout { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>The time after which an idle connection is closed. Default: 130 seconds.</summary>
    public TimeSpan KeepAliveTimeout { get; init; } = TimeSpan.FromSeconds(130);

    /// <summary>The maximum size of all request headers together, in bytes; beyond it the response is 431. Default: 32768.</summary>
    public int MaxRequestHeadersTotalSize { get; init; } = 32 * 1024;

    /// <summary>The maximum size of the request line, in bytes; beyond it the response is 414. Default: 8192.</summary>
    public int MaxRequestLineSize { get; init; } = 8 * 1024;

    /// <summary>The maximum number of request headers; beyond it the response is 431. Default: 100.</summary>
    public int MaxRequestHeaderCount { get; init; } = 100;

    /// <summary>The minimum data rate of uploads.</summary>
    public MinRequestBodyDataRateSettings MinRequestBodyDataRate { get; init; } = new();

    /// <summary>The maximum number of concurrent requests on one HTTP/2 connection. Default: 100.</summary>
    public int MaxStreamsPerConnection { get; init; } = 100;

    /// <inheritdoc/>
    public static ServerLimitsSettings Create(SettingsMembers members)
    {
        var defaults = new ServerLimitsSettings();
        return new ServerLimitsSettings
        {
            MaxConnections = members.OptionalInt64(nameof(MaxConnections)),
            RequestHeadersTimeout = members.Duration(nameof(RequestHeadersTimeout), defaults.RequestHeadersTimeout),
            KeepAliveTimeout = members.Duration(nameof(KeepAliveTimeout), defaults.KeepAliveTimeout),
            MaxRequestHeadersTotalSize = members.Int32(nameof(MaxRequestHeadersTotalSize), defaults.MaxRequestHeadersTotalSize),
            MaxRequestLineSize = members.Int32(nameof(MaxRequestLineSize), defaults.MaxRequestLineSize),
            MaxRequestHeaderCount = members.Int32(nameof(MaxRequestHeaderCount), defaults.MaxRequestHeaderCount),
            MinRequestBodyDataRate = members.Object<MinRequestBodyDataRateSettings>(nameof(MinRequestBodyDataRate)),
            MaxStreamsPerConnection = members.Int32(nameof(MaxStreamsPerConnection), defaults.MaxStreamsPerConnection),
        };
    }
}
