namespace OpenRouterGateway.Transforms.RequestBody;

/// <summary>
/// One change of a body: at <paramref name="Offset"/>, drop <paramref name="Remove"/> bytes and put <paramref name="Insert"/> there.
/// </summary>
/// <param name="Offset">Offset in the body as received.</param>
/// <param name="Remove">How many bytes to drop.</param>
/// <param name="Insert">The bytes to put in their place; may be empty.</param>
internal readonly record struct BodyEdit(int Offset, int Remove, ReadOnlyMemory<byte> Insert);
