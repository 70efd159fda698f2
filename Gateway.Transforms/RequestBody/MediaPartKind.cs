namespace OpenRouterGateway.Transforms.RequestBody;

/// <summary>The kind of a media part, by its <c>type</c>.</summary>
internal enum MediaPartKind
{
    /// <summary>An image, a recording or a video.</summary>
    Recorded,

    /// <summary>A file or a document.</summary>
    Document,
}
