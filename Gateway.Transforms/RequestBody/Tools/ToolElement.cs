namespace OpenRouterGateway.Transforms.RequestBody.Tools;

/// <summary>An element of a top-level <c>tools</c> array that is a server tool or contains one.</summary>
/// <param name="List">Index into <see cref="ServerToolFacts.Lists"/>.</param>
/// <param name="Index">Index in the array.</param>
/// <param name="Value">The element.</param>
/// <param name="CommaStart">Offset of the comma before the element; -1 for the first element.</param>
/// <param name="CommaEnd">Offset after the comma behind the element; -1 for the last element.</param>
internal readonly record struct ToolElement(int List, int Index, ByteRange Value, int CommaStart, int CommaEnd);
