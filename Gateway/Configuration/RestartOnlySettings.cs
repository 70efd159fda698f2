namespace Gateway.Configuration;

/// <summary>The settings that take effect after a restart.</summary>
internal static class RestartOnlySettings
{
    private static readonly (string Path, Func<SettingsSnapshot, object> Value)[] Settings =
    [
        ("Server:Address", now => now.Settings.Server.Address),
        ("Server:Port", now => now.Settings.Server.Port),
        ("Server:Https", now => now.Settings.Server.Https),
        ("Server:ShutdownTimeout", now => now.Settings.Server.ShutdownTimeout),
        ("Server:ShutdownDelay", now => now.Settings.Server.ShutdownDelay),
        ("Server:Limits:MaxConnections", now => now.Settings.Server.Limits.MaxConnections ?? -1),
        ("Server:Limits:RequestHeadersTimeout", now => now.Settings.Server.Limits.RequestHeadersTimeout),
        ("Server:Limits:KeepAliveTimeout", now => now.Settings.Server.Limits.KeepAliveTimeout),
        ("Server:Limits:MaxRequestHeadersTotalSize", now => now.Settings.Server.Limits.MaxRequestHeadersTotalSize),
        ("Server:Limits:MaxRequestLineSize", now => now.Settings.Server.Limits.MaxRequestLineSize),
        ("Server:Limits:MaxRequestHeaderCount", now => now.Settings.Server.Limits.MaxRequestHeaderCount),
        ("Server:Limits:MinRequestBodyDataRate:BytesPerSecond", now => now.Settings.Server.Limits.MinRequestBodyDataRate.BytesPerSecond),
        ("Server:Limits:MinRequestBodyDataRate:GracePeriod", now => now.Settings.Server.Limits.MinRequestBodyDataRate.GracePeriod),
        ("Server:Limits:MaxStreamsPerConnection", now => now.Settings.Server.Limits.MaxStreamsPerConnection),
        ("Upstream:ConnectTimeout", now => now.Settings.Upstream.ConnectTimeout),
        ("Usage:Store", now => now.Settings.Usage.Store),
        ("Usage:Sqlite:Path", now => now.Settings.Usage.Sqlite.Path),
        ("Usage:Durability", now => now.Settings.Usage.Durability),
        ("Usage:MaxJournalSize", now => now.Settings.Usage.MaxJournalSize),
        ("Usage:Postgres:ConnectionString", now => now.PostgresConnectionString?.Reveal() ?? ""),
        ("Usage:WhenStoreFails", now => now.Settings.Usage.WhenStoreFails),
        ("Usage:PricesPath", now => now.Settings.Usage.PricesPath),
        ("Limits:Store", now => now.Settings.Limits.Store),
        ("Limits:Redis:Configuration", now => now.RedisConfiguration?.Reveal() ?? ""),
        ("Limits:Redis:KeyPrefix", now => now.Settings.Limits.Redis.KeyPrefix),
        ("Limits:Redis:Timeout", now => now.Settings.Limits.Redis.Timeout),
        ("Admin:Url", now => now.Settings.Admin.Url),
        ("Admin:KeepRequests", now => now.Settings.Admin.KeepRequests),
        ("Admin:Token", now => now.AdminToken?.Reveal() ?? ""),
    ];

    /// <summary>The paths of these settings.</summary>
    public static IReadOnlyList<string> Paths { get; } = [.. Settings.Select(setting => setting.Path)];

    /// <summary>The paths of the settings that differ.</summary>
    public static IReadOnlyList<string> Changed(SettingsSnapshot started, SettingsSnapshot current) =>
        [.. Settings.Where(setting => !setting.Value(started).Equals(setting.Value(current))).Select(setting => setting.Path)];
}
