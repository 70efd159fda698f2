using Gateway.Configuration.ReverseProxy;
using Gateway.Errors;
using Gateway.Primitives;
using Gateway.Requests;
using Yarp.ReverseProxy.Forwarder;
using Yarp.ReverseProxy.Health;
using Yarp.ReverseProxy.Model;

namespace Gateway.Attempts;

/// <summary>
/// YARP's passive health policy of the gateway: leaves a destination alone for the cluster's <c>ReactivationPeriod</c> if it cannot be reached
/// (<see cref="DestinationOutages"/>). An outage then costs the callers no time, and budgets no reservation.
/// </summary>
internal sealed partial class TransportFailurePolicy : IPassiveHealthCheckPolicy
{
    private readonly DestinationOutages _outages;
    private readonly IDestinationHealthUpdater _health;
    private readonly TimeProvider _time;
    private readonly ILogger<TransportFailurePolicy> _logger;

    public TransportFailurePolicy(
        DestinationOutages outages, IDestinationHealthUpdater health, TimeProvider time, ILogger<TransportFailurePolicy> logger)
    {
        _outages = outages;
        _health = health;
        _time = time;
        _logger = logger;
    }

    /// <inheritdoc />
    public string Name => PassiveHealthDefaults.Policy;

    /// <inheritdoc />
    public void RequestProxied(HttpContext context, ClusterState cluster, DestinationState destination)
    {
        var request = GatewayContext.Of(context);
        switch (IsReached(context, request))
        {
            case true when _outages.Reach(destination, request.HasUpstream ? request.Upstream.HeadersAt : _time.GetTimestamp()):
                Log.DestinationReached(_logger, destination.DestinationId, cluster.ClusterId);
                break;
            case false:
                var pause = cluster.Model.Config.HealthCheck?.Passive?.ReactivationPeriod ?? PassiveHealthDefaults.ReactivationPeriod;
                if (_outages.Fail(destination, request.Team?.Id, request.Snapshot.Teams.Teams.Count, pause))
                {
                    _health.SetPassive(cluster, destination, DestinationHealth.Unhealthy, pause);
                    Log.DestinationLeftAlone(_logger, destination.DestinationId, cluster.ClusterId, pause);
                }

                break;
        }
    }

    /// <summary>Whether the attempt has reached the destination; <see langword="null"/> if it does not show.</summary>
    private static bool? IsReached(HttpContext context, GatewayContext request)
    {
        if (context.Features.Get<IForwarderErrorFeature>() is { } failure)
        {
            return ForwardFailure.Reason(failure) switch
            {
                Unprocessed.NoConnection => false,
                Unprocessed.Refused => true,
                _ => request.HasUpstream ? IsReached(request.Upstream.Status) : null,
            };
        }

        return request.HasUpstream ? IsReached(request.Upstream.Status)
            : request.HasAttempts && request.Attempts.DroppedFor is not null ? IsReached(context.Response.StatusCode)
            : null;
    }

    // A CDN in front of the destination reports that the destination cannot be reached: 520 and 524 come after a connection was made.
    private static bool IsReached(int status) => status is not (521 or 522 or 523 or 525 or 526 or 530);

    private static partial class Log
    {
        [LoggerMessage(
            LogEvents.DestinationLeftAlone,
            LogLevel.Warning,
            "Destination {Destination} of cluster {Cluster} cannot be reached; it is left alone for {Pause}")]
        public static partial void DestinationLeftAlone(ILogger logger, string destination, string cluster, TimeSpan pause);

        [LoggerMessage(LogEvents.DestinationReached, LogLevel.Information, "Destination {Destination} of cluster {Cluster} is reached again")]
        public static partial void DestinationReached(ILogger logger, string destination, string cluster);
    }
}
