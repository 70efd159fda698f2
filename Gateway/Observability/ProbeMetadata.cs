namespace Gateway.Observability;

/// <summary>Marks the health endpoints, whose requests are not counted and are logged at Debug only.</summary>
internal sealed class ProbeMetadata
{
    public static ProbeMetadata Instance { get; } = new();

    /// <summary>Whether a request is a probe. Known after routing.</summary>
    public static bool IsProbe(HttpContext context) => context.GetEndpoint()?.Metadata.GetMetadata<ProbeMetadata>() is not null;
}
