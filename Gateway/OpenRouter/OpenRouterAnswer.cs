namespace Gateway.OpenRouter;

/// <summary>An answer to a question of the gateway's own.</summary>
/// <param name="Status">Status code.</param>
/// <param name="Body">Body, decoded.</param>
/// <param name="IsAuthoritative">
/// Whether the destination that answered can know everything about the call in question: it served the call, or the destination that did
/// is unknown or no longer configured. A 404 from any other destination proves nothing.
/// </param>
internal readonly record struct OpenRouterAnswer(int Status, byte[] Body, bool IsAuthoritative)
{
    /// <summary>Whether another destination may still answer: overloaded, timed out or failed here.</summary>
    public bool IsFailure => Status is >= 500 or 408 or 429;
}
