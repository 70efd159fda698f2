namespace OpenRouterGateway.Transforms.ProviderMapping.Hosting;

/// <summary>Records whether the host's pipeline contains the middleware: without it, the transform would forward bodies unchecked.</summary>
internal sealed class ProviderMappingPipeline
{
    public bool HasMiddleware { get; set; }
}
