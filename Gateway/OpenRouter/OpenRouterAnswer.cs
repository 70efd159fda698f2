namespace Gateway.OpenRouter;

/// <summary>The response to one of the gateway's own requests.</summary>
/// <param name="Status">The status code.</param>
/// <param name="Body">The decoded body.</param>
/// <param name="IsAuthoritative">
/// Whether a 404 proves that the call has no record: the responding destination served the call, or the destination that served it is
/// unknown or no longer configured.
/// </param>
internal readonly record struct OpenRouterAnswer(int Status, byte[] Body, bool IsAuthoritative)
{
    /// <summary>Whether this destination failed, timed out or is overloaded, so that another one is worth a request.</summary>
    public bool IsFailure => Status is >= 500 or 408 or 429;
}
