namespace OpenRouterGateway.Transforms.RequestBody;

/// <summary>A run of bytes in a request body, counted from the body's first byte (a byte order mark included).</summary>
/// <param name="Start">Offset of the first byte.</param>
/// <param name="Length">Number of bytes.</param>
internal readonly record struct ByteRange(int Start, int Length)
{
    /// <summary>Offset just behind the last byte.</summary>
    public int End => Start + Length;
}
