using Gateway.Billing;

namespace Gateway.Metering;

/// <summary>The facts read from an answer on its way to the client. Immutable; never contains text of a prompt or an answer.</summary>
internal sealed record ResponseFacts
{
    /// <summary>No facts.</summary>
    public static ResponseFacts None { get; } = new();

    /// <summary>The answer's <c>id</c>, such as that of a chat completion or of a video job.</summary>
    public string? Id { get; init; }

    /// <summary>The model that answered.</summary>
    public string? Model { get; init; }

    /// <summary>The provider that answered, by its display name.</summary>
    public string? Provider { get; init; }

    /// <summary>
    /// The finish reason as upstream names it: <c>stop</c>, <c>length</c>, <c>tool_calls</c>, <c>end_turn</c>, <c>completed</c>…
    /// </summary>
    public string? FinishReason { get; init; }

    /// <summary>The bill, once it was read.</summary>
    public Usage? Usage { get; init; }

    /// <summary>Whether the answer contains an error, regardless of its status.</summary>
    public bool HasError { get; init; }

    /// <summary>Whether the answer is complete: its JSON is closed, or its stream has sent its last event.</summary>
    public bool IsComplete { get; init; }
}
