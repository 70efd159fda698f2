using Microsoft.AspNetCore.Routing.Template;
using Yarp.ReverseProxy.Configuration;

namespace Gateway.Configuration.ReverseProxy;

/// <summary>Finds rewritten routes and the route of a path, for reports, without a server.</summary>
internal static class RewrittenRoutes
{
    /// <summary>The key of the transform that rewrites bodies.</summary>
    private const string Transform = "ProviderMapping";

    /// <summary>Whether a route rewrites request bodies.</summary>
    public static bool IsRewritten(RouteConfig route) =>
        route.Transforms?.Any(transform => transform.Keys.Contains(Transform, StringComparer.OrdinalIgnoreCase)) == true;

    /// <summary>
    /// Finds the route of a POST to a path. The request's host, headers and query are unknown here: a rewriting route that requires them is
    /// assumed to match.
    /// </summary>
    /// <returns>The route; <see langword="null"/> if none matches.</returns>
    public static RouteConfig? Find(IEnumerable<RouteConfig> routes, PathString path)
    {
        var candidates = Matching(routes, path)
            .Where(candidate => TakesPost(candidate.Route.Match))
            .OrderBy(candidate => candidate.Route.Order ?? 0)
            .ThenBy(candidate => RoutePrecedence.ComputeInbound(candidate.Template))
            .ThenBy(candidate => candidate.Route.Match.Methods is { Count: > 0 } ? 0 : 1)
            .Select(candidate => candidate.Route)
            .ToArray();
        var certain = candidates.FirstOrDefault(route => !AsksForMore(route.Match));
        return candidates.TakeWhile(route => route != certain).FirstOrDefault(IsRewritten) ?? certain ?? candidates.FirstOrDefault();
    }

    /// <summary>The methods that a path takes without taking POST; none if it takes POST or has no route.</summary>
    public static IReadOnlyList<string> OtherMethods(IEnumerable<RouteConfig> routes, PathString path)
    {
        var matches = Matching(routes, path).Select(static candidate => candidate.Route.Match).ToArray();
        return Array.Exists(matches, TakesPost) ? [] : [.. matches.SelectMany(static match => match.Methods!).Distinct(StringComparer.OrdinalIgnoreCase)];
    }

    private static IEnumerable<(RouteConfig Route, RouteTemplate Template)> Matching(IEnumerable<RouteConfig> routes, PathString path) => routes
        .Select(static route => (Route: route, Template: TemplateParser.Parse(route.Match.Path ?? "/{**any}")))
        .Where(candidate => new TemplateMatcher(candidate.Template, []).TryMatch(path, []));

    private static bool TakesPost(RouteMatch match) =>
        match.Methods is not { Count: > 0 } methods || methods.Contains(HttpMethods.Post, StringComparer.OrdinalIgnoreCase);

    private static bool AsksForMore(RouteMatch match) =>
        match.Hosts is { Count: > 0 } || match.Headers is { Count: > 0 } || match.QueryParameters is { Count: > 0 };
}
