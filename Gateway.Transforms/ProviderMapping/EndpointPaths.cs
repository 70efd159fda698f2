using Microsoft.AspNetCore.Http;

namespace Gateway.Transforms.ProviderMapping;

/// <summary>Tells the kind of an endpoint by the end of its path, so that any prefix will do.</summary>
internal static class EndpointPaths
{
    public static RequestEndpoint KindOf(PathString path)
    {
        var value = path.Value.AsSpan().TrimEnd('/');
        return EndsWith(value, "/images") || EndsWith(value, "/images/generations") ? RequestEndpoint.Images
            : EndsWith(value, "/embeddings") || EndsWith(value, "/rerank") ? RequestEndpoint.Embeddings
            : RequestEndpoint.Generation;
    }

    private static bool EndsWith(ReadOnlySpan<char> path, string end) => path.EndsWith(end, StringComparison.OrdinalIgnoreCase);
}
