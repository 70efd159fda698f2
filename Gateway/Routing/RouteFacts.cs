using System.Runtime.CompilerServices;
using Gateway.Configuration.ReverseProxy;
using Gateway.Teams;
using Yarp.ReverseProxy.Configuration;

namespace Gateway.Routing;

/// <summary>
/// The facts of a route that the phases share, compiled once per <see cref="RouteConfig"/>. For a route with a literal path this includes
/// the facts that depend on the path. For a route with parameters, and for another spelling of a literal path, these are computed per
/// request.
/// </summary>
internal sealed class RouteFacts
{
    // Weak keys: the facts are released together with a configuration that a reload has replaced.
    private static readonly ConditionalWeakTable<RouteConfig, RouteFacts> Compiled = [];

    private readonly UpstreamPath _upstreamPath;
    private readonly string? _literalPath;
    private readonly RouteTarget _literalTarget;
    private readonly ErrorDialect _literalDialect;

    private RouteFacts(RouteConfig route)
    {
        IsRewritten = RewrittenRoutes.IsRewritten(route);
        _upstreamPath = UpstreamPath.Compile(route);
        if (route.Match.Path is { } path && path.StartsWith('/') && !path.Contains('{', StringComparison.Ordinal))
        {
            _literalPath = path;
            _literalTarget = Find(path);
            _literalDialect = ErrorDialects.Of(EndpointPathOf(path));
        }
    }

    /// <summary>Whether the bodies of the route's requests are read and rewritten.</summary>
    public bool IsRewritten { get; }

    public static RouteFacts Of(RouteConfig route) => Compiled.GetValue(route, static route => new RouteFacts(route));

    /// <summary>The upstream endpoint of a path that the route has matched; the default if it cannot be predicted.</summary>
    public RouteTarget TargetOf(PathString path) => IsLiteral(path) ? _literalTarget : Find(path);

    /// <summary>
    /// The path that tells the kind of the endpoint: the path at upstream, or the request's own path if upstream's cannot be predicted.
    /// </summary>
    public PathString EndpointPathOf(PathString path) => TargetOf(path).UpstreamPath is { HasValue: true } upstream ? upstream : path;

    /// <summary>The error dialect of a path that the route has matched: that of its endpoint.</summary>
    public ErrorDialect DialectOf(PathString path) => IsLiteral(path) ? _literalDialect : ErrorDialects.Of(EndpointPathOf(path));

    private bool IsLiteral(PathString path) => string.Equals(path.Value, _literalPath, StringComparison.Ordinal);

    private RouteTarget Find(PathString path) => _upstreamPath.Of(path) is { HasValue: true } upstream
        ? new RouteTarget(upstream, TeamEndpoints.Find(upstream.Value, out var id), id)
        : default;
}
