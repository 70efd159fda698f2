using Gateway.Billing;

namespace Gateway.Metering;

/// <summary>What was read from an answer on its way to the client. Immutable; nothing in it is text of a prompt or an answer.</summary>
internal sealed record ResponseFacts
{
    /// <summary>Nothing was read.</summary>
    public static ResponseFacts None { get; } = new();

    /// <summary>The answer's <c>id</c>: a chat completion's, a video job's.</summary>
    public string? Id { get; init; }

    /// <summary>The model that answered.</summary>
    public string? Model { get; init; }

    /// <summary>The provider that answered, by its display name.</summary>
    public string? Provider { get; init; }

    /// <summary>
    /// Why the model stopped, in upstream's word: <c>stop</c>, <c>length</c>, <c>tool_calls</c>, <c>end_turn</c>, <c>completed</c>…
    /// </summary>
    public string? FinishReason { get; init; }

    /// <summary>The bill, once it was seen.</summary>
    public Usage? Usage { get; init; }

    /// <summary>Whether an error stands in the answer, whatever its status.</summary>
    public bool HasError { get; init; }

    /// <summary>Whether the answer has come to its end: its JSON is closed, or its stream said that it is done.</summary>
    public bool IsComplete { get; init; }
}
