using Gateway.Configuration.ReverseProxy;
using Xunit;
using Yarp.ReverseProxy.Configuration;

namespace Gateway.Tests.Gateway.Configuration.ReverseProxy;

/// <summary>Promise: a cluster has the gateway's passive health checks unless it says otherwise.</summary>
public sealed class PassiveHealthDefaultsTests
{
    [Fact]
    public void ClusterWithoutHealthChecks_GetsThem()
    {
        var health = PassiveHealthDefaults.Apply(new ClusterConfig { ClusterId = "c" }).HealthCheck!;

        Assert.Equal(
            (true, PassiveHealthDefaults.Policy, TimeSpan.FromSeconds(10), "HealthyAndUnknown"),
            (health.Passive!.Enabled!.Value, health.Passive.Policy, health.Passive.ReactivationPeriod!.Value, health.AvailableDestinationsPolicy));
        Assert.Null(health.Active);
    }

    [Fact]
    public void WhatTheClusterSays_IsKept()
    {
        var active = new ActiveHealthCheckConfig { Enabled = true };
        var given = Cluster(new PassiveHealthCheckConfig { Policy = "consecutivetransportfailures", ReactivationPeriod = TimeSpan.FromMinutes(1) });
        given = given with { HealthCheck = given.HealthCheck! with { Active = active, AvailableDestinationsPolicy = "HealthyOrPanic" } };

        var health = PassiveHealthDefaults.Apply(given).HealthCheck!;

        Assert.Equal((true, TimeSpan.FromMinutes(1)), (health.Passive!.Enabled!.Value, health.Passive.ReactivationPeriod!.Value));
        Assert.Equal("HealthyOrPanic", health.AvailableDestinationsPolicy);
        Assert.Same(active, health.Active);
    }

    [Fact]
    public void OtherPolicies_AreLeftAlone()
    {
        foreach (var passive in (PassiveHealthCheckConfig[])
            [
                new() { Enabled = false },
                new() { Enabled = false, Policy = PassiveHealthDefaults.Policy },
                new() { Enabled = true },
                new() { Enabled = true, Policy = "TransportFailureRate" },
                new() { Policy = "TransportFailureRate" },
            ])
        {
            var given = Cluster(passive);

            Assert.Same(given, PassiveHealthDefaults.Apply(given));
        }
    }

    private static ClusterConfig Cluster(PassiveHealthCheckConfig passive) =>
        new() { ClusterId = "c", HealthCheck = new HealthCheckConfig { Passive = passive } };
}
