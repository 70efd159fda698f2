using Yarp.ReverseProxy;
using Yarp.ReverseProxy.Model;

namespace Gateway.Attempts;

/// <summary>The destinations that are left alone, for the metrics: those that a health check of YARP has found unhealthy.</summary>
/// <param name="proxy">YARP's state.</param>
internal sealed class LeftAloneDestinations(IProxyStateLookup proxy)
{
    // A series that is no longer observed keeps its last value, so a destination that a reload removes is observed as 0.
    private readonly HashSet<(string Cluster, string Destination)> _observed = [];

    /// <summary>All destinations of the settings, and whether each is left alone.</summary>
    public IReadOnlyCollection<(string Cluster, string Destination, bool IsLeftAlone)> Read()
    {
        var leftAlone = proxy.GetClusters()
            .SelectMany(static cluster => cluster.DestinationsState.AllDestinations.Select(one => (Cluster: cluster.ClusterId, One: one)))
            .ToDictionary(
                static one => (one.Cluster, one.One.DestinationId),
                static one => one.One.Health is { Passive: DestinationHealth.Unhealthy } or { Active: DestinationHealth.Unhealthy });
        lock (_observed)
        {
            var removed = _observed.Where(name => !leftAlone.ContainsKey(name)).ToList();
            _observed.Clear();
            _observed.UnionWith(leftAlone.Where(static one => one.Value).Select(static one => one.Key));
            _observed.UnionWith(removed);
            return
            [
                .. leftAlone.Select(static one => (one.Key.Cluster, one.Key.DestinationId, one.Value)),
                .. removed.Select(static name => (name.Cluster, name.Destination, false)),
            ];
        }
    }
}
