namespace Gateway.Observability;

/// <summary>Marks the health endpoints.</summary>
internal sealed class ProbeMetadata
{
    public static ProbeMetadata Instance { get; } = new();
}
