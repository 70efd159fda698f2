using Gateway.Primitives;
using Yarp.ReverseProxy.Model;

namespace Gateway.Attempts;

/// <summary>
/// Ends a destination's failures in a row as soon as it responds. The policy of passive health is told too late: its request ends with the
/// body, and a stream may last longer than an outage.
/// </summary>
internal sealed partial class ReachedDestinations(DestinationOutages outages, ILogger<ReachedDestinations> logger)
{
    /// <summary>Notes the headers of a response.</summary>
    /// <param name="context">The request.</param>
    /// <param name="status">The status that the destination sent.</param>
    /// <param name="at">When the headers arrived, as a timestamp of the host's clock.</param>
    public void Note(HttpContext context, int status, long at)
    {
        if (IsReached(status)
            && context.GetReverseProxyFeature() is { ProxiedDestination: { } destination, Cluster.Config.ClusterId: var cluster })
        {
            Note(destination, cluster, at);
        }
    }

    /// <summary>Notes a sign of life.</summary>
    public void Note(DestinationState destination, string cluster, long at)
    {
        if (outages.Reach(destination, at))
        {
            Log.DestinationReached(logger, destination.DestinationId, cluster);
        }
    }

    /// <summary>
    /// Whether a status comes from the destination. A CDN in front of it reports that the destination cannot be reached: 520 and 524 come
    /// after a connection was made.
    /// </summary>
    public static bool IsReached(int status) => status is not (521 or 522 or 523 or 525 or 526 or 530);

    private static partial class Log
    {
        [LoggerMessage(LogEvents.DestinationReached, LogLevel.Information, "Destination {Destination} of cluster {Cluster} is reached again")]
        public static partial void DestinationReached(ILogger logger, string destination, string cluster);
    }
}
