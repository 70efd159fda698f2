namespace Gateway.Metering;

/// <summary>Where in an answer a member stands: the objects that are looked into, and what they hold.</summary>
internal enum ResponsePosition : byte
{
    /// <summary>Nothing in here is read.</summary>
    None,

    /// <summary>The body, or the data of one event.</summary>
    Root,

    /// <summary>The answer inside an event: <c>response</c>, or the <c>message</c> of <c>message_start</c>.</summary>
    Inner,

    /// <summary>The list of choices.</summary>
    Choices,

    /// <summary>One choice.</summary>
    Choice,

    /// <summary>What <c>message_delta</c> changes.</summary>
    Delta,

    /// <summary>Why a response is incomplete.</summary>
    Incomplete,

    /// <summary>The bill.</summary>
    Usage,

    /// <summary>What the prompt's tokens were.</summary>
    PromptDetails,

    /// <summary>What the answer's tokens were.</summary>
    CompletionDetails,
}
