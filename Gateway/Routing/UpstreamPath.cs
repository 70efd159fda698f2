using Yarp.ReverseProxy.Configuration;

namespace Gateway.Routing;

/// <summary>
/// Predicts the path below upstream's base address from the path transforms of a route. The prediction is compared with the actual path
/// before the request is sent, so an unknown transform can close a route but cannot open one.
/// </summary>
internal sealed class UpstreamPath
{
    private const string RemovePrefix = "PathRemovePrefix";
    private const string Prefix = "PathPrefix";
    private const string Set = "PathSet";

    // Null if a transform changes the path, the base address or the method in a way that cannot be predicted.
    private readonly Step[]? _steps;

    private UpstreamPath(Step[]? steps) => _steps = steps;

    private enum StepKind
    {
        RemovePrefix,
        Prefix,
        Set,
    }

    /// <summary>Compiles the path transforms of a route.</summary>
    public static UpstreamPath Compile(RouteConfig route)
    {
        var steps = new List<Step>();
        foreach (var transform in route.Transforms ?? [])
        {
            if (transform.TryGetValue(RemovePrefix, out var prefix))
            {
                steps.Add(new Step(StepKind.RemovePrefix, Rooted(prefix)));
            }
            else if (transform.TryGetValue(Prefix, out var added))
            {
                steps.Add(new Step(StepKind.Prefix, Rooted(added)));
            }
            else if (transform.TryGetValue(Set, out var set))
            {
                steps.Add(new Step(StepKind.Set, Rooted(set)));
            }
            else if (IsUnpredictable(transform))
            {
                return new UpstreamPath(null);
            }
        }

        return new UpstreamPath([.. steps]);
    }

    /// <summary>The upstream path of a request path; <see langword="null"/> if it cannot be predicted.</summary>
    public PathString? Of(PathString path)
    {
        if (_steps is null)
        {
            return null;
        }

        foreach (var (kind, value) in _steps)
        {
            path = kind switch
            {
                StepKind.RemovePrefix => path.StartsWithSegments(value, out var rest) ? rest : path,
                StepKind.Prefix => value + path,
                StepKind.Set => value,
                _ => throw new InvalidOperationException($"Unknown step {kind}."),
            };
        }

        return path;
    }

    private static bool IsUnpredictable(IReadOnlyDictionary<string, string> transform) =>
        transform.ContainsKey("PathPattern") || transform.ContainsKey("BaseAddress") || transform.ContainsKey("HttpMethodChange");

    private static PathString Rooted(string path) => path.StartsWith('/') || path.Length == 0 ? path : "/" + path;

    private readonly record struct Step(StepKind Kind, PathString Value);
}
