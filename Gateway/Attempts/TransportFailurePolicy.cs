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
/// (<see cref="DestinationOutages"/>). An outage then costs the callers no time, and budgets no reservation. The responses that end the
/// failures in a row are noted when their headers arrive (<see cref="ReachedDestinations"/>).
/// </summary>
internal sealed partial class TransportFailurePolicy : IPassiveHealthCheckPolicy
{
    private readonly DestinationOutages _outages;
    private readonly ReachedDestinations _reached;
    private readonly IDestinationHealthUpdater _health;
    private readonly TimeProvider _time;
    private readonly ILogger<TransportFailurePolicy> _logger;

    public TransportFailurePolicy(
        DestinationOutages outages,
        ReachedDestinations reached,
        IDestinationHealthUpdater health,
        TimeProvider time,
        ILogger<TransportFailurePolicy> logger)
    {
        _outages = outages;
        _reached = reached;
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
            case true:
                _reached.Note(destination, cluster.ClusterId, _time.GetTimestamp());
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

    /// <summary>
    /// Whether the attempt has reached the destination; <see langword="null"/> if it does not show, or was noted with the response's headers.
    /// </summary>
    private static bool? IsReached(HttpContext context, GatewayContext request)
    {
        if (context.Features.Get<IForwarderErrorFeature>() is { } failure)
        {
            return ForwardFailure.Reason(failure) switch
            {
                Unprocessed.NoConnection => false,
                Unprocessed.Refused => true,
                _ => IsUnreachable(request) ? false : null,
            };
        }

        return IsUnreachable(request) ? false : null;
    }

    /// <summary>
    /// Whether the response's status says that the destination cannot be reached. The status of an error in a response with status 200 is no
    /// such status: the destination has sent it.
    /// </summary>
    private static bool IsUnreachable(GatewayContext request) =>
        request is { HasAttempts: true, Attempts.UpstreamStatus: { } status } && !ReachedDestinations.IsReached(status);

    private static partial class Log
    {
        [LoggerMessage(
            LogEvents.DestinationLeftAlone,
            LogLevel.Warning,
            "Destination {Destination} of cluster {Cluster} cannot be reached; it is left alone for {Pause}")]
        public static partial void DestinationLeftAlone(ILogger logger, string destination, string cluster, TimeSpan pause);
    }
}
