namespace OpenRouterGateway.Transforms.RequestBody;

/// <summary>Where and why a request body is not what a rewritten route takes.</summary>
/// <param name="Offset">Offset of the byte at fault, counted from the body's first byte; the body's length when it ended too early.</param>
/// <param name="Problem">What is wrong, as the end of a sentence; never quotes the body.</param>
internal readonly record struct BodyFault(long Offset, string Problem)
{
    /// <summary>The answer to such a request: a 400 that says where.</summary>
    public RequestRejection ToRejection() =>
        new(400, "invalid_json", $"The request body is not a JSON object: {Problem} at byte {Offset}.");
}
