namespace OpenRouterGateway.Transforms.ProviderMapping;

/// <summary>A decision and how it came about. Immutable.</summary>
/// <param name="Decision">The decision itself.</param>
/// <param name="Steps">Every alias, then every rule, in the order of the set.</param>
public sealed record ProviderMappingExplanation(ProviderMappingDecision Decision, IReadOnlyList<ProviderMappingStep> Steps);
