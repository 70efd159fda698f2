using Gateway.Configuration.Model;

namespace Gateway.Configuration.Schema;

/// <summary>The sections of the settings file. Editors show the summaries of the names: <c>appsettings.schema.json</c> contains them.</summary>
internal static class SettingsSchema
{
    /// <summary>The listener, limits of connections and requests, and the shutdown.</summary>
    public const string Server = "Server";

    /// <summary>Connections to upstream, attempts, time limits and errors.</summary>
    public const string Upstream = "Upstream";

    /// <summary>Routes and clusters, in YARP's format. Reloadable.</summary>
    public const string ReverseProxy = "ReverseProxy";

    /// <summary>Rules that select the providers of models, and aliases of models. Reloadable.</summary>
    public const string ProviderMapping = "ProviderMapping";

    /// <summary>The members that every team starts from: objects merge, arrays replace, null removes. Reloadable.</summary>
    public const string TeamDefaults = "TeamDefaults";

    /// <summary>The teams, with keys of the gateway. Without teams, every caller sends an OpenRouter key. Reloadable.</summary>
    public const string Teams = "Teams";

    /// <summary>The path of a folder with one file <c>NAME.json</c> for each team, beside those of <c>Teams</c>. Reloadable.</summary>
    public const string TeamsFolder = "TeamsFolder";

    /// <summary>The ledger of usage and cost.</summary>
    public const string Usage = "Usage";

    /// <summary>The store of limits and budgets, and the assumptions for reservations.</summary>
    public const string Limits = "Limits";

    /// <summary>Usage and metrics on an address of their own. Requires a restart.</summary>
    public const string Admin = "Admin";

    /// <summary>Messages to webhooks about budgets and OpenRouter keys. Reloadable.</summary>
    public const string Alerts = "Alerts";

    /// <summary>The log. Reloadable.</summary>
    public const string Logging = "Logging";

    /// <summary>The path of this schema, for editors. The gateway ignores it.</summary>
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
