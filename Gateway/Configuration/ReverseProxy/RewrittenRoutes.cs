using Microsoft.AspNetCore.Routing.Template;
using Yarp.ReverseProxy.Configuration;

namespace Gateway.Configuration.ReverseProxy;

/// <summary>Which routes rewrite bodies, and which route takes a path; for reports, without a server.</summary>
internal static class RewrittenRoutes
{
    /// <summary>Key of the transform that rewrites a route's bodies.</summary>
    private const string Transform = "ProviderMapping";

    /// <summary>Whether the bodies of a route's requests are rewritten.</summary>
    public static bool IsRewritten(RouteConfig route) =>
        route.Transforms?.Any(transform => transform.Keys.Contains(Transform, StringComparer.OrdinalIgnoreCase)) == true;

    /// <summary>
    /// The route that takes a POST to a path. Of routes that also ask for hosts, headers or query parameters, which nobody knows here, one
    /// that rewrites is assumed to get what it asks for.
    /// </summary>
    /// <returns>The route, or <see langword="null"/> when there is none.</returns>
    public static RouteConfig? Find(IEnumerable<RouteConfig> routes, PathString path)
    {
        var candidates = routes
            .Where(route => TakesPost(route.Match))
            .Select(route => (Route: route, Template: TemplateParser.Parse(route.Match.Path ?? "/{**any}")))
            .Where(candidate => new TemplateMatcher(candidate.Template, []).TryMatch(path, []))
            .OrderBy(candidate => candidate.Route.Order ?? 0)
            .ThenBy(candidate => RoutePrecedence.ComputeInbound(candidate.Template))
            .ThenBy(candidate => candidate.Route.Match.Methods is { Count: > 0 } ? 0 : 1)
            .Select(candidate => candidate.Route)
            .ToArray();
        var certain = candidates.FirstOrDefault(route => !AsksForMore(route.Match));
        return candidates.TakeWhile(route => route != certain).FirstOrDefault(IsRewritten) ?? certain ?? candidates.FirstOrDefault();
    }

    private static bool TakesPost(RouteMatch match) =>
        match.Methods is not { Count: > 0 } methods || methods.Contains(HttpMethods.Post, StringComparer.OrdinalIgnoreCase);

    private static bool AsksForMore(RouteMatch match) =>
        match.Hosts is { Count: > 0 } || match.Headers is { Count: > 0 } || match.QueryParameters is { Count: > 0 };
}
