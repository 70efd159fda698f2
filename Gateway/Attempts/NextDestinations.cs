using Gateway.Requests;
using Yarp.ReverseProxy.Model;

namespace Gateway.Attempts;

/// <summary>Finds the destinations of a request's next attempt.</summary>
internal static class NextDestinations
{
    /// <summary>The available destinations of the request's cluster that it was not sent to before.</summary>
    public static IReadOnlyList<DestinationState> Untried(HttpContext context, RequestAttempts attempts)
    {
        var available = Available(context);
        var current = context.GetReverseProxyFeature().ProxiedDestination;

        // The usual cluster has one destination.
        return available.Count == 1 && available[0] == current
            ? []
            : [.. available.Where(destination => destination != current && !attempts.HasTried(destination))];
    }

    /// <summary>
    /// The available destinations of the request's cluster. Health may have changed since the request began. A destination that a reload has
    /// added or changed since is none of them: the request's keys are not for it.
    /// </summary>
    public static IReadOnlyList<DestinationState> Available(HttpContext context)
    {
        if (context.GetRouteModel().Cluster is not { } cluster)
        {
            return [];
        }

        var snapshot = GatewayContext.Of(context).Snapshot;
        var available = cluster.DestinationsState.AvailableDestinations;
        return available.All(IsKnown) ? available : [.. available.Where(IsKnown)];

        bool IsKnown(DestinationState destination) =>
            snapshot.HasDestination(cluster.ClusterId, destination.DestinationId, destination.Model.Config);
    }
}
