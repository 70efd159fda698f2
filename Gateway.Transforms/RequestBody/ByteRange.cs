namespace OpenRouterGateway.Transforms.RequestBody;

/// <summary>A range of bytes in a request body. Offsets include a byte order mark.</summary>
/// <param name="Start">Offset of the first byte.</param>
/// <param name="Length">Number of bytes.</param>
internal readonly record struct ByteRange(int Start, int Length)
{
    /// <summary>Offset after the last byte.</summary>
    public int End => Start + Length;
}
