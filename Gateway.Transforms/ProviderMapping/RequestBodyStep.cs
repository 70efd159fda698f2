namespace OpenRouterGateway.Transforms.ProviderMapping;

/// <summary>Whether the pipeline of this host has the step that reads bodies: a transform without it would forward them unruled.</summary>
internal sealed class RequestBodyStep
{
    public bool IsInPipeline { get; set; }
}
