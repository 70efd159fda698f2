using Microsoft.AspNetCore.Http;

namespace OpenRouterGateway.Transforms.ProviderMapping.Explaining;

/// <summary>Observes the decisions of requests, for a detailed log.</summary>
internal interface IDecisionObserver
{
    /// <summary>Whether decisions are observed at the moment. Without an observation nothing is recorded.</summary>
    bool IsEnabled { get; }

    /// <summary>A decision was made.</summary>
    /// <param name="context">The request.</param>
    /// <param name="explanation">The decision, and the outcome of every alias and rule.</param>
    void Decided(HttpContext context, ProviderMappingExplanation explanation);
}
