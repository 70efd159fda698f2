using Gateway.Configuration.Tree;

namespace Gateway.Configuration.Model;

/// <summary>Section <c>Logging</c>, with the convention of .NET. Reloadable.</summary>
internal sealed record LoggingSettings : ISettings<LoggingSettings>
{
    /// <summary>
    /// The minimum log level by category. The longest matching category wins; <c>Default</c> is for all others. <c>--verbose</c> sets
    /// <c>Gateway</c> to <c>Debug</c>.
    /// </summary>
    public IReadOnlyDictionary<string, LogLevel> LogLevel { get; init; } =
        new Dictionary<string, LogLevel>(StringComparer.OrdinalIgnoreCase)
        {
            ["Default"] = Microsoft.Extensions.Logging.LogLevel.Information,
            ["Microsoft.AspNetCore"] = Microsoft.Extensions.Logging.LogLevel.Warning,
            ["Yarp"] = Microsoft.Extensions.Logging.LogLevel.Warning,
        };

    /// <inheritdoc/>
    public static LoggingSettings Create(SettingsMembers members)
    {
        var defaults = new LoggingSettings();
        return new LoggingSettings
        {
            LogLevel = members.WordsByName(nameof(LogLevel), defaults.LogLevel),
        };
    }
}
