namespace Gateway.Observability;

/// <summary>Marks the endpoints that only ask after the gateway's health.</summary>
internal sealed class ProbeMetadata
{
    public static ProbeMetadata Instance { get; } = new();
}
