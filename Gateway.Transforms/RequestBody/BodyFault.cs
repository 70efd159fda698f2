namespace OpenRouterGateway.Transforms.RequestBody;

/// <summary>Why a request body is not exactly one JSON object.</summary>
/// <param name="Offset">Offset of the invalid byte in the body; the body's length if it ends too early.</param>
/// <param name="Problem">The problem, as the end of a sentence. It never quotes the body.</param>
internal readonly record struct BodyFault(long Offset, string Problem)
{
    /// <summary>The rejection of such a request: a 400 that names the offset.</summary>
    public RequestRejection ToRejection() =>
        new(400, "invalid_json", $"The request body is not a JSON object: {Problem} at byte {Offset}.");
}
