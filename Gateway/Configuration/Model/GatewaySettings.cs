namespace Gateway.Configuration.Model;

/// <summary>
/// The sections with plain values. Rules, teams and YARP's section are compiled and are separate members of the snapshot.
/// </summary>
/// <param name="Server">Section <c>Server</c>.</param>
/// <param name="Logging">Section <c>Logging</c>.</param>
internal sealed record GatewaySettings(ServerSettings Server, LoggingSettings Logging)
{
    /// <summary>Section <c>Upstream</c>.</summary>
    public UpstreamSettings Upstream { get; init; } = new();

    /// <summary>Section <c>Usage</c>.</summary>
    public UsageSettings Usage { get; init; } = new();

    /// <summary>Section <c>Limits</c>.</summary>
    public LimitsSettings Limits { get; init; } = new();

    /// <summary>Section <c>Admin</c>.</summary>
    public AdminSettings Admin { get; init; } = new();

    /// <summary>Section <c>Alerts</c>, with references in place of the secrets.</summary>
    public AlertsSettings Alerts { get; init; } = new();
}
