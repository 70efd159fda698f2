namespace OpenRouterGateway.Transforms.RequestBody;

/// <summary>
/// The body of a request below the decoder of its Content-Encoding. Counts the bytes that arrive, and tells a failure of the connection
/// from a failure of the decoder: both may be an <see cref="IOException"/>.
/// </summary>
internal sealed class EncodedBodyStream(Stream body) : AsyncReadStream, IUploadProgress
{
    private long _received;

    /// <inheritdoc />
    public long ReceivedBytes => Volatile.Read(ref _received);

    /// <summary>Whether a read of the body has failed.</summary>
    public bool HasFailed { get; private set; }

    /// <inheritdoc />
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        try
        {
            var count = await body.ReadAsync(buffer, cancellationToken);
            Volatile.Write(ref _received, _received + count);
            return count;
        }
        catch
        {
            HasFailed = true;
            throw;
        }
    }
}
