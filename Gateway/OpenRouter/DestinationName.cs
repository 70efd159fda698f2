namespace Gateway.OpenRouter;

/// <summary>
/// The name of a destination in the ledger: its id for the cluster <c>openrouter</c>, and <c>cluster/id</c> for any other cluster. The
/// common case allocates no string.
/// </summary>
internal static class DestinationName
{
    /// <summary>The cluster that serves the gateway's own requests. Without it, the first cluster of the settings serves them.</summary>
    public const string DefaultCluster = "openrouter";

    private const char Separator = '/';

    public static string Of(string cluster, string destination) =>
        cluster == DefaultCluster ? destination : $"{cluster}{Separator}{destination}";

    /// <summary>Splits off the id of the destination, if the name belongs to the cluster.</summary>
    public static bool TryResolve(string name, string cluster, out string destination)
    {
        destination = cluster == DefaultCluster ? name
            : name.Length > cluster.Length && name[cluster.Length] == Separator && name.StartsWith(cluster, StringComparison.Ordinal)
                ? name[(cluster.Length + 1)..]
                : "";
        return destination.Length > 0;
    }
}
