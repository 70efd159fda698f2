using System.Text.Json;
using Gateway.Configuration.Model;
using Gateway.Configuration.Tree;

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
    public static SettingShape.Members Team { get; } = SettingsMembers.Describe<TeamSettings>().Shape;

    private static readonly OrderedDictionary<string, (SettingShape Shape, SettingsNode Defaults)> Described =
        new(StringComparer.OrdinalIgnoreCase)
        {
            [Server] = SettingsMembers.Describe<ServerSettings>(),
            [Upstream] = SettingsMembers.Describe<UpstreamSettings>(),
            [ReverseProxy] = (ReverseProxySchema.Section, SettingsObject.Empty),
            [ProviderMapping] = (SettingsMembers.Describe<ProviderMappingSettings>().Shape, SettingsObject.Empty),
            [TeamDefaults] = (
                Team.Without(nameof(TeamSettings.Id), nameof(TeamSettings.Keys), nameof(TeamSettings.OpenRouterKey)), SettingsObject.Empty),
            [Teams] = (new SettingShape.List(Team, KeepsPlaces: true), new SettingsArray([], null)),
            [TeamsFolder] = (SettingShape.TextValue, new SettingsValue(JsonValueKind.String, "", null)),
            [Usage] = SettingsMembers.Describe<UsageSettings>(),
            [Limits] = SettingsMembers.Describe<LimitsSettings>(),
            [Admin] = SettingsMembers.Describe<AdminSettings>(),
            [Alerts] = SettingsMembers.Describe<AlertsSettings>(),
            [Logging] = SettingsMembers.Describe<LoggingSettings>(),
        };

    /// <summary>The shape of all sections together.</summary>
    public static SettingShape.Members Root { get; } = new(new OrderedDictionary<string, SettingShape.Member>(
        Described.Select(static section => KeyValuePair.Create(section.Key, new SettingShape.Member(section.Value.Shape))),
        StringComparer.OrdinalIgnoreCase));

    /// <summary>The names of the sections.</summary>
    public static IReadOnlyCollection<string> Names => Described.Keys;

    /// <summary>The shape of a section; <see langword="null"/> if there is no section of this name.</summary>
    public static SettingShape? ShapeOf(string section) => Root.Of(section);

    /// <summary>The defaults of a section.</summary>
    public static SettingsNode DefaultsOf(string section) => Described[section].Defaults;
}
