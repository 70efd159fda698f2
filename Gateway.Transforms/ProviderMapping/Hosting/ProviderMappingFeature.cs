using OpenRouterGateway.Transforms.RequestBody;

namespace OpenRouterGateway.Transforms.ProviderMapping.Hosting;

/// <summary>Hands the buffered body from the step that read it to the transform that forwards it.</summary>
internal sealed class ProviderMappingFeature(
    RequestEndpoint endpoint, BodyBuffer body, bool wasDecoded, BodyFacts facts, ProviderMappingDecision decision)
    : IProviderMappingFeature, IDisposable
{
    private SplicedStream? _open;

    public RequestEndpoint Endpoint => endpoint;

    public BodyFacts Facts => facts;

    public ProviderMappingDecision Decision => decision;

    /// <summary>Whether a <c>Content-Encoding</c> was removed in reading, so that the header must not go upstream.</summary>
    public bool WasDecoded => wasDecoded;

    /// <summary>The body to send. The buffer is given back once it was read to its end.</summary>
    public SplicedStream OpenBody() => _open = new(body.Bytes, decision.Edits, body.Release);

    /// <summary>Ends the body's life with the request's, whoever may still be reading it.</summary>
    public void Dispose() => _open?.Dispose();
}
