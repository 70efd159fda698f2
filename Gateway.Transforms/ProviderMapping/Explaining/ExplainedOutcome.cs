namespace OpenRouterGateway.Transforms.ProviderMapping.Explaining;

/// <summary>What became of one rule or alias on one request.</summary>
internal enum ExplainedOutcome
{
    /// <summary>It applied: the alias replaced a name or added its fallbacks, the rule's block or its missing members went in.</summary>
    Applied,

    /// <summary>No pattern of it matches.</summary>
    NotMatched,

    /// <summary>An earlier one had applied already, and the first match is the only one.</summary>
    SkippedBecauseEarlierRuleMatched,

    /// <summary>It matches, but the request refers to a preset, whose own block an injected one would wipe out.</summary>
    SkippedBecausePreset,

    /// <summary>It matches, but the client set <c>provider</c> itself and the rule leaves that alone.</summary>
    KeptClient,

    /// <summary>It matches, but the request says it all already, or the endpoint takes none of it.</summary>
    NothingToAdd,

    /// <summary>An enforced rule changed what the client or an earlier rule asks for.</summary>
    Narrowed,

    /// <summary>An enforced rule refused the request.</summary>
    Refused,

    /// <summary>The request was refused before it came to this one.</summary>
    NotReached,
}
