namespace OpenRouterGateway.Transforms.RequestBody;

/// <summary>The progress of an upload.</summary>
internal interface IUploadProgress
{
    /// <summary>The number of bytes that have arrived, before any decoding. May be read from another thread.</summary>
    long ReceivedBytes { get; }
}
