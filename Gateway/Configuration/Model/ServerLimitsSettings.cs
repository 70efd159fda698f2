namespace Gateway.Configuration.Model;

/// <summary>Section <c>Server:Limits</c>: Kestrel's limits, set on purpose. At a restart only.</summary>
internal sealed record ServerLimitsSettings
{
    /// <summary>Open client connections; the next one is closed at once. 0 takes the limit away. Default 10000.</summary>
    public long MaxConnections { get; init; } = 10_000;

    /// <summary>How long a client may take to send its request's headers. Default 15 seconds.</summary>
    public TimeSpan RequestHeadersTimeout { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>How long an idle connection stays open. Default 130 seconds.</summary>
    public TimeSpan KeepAliveTimeout { get; init; } = TimeSpan.FromSeconds(130);

    /// <summary>Size of all request headers together, in bytes; beyond it the answer is 431. Default 32768.</summary>
    public int MaxRequestHeadersTotalSize { get; init; } = 32 * 1024;

    /// <summary>Size of the request line, in bytes; beyond it the answer is 414. Default 8192.</summary>
    public int MaxRequestLineSize { get; init; } = 8 * 1024;

    /// <summary>Number of request headers; beyond it the answer is 431. Default 100.</summary>
    public int MaxRequestHeaderCount { get; init; } = 100;

    /// <summary>The slowest upload that is still taken.</summary>
    public MinRequestBodyDataRateSettings MinRequestBodyDataRate { get; init; } = new();

    /// <summary>Requests at a time on one HTTP/2 connection. Default 100.</summary>
    public int MaxStreamsPerConnection { get; init; } = 100;
}
