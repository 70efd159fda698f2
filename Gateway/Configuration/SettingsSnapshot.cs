using Gateway.Configuration.Model;
using Gateway.Configuration.Reading;
using Gateway.Configuration.ReverseProxy;
using Gateway.Rules;
using Gateway.Secrets;
using Gateway.Teams;
using OpenRouterGateway.Transforms.ProviderMapping;
using Yarp.ReverseProxy.Configuration;

namespace Gateway.Configuration;

/// <summary>Valid settings, complete and compiled. Immutable; a request keeps the snapshot that it started with.</summary>
internal sealed record SettingsSnapshot
{
    /// <summary>The key of <see cref="RoutesVersion"/> in a route's metadata.</summary>
    public const string RoutesVersionKey = "gateway.routes-version";

    /// <summary>The typed sections.</summary>
    public required GatewaySettings Settings { get; init; }

    /// <summary>All rules, compiled: those of the command line, of the variable and of the file.</summary>
    public required ProviderMappingRules Rules { get; init; }

    /// <summary>The teams, compiled.</summary>
    public required TeamDirectory Teams { get; init; }

    /// <summary>The OpenRouter keys of destinations that have one of their own.</summary>
    public DestinationKeys DestinationKeys { get; init; } = DestinationKeys.None;

    /// <summary>The connection string of the ledger's database; set if and only if <c>Usage:Store</c> is <c>Postgres</c>.</summary>
    public SecretText? PostgresConnectionString { get; init; }

    /// <summary>The configuration of Redis for limits and budgets; set if and only if <c>Limits:Store</c> is <c>Redis</c>.</summary>
    public SecretText? RedisConfiguration { get; init; }

    /// <summary>The token that requests to the admin address must carry; <see langword="null"/> for none.</summary>
    public SecretText? AdminToken { get; init; }

    /// <summary>The URL that alerts are posted to; <see langword="null"/> for none but those of teams.</summary>
    public SecretText? AlertWebhook { get; init; }

    /// <summary>The secret that signs alerts; <see langword="null"/> for no signature.</summary>
    public SecretText? AlertSecret { get; init; }

    /// <summary>The files that secrets were read from.</summary>
    public IReadOnlyList<SecretFile> SecretFiles { get; init; } = [];

    /// <summary>The rules as written, in the order of <see cref="Rules"/>.</summary>
    public required IReadOnlyList<RuleSummary> RuleSummaries { get; init; }

    /// <summary>Settings that the overlay, a variable or a flag has set, each with its source.</summary>
    public required IReadOnlyList<(string Path, string Source)> Overrides { get; init; }

    /// <summary>YARP's routes, each stamped with <see cref="RoutesVersion"/>.</summary>
    public required IReadOnlyList<RouteConfig> Routes { get; init; }

    /// <summary>YARP's clusters.</summary>
    public required IReadOnlyList<ClusterConfig> Clusters { get; init; }

    /// <summary>
    /// A hash of the effective settings, including secrets, as twelve hexadecimal digits. Equal settings have equal versions on every node.
    /// </summary>
    public required string Version { get; init; }

    /// <summary>The hash of routes and clusters only.</summary>
    public required string RoutesVersion { get; init; }

    /// <summary>The warnings.</summary>
    public required IReadOnlyList<SettingsFault> Warnings { get; init; }

    /// <summary>The files of the teams, as they were read; <see langword="null"/> without <c>TeamsFolder</c>.</summary>
    public TeamFolder? TeamFolder { get; init; }

    /// <summary>The faults of files of <c>TeamsFolder</c>, whose teams have their last good state, or none.</summary>
    public IReadOnlyList<SettingsFault> TeamFaults { get; init; } = [];

    /// <summary>
    /// Whether a destination is one of these settings. A reload may have added it since, or given its name another address or key: the keys of
    /// these settings are not for it then.
    /// </summary>
    /// <param name="cluster">The name of its cluster.</param>
    /// <param name="destination">Its name.</param>
    /// <param name="config">Its current configuration.</param>
    public bool HasDestination(string cluster, string destination, DestinationConfig config)
    {
        for (var i = 0; i < Clusters.Count; i++)
        {
            if (string.Equals(Clusters[i].ClusterId, cluster, StringComparison.OrdinalIgnoreCase))
            {
                return Clusters[i].Destinations is { } destinations
                    && destinations.TryGetValue(destination, out var known)
                    && (ReferenceEquals(known, config) || known.Equals(config));
            }
        }

        return false;
    }
}
