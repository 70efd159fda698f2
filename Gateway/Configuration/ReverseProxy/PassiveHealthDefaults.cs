using Yarp.ReverseProxy.Configuration;

namespace Gateway.Configuration.ReverseProxy;

/// <summary>
/// Passive health checks of a cluster that does not configure any: a destination that cannot be reached is left alone for ten seconds. The
/// settings of the cluster, including <c>"Enabled": false</c> and other policies, take precedence.
/// </summary>
internal static class PassiveHealthDefaults
{
    /// <summary>The name of the gateway's policy.</summary>
    public const string Policy = "ConsecutiveTransportFailures";

    /// <summary>How long a destination is left alone.</summary>
    public static readonly TimeSpan ReactivationPeriod = TimeSpan.FromSeconds(10);

    /// <summary>The policy that makes a cluster without a healthy destination unavailable. YARP's default would use all of them then.</summary>
    private const string HealthyOnly = "HealthyAndUnknown";

    /// <summary>Adds the defaults to a cluster.</summary>
    public static ClusterConfig Apply(ClusterConfig cluster)
    {
        var health = cluster.HealthCheck;
        var passive = health?.Passive;

        // "Enabled" without a policy means YARP's own default policy.
        var isOurs = passive switch
        {
            { Enabled: false } => false,
            { Policy: { Length: > 0 } policy } => policy.Equals(Policy, StringComparison.OrdinalIgnoreCase),
            { Enabled: true } => false,
            _ => true,
        };
        return !isOurs
            ? cluster
            : cluster with
            {
                HealthCheck = (health ?? new HealthCheckConfig()) with
                {
                    Passive = new PassiveHealthCheckConfig
                    {
                        Enabled = true,
                        Policy = Policy,
                        ReactivationPeriod = passive?.ReactivationPeriod ?? ReactivationPeriod,
                    },
                    AvailableDestinationsPolicy = health?.AvailableDestinationsPolicy ?? HealthyOnly,
                },
            };
    }
}
