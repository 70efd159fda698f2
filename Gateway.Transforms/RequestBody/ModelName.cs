namespace OpenRouterGateway.Transforms.RequestBody;

/// <summary>A model named in a request body, wherever it stands: <c>model</c>, an entry of <c>models</c> or of <c>fallbacks</c>.</summary>
/// <param name="Text">The name with its JSON escapes resolved.</param>
/// <param name="Value">The JSON string in the body, quotes included.</param>
/// <param name="Member">Index into <see cref="BodyFacts.Members"/> of the member that holds the name.</param>
internal readonly record struct ModelName(string Text, ByteRange Value, int Member);
