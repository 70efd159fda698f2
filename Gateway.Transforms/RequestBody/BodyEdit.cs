namespace OpenRouterGateway.Transforms.RequestBody;

/// <summary>
/// An edit of a body: at <paramref name="Offset"/>, removes <paramref name="Remove"/> bytes and inserts <paramref name="Insert"/>.
/// </summary>
/// <param name="Offset">Offset in the body as received.</param>
/// <param name="Remove">The number of bytes to remove.</param>
/// <param name="Insert">The bytes to insert; may be empty.</param>
internal readonly record struct BodyEdit(int Offset, int Remove, ReadOnlyMemory<byte> Insert);
