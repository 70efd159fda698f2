namespace OpenRouterGateway.Transforms.ProviderMapping.Explaining;

/// <summary>A decision and the outcome of every alias and rule. Immutable.</summary>
/// <param name="Decision">The decision.</param>
/// <param name="Steps">Every alias, then every rule, in the order of the set.</param>
internal sealed record ProviderMappingExplanation(ProviderMappingDecision Decision, IReadOnlyList<ExplainedStep> Steps);
