namespace Gateway.Metering;

/// <summary>The members of a response that are read, regardless of their names in a dialect.</summary>
internal enum ResponseMember : byte
{
    /// <summary>Any other member.</summary>
    None,

    // Members of a response.
    Id,
    Model,
    Provider,
    Type,
    Status,
    StopReason,
    Error,
    Choices,
    Output,
    Usage,
    IncompleteDetails,

    // Members of an event: the response so far, a change of the response, or a piece of its text.
    Response,
    Delta,
    Text,

    // Members of usage and its details: token counts and the amount.
    PromptTokens,
    InputTokens,
    CompletionTokens,
    TotalTokens,
    CacheRead,
    CacheWritten,
    CachedTokens,
    ReasoningTokens,
    UpstreamCost,
    UpstreamPromptCost,
    UpstreamCompletionCost,
    IsByok,
    Cost,

    // Other containers and their members.
    PromptDetails,
    CompletionDetails,
    CostDetails,
    IncompleteReason,

    // A member of a response, and in messages of its usage.
    ServiceTier,

    // A member of errors in messages, which names the generation.
    RequestId,
}
