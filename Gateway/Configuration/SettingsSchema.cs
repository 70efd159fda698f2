namespace Gateway.Configuration;

/// <summary>The sections of the settings file.</summary>
internal static class SettingsSchema
{
    public const string Server = "Server";
    public const string ReverseProxy = "ReverseProxy";
    public const string ProviderMapping = "ProviderMapping";
    public const string Logging = "Logging";

    /// <summary>A key at the top that editors read; it means nothing here.</summary>
    public const string JsonSchema = "$schema";

    /// <summary>Every section with its shape.</summary>
    public static IReadOnlyDictionary<string, SettingShape> Sections { get; } =
        new OrderedDictionary<string, SettingShape>(StringComparer.OrdinalIgnoreCase)
        {
            [Server] = SettingShape.Of(SettingsJsonContext.Default.ServerSettings),
            [ReverseProxy] = ReverseProxySchema.Section,
            [ProviderMapping] = SettingShape.Of(SettingsJsonContext.Default.ProviderMappingSettings),
            [Logging] = SettingShape.Of(SettingsJsonContext.Default.LoggingSettings),
        };

    /// <summary>
    /// Sections that later versions know. Ignoring one could open what its author meant to close, so the message says what is wrong.
    /// </summary>
    public static IReadOnlySet<string> LaterSections { get; } =
        new HashSet<string>(StringComparer.OrdinalIgnoreCase) { "Teams", "Usage", "Limits", "Admin" };

    /// <summary>What to say of a section that does not exist.</summary>
    public static string UnknownSection(string name) => LaterSections.Contains(name)
        ? "this version of the gateway does not know this section, so nothing in it would be in force; remove it or use a version that does"
        : SettingsShaper.Unknown(name, Sections.Keys);
}
