namespace Gateway.Metering;

/// <summary>The members of an answer that are read, independent of their name in a dialect.</summary>
internal enum ResponseMember : byte
{
    /// <summary>Any other member.</summary>
    None,

    // Members of an answer.
    Id,
    Model,
    Provider,
    Type,
    Status,
    StopReason,
    Error,
    Choices,
    Usage,
    IncompleteDetails,

    // Members of an event: the answer in it, or its change of the answer.
    Answer,
    Delta,

    // Members of usage and its details: counts and amount.
    PromptTokens,
    InputTokens,
    CompletionTokens,
    TotalTokens,
    CacheRead,
    CacheWritten,
    CachedTokens,
    ReasoningTokens,
    Cost,

    // Other containers and their members.
    PromptDetails,
    CompletionDetails,
    IncompleteReason,
}
