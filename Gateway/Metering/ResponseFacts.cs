using Gateway.Billing;
using Gateway.Teams;

namespace Gateway.Metering;

/// <summary>
/// The facts read from a response. Immutable. Never contains text of a prompt or a completion, nor a key: upstream may repeat a name that the
/// client has sent.
/// </summary>
internal sealed record ResponseFacts
{
    public static ResponseFacts None { get; } = new();

    /// <summary>The <c>id</c> in the body, for example of a chat completion or of a video job.</summary>
    public string? Id { get; init; }

    /// <summary>The name of the model that served the call.</summary>
    public string? Model { get; init => field = KeyText.Hide(value); }

    /// <summary>The display name of the provider that served the call.</summary>
    public string? Provider { get; init => field = KeyText.Hide(value); }

    /// <summary>
    /// The data region that upstream routed the call through: <c>global</c>, <c>europe</c>, <c>us</c>. Only <c>GET /generation</c> tells it.
    /// </summary>
    public string? Region { get; init => field = KeyText.Hide(value); }

    /// <summary>
    /// The service tier that the provider reports, as upstream spells it: <c>default</c>, <c>priority</c>, <c>flex</c>; <c>standard</c> in
    /// messages.
    /// </summary>
    public string? ServiceTier { get; init => field = KeyText.Hide(value); }

    /// <summary>
    /// The finish reason in upstream's terms: <c>stop</c>, <c>length</c>, <c>tool_calls</c>, <c>end_turn</c>, <c>completed</c>…
    /// </summary>
    public string? FinishReason { get; init => field = KeyText.Hide(value); }

    /// <summary>The bill; <see langword="null"/> until it is read.</summary>
    public Usage? Usage { get; init; }

    /// <summary>Whether the body contains an error, regardless of the status.</summary>
    public bool HasError { get; init; }

    /// <summary>Whether the response is complete: its JSON document is closed, or its stream has sent the last event.</summary>
    public bool IsComplete { get; init; }
}
