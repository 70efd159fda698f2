using Gateway.Configuration.Model;
using Gateway.Configuration.Reading;
using Gateway.Rules;
using Gateway.Secrets;
using Gateway.Teams;
using OpenRouterGateway.Transforms.ProviderMapping;
using Yarp.ReverseProxy.Configuration;

namespace Gateway.Configuration;

/// <summary>Settings that were found good as a whole. Immutable; a request keeps the one that it started with.</summary>
internal sealed record SettingsSnapshot
{
    /// <summary>Key of a route's metadata under which its <see cref="RoutesVersion"/> stands.</summary>
    public const string RoutesVersionKey = "gateway.routes-version";

    /// <summary>The typed sections.</summary>
    public required GatewaySettings Settings { get; init; }

    /// <summary>All rules, compiled: the command line's, the variable's, the file's.</summary>
    public required ProviderMappingRules Rules { get; init; }

    /// <summary>The teams, compiled.</summary>
    public required TeamDirectory Teams { get; init; }

    /// <summary>What the ledger's database is reached with; set exactly when <c>Usage:Store</c> is <c>Postgres</c>.</summary>
    public SecretText? PostgresConnectionString { get; init; }

    /// <summary>What the Redis of limits and budgets is reached with; set exactly when <c>Limits:Store</c> is <c>Redis</c>.</summary>
    public SecretText? RedisConfiguration { get; init; }

    /// <summary>What requests to the admin address must carry; <see langword="null"/> when they need not.</summary>
    public SecretText? AdminToken { get; init; }

    /// <summary>The files that secrets were read from, as they were.</summary>
    public IReadOnlyList<SecretFile> SecretFiles { get; init; } = [];

    /// <summary>The rules as written, in the order of <see cref="Rules"/>.</summary>
    public required IReadOnlyList<RuleSummary> RuleSummaries { get; init; }

    /// <summary>Settings that the overlay, a variable or a flag has set, with their source.</summary>
    public required IReadOnlyList<(string Path, string Source)> Overrides { get; init; }

    /// <summary>YARP's routes, each stamped with <see cref="RoutesVersion"/>.</summary>
    public required IReadOnlyList<RouteConfig> Routes { get; init; }

    /// <summary>YARP's clusters.</summary>
    public required IReadOnlyList<ClusterConfig> Clusters { get; init; }

    /// <summary>
    /// Twelve hexadecimal digits that name the effective content, that of secrets included: equal settings have equal versions, on every
    /// node.
    /// </summary>
    public required string Version { get; init; }

    /// <summary>The same for routes and clusters alone.</summary>
    public required string RoutesVersion { get; init; }

    /// <summary>What works but is odd.</summary>
    public required IReadOnlyList<SettingsFault> Warnings { get; init; }
}
