using OpenRouterGateway.Transforms.RequestBody;

namespace OpenRouterGateway.Transforms.ProviderMapping.Hosting;

/// <summary>Passes the buffered body from the middleware that read it to the transform that forwards it.</summary>
internal sealed class ProviderMappingFeature(
    RequestEndpoint endpoint, BodyBuffer body, bool wasDecoded, BodyFacts facts, ProviderMappingDecision decision)
    : IProviderMappingFeature, IDisposable
{
    private SplicedStream? _open;

    public RequestEndpoint Endpoint => endpoint;

    public BodyFacts Facts => facts;

    public ProviderMappingDecision Decision => decision;

    /// <summary>Whether the body was decoded, so that its <c>Content-Encoding</c> must not be forwarded.</summary>
    public bool WasDecoded => wasDecoded;

    /// <summary>Opens the body to send. The buffer is released at the end of the stream.</summary>
    public SplicedStream OpenBody() => _open = new(body.Bytes, decision.Edits, body.Release);

    /// <summary>Ends the body together with the request: a send that is still in progress fails.</summary>
    public void Dispose() => _open?.Dispose();
}
