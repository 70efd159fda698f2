using Microsoft.AspNetCore.Http;

namespace OpenRouterGateway.Transforms.ProviderMapping;

/// <summary>Finds the kind of an endpoint.</summary>
internal static class RequestEndpoints
{
    /// <summary>Finds the kind of the endpoint by the end of the path. The prefix is not checked.</summary>
    /// <param name="path">The request's path.</param>
    public static RequestEndpoint Of(PathString path)
    {
        var value = path.Value.AsSpan().TrimEnd('/');
        return EndsWith(value, "/images") || EndsWith(value, "/images/generations") ? RequestEndpoint.Images
            : EndsWith(value, "/embeddings") || EndsWith(value, "/rerank") ? RequestEndpoint.Embeddings
            : RequestEndpoint.Generation;
    }

    private static bool EndsWith(ReadOnlySpan<char> path, string end) => path.EndsWith(end, StringComparison.OrdinalIgnoreCase);
}
