namespace Gateway.Configuration;

/// <summary>The settings that only a restart brings into force.</summary>
internal static class RestartOnlySettings
{
    private static readonly (string Path, Func<GatewaySettings, object> Value)[] Settings =
    [
        ("Server:Address", settings => settings.Server.Address),
        ("Server:Port", settings => settings.Server.Port),
        ("Server:Https", settings => settings.Server.Https),
        ("Server:ShutdownTimeout", settings => settings.Server.ShutdownTimeout),
        ("Server:ShutdownDelay", settings => settings.Server.ShutdownDelay),
        ("Server:Limits:MaxConnections", settings => settings.Server.Limits.MaxConnections),
        ("Server:Limits:RequestHeadersTimeout", settings => settings.Server.Limits.RequestHeadersTimeout),
        ("Server:Limits:KeepAliveTimeout", settings => settings.Server.Limits.KeepAliveTimeout),
        ("Server:Limits:MaxRequestHeadersTotalSize", settings => settings.Server.Limits.MaxRequestHeadersTotalSize),
        ("Server:Limits:MaxRequestLineSize", settings => settings.Server.Limits.MaxRequestLineSize),
        ("Server:Limits:MaxRequestHeaderCount", settings => settings.Server.Limits.MaxRequestHeaderCount),
        ("Server:Limits:MinRequestBodyDataRate:BytesPerSecond", settings => settings.Server.Limits.MinRequestBodyDataRate.BytesPerSecond),
        ("Server:Limits:MinRequestBodyDataRate:GracePeriod", settings => settings.Server.Limits.MinRequestBodyDataRate.GracePeriod),
        ("Server:Limits:MaxStreamsPerConnection", settings => settings.Server.Limits.MaxStreamsPerConnection),
    ];

    /// <summary>The paths of all of them.</summary>
    public static IReadOnlyList<string> Paths { get; } = [.. Settings.Select(setting => setting.Path)];

    /// <summary>Those that differ.</summary>
    public static IReadOnlyList<string> Changed(GatewaySettings started, GatewaySettings current) =>
        [.. Settings.Where(setting => !setting.Value(started).Equals(setting.Value(current))).Select(setting => setting.Path)];
}
