namespace Gateway.Pricing;

/// <summary>What of a request's size decides what it may cost.</summary>
/// <param name="TextBytes">Bytes of its body that may be text to a model.</param>
/// <param name="Choices">How many answers it asks for.</param>
/// <param name="MaxOutputTokens">The smallest cap on an answer that it states, if any.</param>
/// <param name="AssumedTokens">The cap to reckon with when it states none.</param>
internal readonly record struct RequestSize(long TextBytes, long Choices, long? MaxOutputTokens, int AssumedTokens);
