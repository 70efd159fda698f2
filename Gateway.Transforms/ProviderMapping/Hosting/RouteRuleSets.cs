using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Http;
using Yarp.ReverseProxy.Configuration;

namespace OpenRouterGateway.Transforms.ProviderMapping.Hosting;

/// <summary>The rule set of each route, resolved once per route configuration. Entries live as long as their route configuration.</summary>
internal sealed class RouteRuleSets(RuleSetResolver resolver)
{
    private readonly ConditionalWeakTable<RouteConfig, Entry> _entries = [];

    /// <summary>The rules of a route for a request; <see langword="null"/> if the route does not have the transform.</summary>
    /// <exception cref="InvalidOperationException">
    /// The route names a rule set that does not exist; YARP's validation rejects such a route.
    /// </exception>
    public Func<HttpContext, ProviderMappingRules>? Find(RouteConfig route) =>
        (_entries.TryGetValue(route, out var entry) ? entry : _entries.GetValue(route, CreateEntry)).Rules;

    private Entry CreateEntry(RouteConfig route)
    {
        foreach (var transform in route.Transforms ?? [])
        {
            if (transform.TryGetValue(ProviderMappingTransformFactory.Key, out var name))
            {
                return new Entry(resolver.Find(name)
                    ?? throw new InvalidOperationException($"Route '{route.RouteId}' names the unknown rule set '{name}'."));
            }
        }

        return new Entry(null);
    }

    private sealed record Entry(Func<HttpContext, ProviderMappingRules>? Rules);
}
