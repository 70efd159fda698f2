namespace OpenRouterGateway.Transforms.ProviderMapping.Explaining;

/// <summary>The outcome of one rule or alias for one request.</summary>
internal enum ExplainedOutcome
{
    /// <summary>It was applied: the alias replaced a name or added its fallbacks; the rule added its block or missing members.</summary>
    Applied,

    /// <summary>None of its patterns matches.</summary>
    NotMatched,

    /// <summary>An earlier one matched, and only the first match applies.</summary>
    SkippedBecauseEarlierRuleMatched,

    /// <summary>It matches, but the request refers to a preset, whose own block a <c>provider</c> would replace.</summary>
    SkippedBecausePreset,

    /// <summary>It matches, but the client set <c>provider</c> and the rule keeps it.</summary>
    KeptClient,

    /// <summary>It matches, but the request has all of its members already, or the endpoint accepts none of them.</summary>
    NothingToAdd,

    /// <summary>An enforced rule narrowed the client's or an earlier rule's block.</summary>
    Narrowed,

    /// <summary>An enforced rule refused the request.</summary>
    Refused,

    /// <summary>The request was refused before this one was applied.</summary>
    NotReached,
}
