namespace Gateway.Pricing;

/// <summary>The properties of a request that determine its estimated cost.</summary>
/// <param name="TextBytes">The number of bytes of the body that a model may receive as text.</param>
/// <param name="Choices">The number of completions that the request asks for.</param>
/// <param name="MaxOutputTokens">The smallest output cap in the request; <see langword="null"/> without a cap.</param>
/// <param name="AssumedTokens">The output cap to assume for a request without a cap.</param>
internal readonly record struct RequestSize(long TextBytes, long Choices, long? MaxOutputTokens, int AssumedTokens);
