namespace OpenRouterGateway.Transforms.RequestBody;

/// <summary>A long string in a part of a conversation.</summary>
/// <param name="Value">The string with its quotes.</param>
/// <param name="PartStart">Offset of the opening brace of the part.</param>
internal readonly record struct LongString(ByteRange Value, int PartStart);
