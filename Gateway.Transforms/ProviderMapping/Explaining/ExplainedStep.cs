namespace OpenRouterGateway.Transforms.ProviderMapping.Explaining;

/// <summary>The outcome of one alias or rule, with its reason. Immutable.</summary>
/// <param name="IsAlias">Whether it is an alias and not a rule.</param>
/// <param name="Name">The rule's name, or the alias's pattern.</param>
/// <param name="Outcome">Its outcome.</param>
/// <param name="Sentence">The outcome and its reason, for people.</param>
internal sealed record ExplainedStep(bool IsAlias, string Name, ExplainedOutcome Outcome, string Sentence)
{
    /// <summary>The patterns that were tried, as written.</summary>
    public IReadOnlyList<string> Patterns { get; init; } = [];

    /// <summary>The model names that the patterns were tried on, in every spelling; an empty name if the request names no model.</summary>
    public IReadOnlyList<string> Names { get; init; } = [];

    /// <summary>The members of <c>provider</c> that it added or changed.</summary>
    public IReadOnlyList<string> Members { get; init; } = [];

    /// <summary>The rule or alias that matched first, for <see cref="ExplainedOutcome.SkippedBecauseEarlierRuleMatched"/>.</summary>
    public string? Earlier { get; init; }
}
