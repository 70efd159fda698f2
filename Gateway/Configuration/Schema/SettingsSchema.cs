using Gateway.Configuration.Model;

namespace Gateway.Configuration.Schema;

/// <summary>The sections of the settings file.</summary>
internal static class SettingsSchema
{
    public const string Server = "Server";
    public const string Upstream = "Upstream";
    public const string ReverseProxy = "ReverseProxy";
    public const string ProviderMapping = "ProviderMapping";
    public const string TeamDefaults = "TeamDefaults";
    public const string Teams = "Teams";
    public const string TeamsFolder = "TeamsFolder";
    public const string Usage = "Usage";
    public const string Limits = "Limits";
    public const string Admin = "Admin";
    public const string Alerts = "Alerts";
    public const string Logging = "Logging";

    /// <summary>A top-level key for editors. The gateway ignores it.</summary>
    public const string JsonSchema = "$schema";

    /// <summary>The shape of a team.</summary>
    public static SettingShape.Members Team { get; } = (SettingShape.Members)SettingShape.Of(SettingsJsonContext.Default.TeamSettings);

    /// <summary>Every section with its shape.</summary>
    public static IReadOnlyDictionary<string, SettingShape> Sections { get; } =
        new OrderedDictionary<string, SettingShape>(StringComparer.OrdinalIgnoreCase)
        {
            [Server] = SettingShape.Of(SettingsJsonContext.Default.ServerSettings),
            [Upstream] = SettingShape.Of(SettingsJsonContext.Default.UpstreamSettings),
            [ReverseProxy] = ReverseProxySchema.Section,
            [ProviderMapping] = SettingShape.Of(SettingsJsonContext.Default.ProviderMappingSettings),
            [TeamDefaults] = Team.Without(nameof(TeamSettings.Id), nameof(TeamSettings.Keys), nameof(TeamSettings.OpenRouterKey)),
            [Teams] = new SettingShape.List(Team, KeepsPlaces: true),
            [TeamsFolder] = SettingShape.TextValue,
            [Usage] = SettingShape.Of(SettingsJsonContext.Default.UsageSettings),
            [Limits] = SettingShape.Of(SettingsJsonContext.Default.LimitsSettings),
            [Admin] = SettingShape.Of(SettingsJsonContext.Default.AdminSettings),
            [Alerts] = SettingShape.Of(SettingsJsonContext.Default.AlertsSettings),
            [Logging] = SettingShape.Of(SettingsJsonContext.Default.LoggingSettings),
        };
}
