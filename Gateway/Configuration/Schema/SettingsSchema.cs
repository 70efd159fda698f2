namespace Gateway.Configuration.Schema;

/// <summary>The sections of the settings file.</summary>
internal static class SettingsSchema
{
    public const string Server = "Server";
    public const string Upstream = "Upstream";
    public const string ReverseProxy = "ReverseProxy";
    public const string ProviderMapping = "ProviderMapping";
    public const string Teams = "Teams";
    public const string Usage = "Usage";
    public const string Limits = "Limits";
    public const string Admin = "Admin";
    public const string Logging = "Logging";

    /// <summary>A top-level key for editors. The gateway ignores it.</summary>
    public const string JsonSchema = "$schema";

    /// <summary>Every section with its shape.</summary>
    public static IReadOnlyDictionary<string, SettingShape> Sections { get; } =
        new OrderedDictionary<string, SettingShape>(StringComparer.OrdinalIgnoreCase)
        {
            [Server] = SettingShape.Of(SettingsJsonContext.Default.ServerSettings),
            [Upstream] = SettingShape.Of(SettingsJsonContext.Default.UpstreamSettings),
            [ReverseProxy] = ReverseProxySchema.Section,
            [ProviderMapping] = SettingShape.Of(SettingsJsonContext.Default.ProviderMappingSettings),
            [Teams] = new SettingShape.List(SettingShape.Of(SettingsJsonContext.Default.TeamSettings), KeepsPlaces: true),
            [Usage] = SettingShape.Of(SettingsJsonContext.Default.UsageSettings),
            [Limits] = SettingShape.Of(SettingsJsonContext.Default.LimitsSettings),
            [Admin] = SettingShape.Of(SettingsJsonContext.Default.AdminSettings),
            [Logging] = SettingShape.Of(SettingsJsonContext.Default.LoggingSettings),
        };
}
