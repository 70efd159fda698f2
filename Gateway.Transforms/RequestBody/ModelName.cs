namespace OpenRouterGateway.Transforms.RequestBody;

/// <summary>A model name in a request body: in <c>model</c>, or in an entry of <c>models</c> or <c>fallbacks</c>.</summary>
/// <param name="Text">The name, JSON escapes resolved.</param>
/// <param name="Value">The JSON string in the body, quotes included.</param>
/// <param name="Member">Index into <see cref="BodyFacts.Members"/> of the member that holds the name.</param>
internal readonly record struct ModelName(string Text, ByteRange Value, int Member);
