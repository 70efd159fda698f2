namespace Gateway.Metering;

/// <summary>The container of a member: the objects and arrays of a response that are read.</summary>
internal enum ResponsePosition : byte
{
    /// <summary>A container that is not read.</summary>
    None,

    /// <summary>The body, or the data of one event.</summary>
    Root,

    /// <summary>The response inside an event: <c>response</c>, or the <c>message</c> of <c>message_start</c>.</summary>
    Inner,

    /// <summary>The list of choices.</summary>
    Choices,

    /// <summary>One choice.</summary>
    Choice,

    /// <summary>The <c>delta</c> of <c>message_delta</c>.</summary>
    Delta,

    /// <summary>The details of an incomplete response.</summary>
    Incomplete,

    /// <summary>The bill.</summary>
    Usage,

    /// <summary>The details of the prompt tokens.</summary>
    PromptDetails,

    /// <summary>The details of the completion tokens.</summary>
    CompletionDetails,

    /// <summary>The details of the amount.</summary>
    CostDetails,
}
