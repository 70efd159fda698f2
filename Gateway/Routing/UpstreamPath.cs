using Yarp.ReverseProxy.Configuration;

namespace Gateway.Routing;

/// <summary>The path that a request will have below upstream's base address, told from its route before anything is sent.</summary>
internal static class UpstreamPath
{
    private const string RemovePrefix = "PathRemovePrefix";
    private const string Prefix = "PathPrefix";
    private const string Set = "PathSet";

    /// <summary>
    /// Applies the route's own transforms of the path, as YARP will. What comes of it is compared with the real path before the request
    /// leaves, so that a transform that is not known here closes a route but never opens one.
    /// </summary>
    /// <returns>
    /// The path, or <see langword="null"/> when the route changes path, base address or method in a way that is not foreseen.
    /// </returns>
    public static PathString? Of(RouteConfig route, PathString path)
    {
        foreach (var transform in route.Transforms ?? [])
        {
            if (transform.TryGetValue(RemovePrefix, out var prefix))
            {
                path = path.StartsWithSegments(Rooted(prefix), out var rest) ? rest : path;
            }
            else if (transform.TryGetValue(Prefix, out var added))
            {
                path = Rooted(added) + path;
            }
            else if (transform.TryGetValue(Set, out var set))
            {
                path = Rooted(set);
            }
            else if (IsUnforeseen(transform))
            {
                return null;
            }
        }

        return path;
    }

    private static bool IsUnforeseen(IReadOnlyDictionary<string, string> transform) =>
        transform.ContainsKey("PathPattern") || transform.ContainsKey("BaseAddress") || transform.ContainsKey("HttpMethodChange");

    private static PathString Rooted(string path) => path.StartsWith('/') || path.Length == 0 ? path : "/" + path;
}
