namespace Gateway.Metering;

/// <summary>The members of an answer that are read, whatever they are called in its dialect.</summary>
internal enum ResponseMember : byte
{
    /// <summary>Any other member.</summary>
    None,

    // Of an answer.
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

    // Of an event: the answer in it, or what it adds to the answer.
    Answer,
    Delta,

    // Of usage and its details: the counts, and the amount.
    PromptTokens,
    InputTokens,
    CompletionTokens,
    TotalTokens,
    CacheRead,
    CacheWritten,
    CachedTokens,
    ReasoningTokens,
    Cost,

    // What else has members of its own, or stands in it.
    PromptDetails,
    CompletionDetails,
    IncompleteReason,
}
