using System.Collections.Frozen;
using Gateway.Secrets;

namespace Gateway.Configuration.ReverseProxy;

/// <summary>
/// The OpenRouter keys of destinations that have one of their own: those of another account, of a region or of another gateway. Calls of teams
/// are sent to them with this key in place of the team's, and so are the gateway's own requests. Immutable.
/// </summary>
/// <param name="keys">The key of each destination; <see langword="null"/> for a destination without one.</param>
internal sealed class DestinationKeys(IEnumerable<(string Cluster, string Destination, UpstreamKey? Key)> keys)
{
    private readonly FrozenDictionary<string, FrozenDictionary<string, UpstreamKey>> _keys = keys
        .Where(entry => entry.Key is not null)
        .GroupBy(entry => entry.Cluster, StringComparer.OrdinalIgnoreCase)
        .ToFrozenDictionary(
            cluster => cluster.Key,
            cluster => cluster.ToFrozenDictionary(entry => entry.Destination, entry => entry.Key!, StringComparer.OrdinalIgnoreCase),
            StringComparer.OrdinalIgnoreCase);

    /// <summary>No destination has a key of its own.</summary>
    public static DestinationKeys None { get; } = new([]);

    /// <summary>Whether no destination has a key of its own.</summary>
    public bool IsEmpty => _keys.Count == 0;

    /// <summary>The key of a destination; <see langword="null"/> if it has none of its own.</summary>
    public UpstreamKey? Find(string cluster, string destination) =>
        _keys.TryGetValue(cluster, out var destinations) ? destinations.GetValueOrDefault(destination) : null;
}
