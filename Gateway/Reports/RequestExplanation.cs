using Gateway.Errors;
using Gateway.Routing;
using Gateway.Teams;
using OpenRouterGateway.Transforms.ProviderMapping.Explaining;
using OpenRouterGateway.Transforms.RequestBody;
using Yarp.ReverseProxy.Configuration;

namespace Gateway.Reports;

/// <summary>The verdict on one request and its reasons. Immutable.</summary>
/// <param name="Path">The request's path.</param>
/// <param name="Dialect">The dialect in which an error is written.</param>
internal sealed record RequestExplanation(PathString Path, ErrorDialect Dialect)
{
    /// <summary>The error that the gateway answers with; <see langword="null"/> for a request that goes upstream.</summary>
    public GatewayError? Error { get; init; }

    /// <summary>The route; <see langword="null"/> when no route takes the path.</summary>
    public RouteConfig? Route { get; init; }

    /// <summary>The team that asks; <see langword="null"/> for a caller without a team.</summary>
    public Team? Team { get; init; }

    /// <summary>The facts of the body; <see langword="null"/> when it is not read, or not sound.</summary>
    public BodyFacts? Facts { get; init; }

    /// <summary>The decision of the rules; set together with <see cref="Facts"/>.</summary>
    public ProviderMappingExplanation? Mapping { get; init; }

    /// <summary>Whether the team's rights were judged; an error of the body precedes them.</summary>
    public bool AreRightsJudged { get; init; }

    /// <summary>The body that goes upstream; <see langword="null"/> for a refused request.</summary>
    public ReadOnlyMemory<byte>? SentBody { get; init; }
}
