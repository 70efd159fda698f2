using System.Runtime.CompilerServices;
using Yarp.ReverseProxy.Configuration;

namespace OpenRouterGateway.Transforms.ProviderMapping;

/// <summary>Remembers of each route whether it carries the transform: routes are many, reloads few, requests countless.</summary>
internal sealed class RoutesWithMapping
{
    private readonly ConditionalWeakTable<RouteConfig, object> _known = [];

    public bool Contains(RouteConfig route) => (bool)_known.GetValue(route, static route => HasTransform(route));

    private static bool HasTransform(RouteConfig route)
    {
        foreach (var transform in route.Transforms ?? [])
        {
            if (transform.ContainsKey(ProviderMappingTransformFactory.Key))
            {
                return true;
            }
        }

        return false;
    }
}
