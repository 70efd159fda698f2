namespace Gateway.Configuration.Model;

/// <summary>All settings as typed values, except YARP's section, which is kept in YARP's own types.</summary>
/// <param name="Server">Section <c>Server</c>.</param>
/// <param name="ProviderMapping">Section <c>ProviderMapping</c>.</param>
/// <param name="Logging">Section <c>Logging</c>.</param>
internal sealed record GatewaySettings(ServerSettings Server, ProviderMappingSettings ProviderMapping, LoggingSettings Logging)
{
    /// <summary>Section <c>Usage</c>.</summary>
    public UsageSettings Usage { get; init; } = new();

    /// <summary>Section <c>Limits</c>.</summary>
    public LimitsSettings Limits { get; init; } = new();

    /// <summary>Section <c>Admin</c>.</summary>
    public AdminSettings Admin { get; init; } = new();
}
