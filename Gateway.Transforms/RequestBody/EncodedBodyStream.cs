namespace OpenRouterGateway.Transforms.RequestBody;

/// <summary>
/// The body of a request below the decoder of its Content-Encoding. Counts the bytes that arrive, and tells a failure of the connection
/// from a failure of the decoder: both may be an <see cref="IOException"/>.
/// </summary>
internal sealed class EncodedBodyStream(Stream body) : Stream, IUploadProgress
{
    private long _received;

    /// <inheritdoc />
    public long ReceivedBytes => Volatile.Read(ref _received);

    /// <summary>Whether a read of the body has failed.</summary>
    public bool HasFailed { get; private set; }

    /// <inheritdoc />
    public override bool CanRead => true;

    /// <inheritdoc />
    public override bool CanSeek => false;

    /// <inheritdoc />
    public override bool CanWrite => false;

    /// <inheritdoc />
    public override long Length => throw new NotSupportedException();

    /// <inheritdoc />
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

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

    /// <inheritdoc />
    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <inheritdoc />
    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    /// <inheritdoc />
    public override void Flush() => throw new NotSupportedException();

    /// <inheritdoc />
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc />
    public override void SetLength(long value) => throw new NotSupportedException();

    /// <inheritdoc />
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
}
