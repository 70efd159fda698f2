using Gateway.Admission;
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
    /// <summary>The error response; <see langword="null"/> for a request that goes upstream.</summary>
    public GatewayError? Error { get; init; }

    /// <summary>The route; <see langword="null"/> if no route matches the path.</summary>
    public RouteConfig? Route { get; init; }

    /// <summary>The methods that the path takes; set if it does not take POST.</summary>
    public IReadOnlyList<string> OtherMethods { get; init; } = [];

    /// <summary>The team that sends the request; <see langword="null"/> for a client without a team.</summary>
    public Team? Team { get; init; }

    /// <summary>The facts about the body; <see langword="null"/> if it is not read, or invalid.</summary>
    public BodyFacts? Facts { get; init; }

    /// <summary>The decision of the rules; set together with <see cref="Facts"/>.</summary>
    public ProviderMappingExplanation? Mapping { get; init; }

    /// <summary>Whether the team's model rights were checked; an invalid body is refused before that.</summary>
    public bool AreRightsJudged { get; init; }

    /// <summary>The server tools and plugins that the request uses.</summary>
    public IReadOnlyList<ExplainedTool> ServerTools { get; init; } = [];

    /// <summary>
    /// The amount that would be reserved; <see langword="null"/> if the price is left out of the verdict or the request is refused before.
    /// </summary>
    public RequestEstimate? Estimate { get; init; }

    /// <summary>
    /// The decision of limits and budgets at the moment; <see langword="null"/> if it is not known, or the request is refused before.
    /// </summary>
    public AdmissionForecast? Forecast { get; init; }

    /// <summary>The body that goes upstream; <see langword="null"/> for a refused request.</summary>
    public ReadOnlyMemory<byte>? SentBody { get; init; }
}
