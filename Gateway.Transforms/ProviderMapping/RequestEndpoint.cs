namespace OpenRouterGateway.Transforms.ProviderMapping;

/// <summary>The kind of an endpoint. It decides which members of <c>provider</c> OpenRouter accepts.</summary>
public enum RequestEndpoint
{
    /// <summary>Chat completions, completions, responses, messages: the full <c>provider</c> object, and <c>models</c>.</summary>
    Generation,

    /// <summary>Embeddings and rerank: the full <c>provider</c> object; no <c>models</c>, so an alias's fallbacks are not added.</summary>
    Embeddings,

    /// <summary>
    /// Images: only <c>order</c>, <c>only</c>, <c>ignore</c>, <c>allow_fallbacks</c>, <c>sort</c> and <c>options</c>; no <c>models</c>.
    /// </summary>
    Images,
}
