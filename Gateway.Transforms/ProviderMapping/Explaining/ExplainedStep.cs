namespace OpenRouterGateway.Transforms.ProviderMapping.Explaining;

/// <summary>What became of one alias or one rule. Immutable.</summary>
/// <param name="IsAlias">Whether it is an alias and not a rule.</param>
/// <param name="Name">The rule's name, or the alias's pattern.</param>
/// <param name="Outcome">What became of it.</param>
/// <param name="Sentence">The same for people, with its reason.</param>
internal sealed record ExplainedStep(bool IsAlias, string Name, ExplainedOutcome Outcome, string Sentence)
{
    /// <summary>The patterns that were tried, as written.</summary>
    public IReadOnlyList<string> Patterns { get; init; } = [];

    /// <summary>The model names they were tried on, in every spelling that counts; a request without a name has the empty one.</summary>
    public IReadOnlyList<string> Names { get; init; } = [];

    /// <summary>The members of <c>provider</c> that were added or changed.</summary>
    public IReadOnlyList<string> Members { get; init; } = [];

    /// <summary>The rule or alias that came first, for <see cref="ExplainedOutcome.SkippedBecauseEarlierRuleMatched"/>.</summary>
    public string? Earlier { get; init; }
}
