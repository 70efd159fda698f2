using System.Text.RegularExpressions;
using Gateway.Configuration.Reading;
using Gateway.Configuration.Schema;
using Yarp.ReverseProxy.Configuration;

namespace Gateway.Configuration.ReverseProxy;

/// <summary>Finds routes that match the same requests. YARP does not check for this, and each such request would be a 500.</summary>
internal static partial class RouteAmbiguity
{
    /// <summary>Checks the routes pairwise.</summary>
    public static void Check(IReadOnlyList<RouteConfig> routes, List<SettingsFault> faults)
    {
        for (var i = 0; i < routes.Count; i++)
        {
            if (routes.Take(i).FirstOrDefault(earlier => AreAmbiguous(earlier, routes[i])) is { } other)
            {
                faults.Add(new SettingsFault(
                    $"{SettingsSchema.ReverseProxy}:Routes:{routes[i].RouteId}",
                    $"matches the same requests as \"{other.RouteId}\"; expected another Path, Methods, Hosts or Order"));
            }
        }
    }

    private static bool AreAmbiguous(RouteConfig one, RouteConfig other)
    {
        // Routing ranks routes with header or query conditions by their number. This check does not decide whether such conditions exclude
        // each other.
        return one.Order.GetValueOrDefault() == other.Order.GetValueOrDefault()
            && one.Match is { Headers: null, QueryParameters: null } && other.Match is { Headers: null, QueryParameters: null }
            && string.Equals(Template(one), Template(other), StringComparison.OrdinalIgnoreCase)
            && Overlap(one.Match.Methods, other.Match.Methods)
            && Overlap(one.Match.Hosts, other.Match.Hosts);

        static string Template(RouteConfig route) => ParameterName().Replace(route.Match.Path ?? "/{**all}", "{$1").Trim('/');

        // A route with methods or hosts precedes one without.
        static bool Overlap(IReadOnlyList<string>? some, IReadOnlyList<string>? others) =>
            some is null or []
                ? others is null or []
                : others is not null && some.Intersect(others, StringComparer.OrdinalIgnoreCase).Any();
    }

    /// <summary>The name of a parameter in a path. Paths that differ only in such names match the same requests.</summary>
    [GeneratedRegex(@"\{(\*{0,2})[^:?=}]*")]
    private static partial Regex ParameterName();
}
