namespace Gateway.Configuration.Model;

/// <summary>Section <c>Logging</c>, as is the convention of .NET. Reloaded.</summary>
internal sealed record LoggingSettings
{
    /// <summary>
    /// The lowest level that is logged, by category; the longest category that fits wins, <c>Default</c> is for all others.
    /// <c>--verbose</c> sets <c>Gateway</c> to <c>Debug</c>.
    /// </summary>
    public IReadOnlyDictionary<string, LogLevel> LogLevel { get; init; } =
        new Dictionary<string, LogLevel>(StringComparer.OrdinalIgnoreCase)
        {
            ["Default"] = Microsoft.Extensions.Logging.LogLevel.Information,
            ["Microsoft.AspNetCore"] = Microsoft.Extensions.Logging.LogLevel.Warning,
            ["Yarp"] = Microsoft.Extensions.Logging.LogLevel.Warning,
        };
}
