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

    /// <summary>Splits a name. Unambiguous, since the settings reject ids that contain the separator.</summary>
    public static (string Cluster, string Destination) Split(string name) => name.IndexOf(Separator, StringComparison.Ordinal) switch
    {
        < 0 => (DefaultCluster, name),
        var at => (name[..at], name[(at + 1)..]),
    };
}
