namespace Gateway.OpenRouter;

/// <summary>
/// The name under which the ledger keeps the destination that served a call: its id within the cluster <c>openrouter</c>, and
/// <c>cluster/id</c> elsewhere. The usual case needs no string of its own.
/// </summary>
internal static class DestinationName
{
    /// <summary>The cluster whose destinations answer the gateway's own questions; without it, the first cluster of the settings.</summary>
    public const string DefaultCluster = "openrouter";

    private const char Separator = '/';

    public static string Of(string cluster, string destination) =>
        cluster == DefaultCluster ? destination : $"{cluster}{Separator}{destination}";

    /// <summary>Whether a name is that of a destination in a cluster, and its id there.</summary>
    public static bool TryResolve(string name, string cluster, out string destination)
    {
        destination = cluster == DefaultCluster ? name
            : name.Length > cluster.Length && name[cluster.Length] == Separator && name.StartsWith(cluster, StringComparison.Ordinal)
                ? name[(cluster.Length + 1)..]
                : "";
        return destination.Length > 0;
    }
}
