using System.Buffers;
using System.Net;

namespace Gateway.Attempts;

/// <summary>
/// The content of a response whose beginning has been read: the same bytes, from the beginning. It has no headers: YARP has already copied
/// them.
/// </summary>
internal sealed class PeekedContent : HttpContent
{
    private readonly HttpContent _inner;
    private readonly Stream _rest;

    private PeekedContent(HttpContent inner, Stream rest, ReadOnlyMemory<byte> bytes, bool isWhole)
    {
        _inner = inner;
        _rest = rest;
        Bytes = bytes;
        IsWhole = isWhole;
    }

    /// <summary>The bytes that have been read.</summary>
    public ReadOnlyMemory<byte> Bytes { get; }

    /// <summary>Whether they are all bytes of the content.</summary>
    public bool IsWhole { get; }

    /// <summary>Reads a content to its end, or up to a size.</summary>
    public static async ValueTask<PeekedContent> ReadAsync(HttpContent inner, int maxSize, CancellationToken cancellationToken)
    {
        const int Part = 4096;
        var stream = await inner.ReadAsStreamAsync(cancellationToken);
        var bytes = new ArrayBufferWriter<byte>(Part);
        while (bytes.WrittenCount < maxSize)
        {
            var count = await stream.ReadAsync(bytes.GetMemory(Part), cancellationToken);
            if (count == 0)
            {
                return new PeekedContent(inner, stream, bytes.WrittenMemory, isWhole: true);
            }

            bytes.Advance(count);
        }

        return new PeekedContent(inner, stream, bytes.WrittenMemory, isWhole: false);
    }

    protected override Task<Stream> CreateContentReadStreamAsync() => Task.FromResult<Stream>(new PeekedStream(Bytes, _rest));

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
    {
        await stream.WriteAsync(Bytes);
        await _rest.CopyToAsync(stream);
    }

    protected override bool TryComputeLength(out long length)
    {
        length = 0;
        return false;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _inner.Dispose();
        }

        base.Dispose(disposing);
    }

    /// <summary>Reads the bytes, then the rest.</summary>
    private sealed class PeekedStream(ReadOnlyMemory<byte> bytes, Stream rest) : Stream
    {
        private ReadOnlyMemory<byte> _bytes = bytes;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (_bytes.IsEmpty)
            {
                return rest.ReadAsync(buffer, cancellationToken);
            }

            var count = Math.Min(buffer.Length, _bytes.Length);
            _bytes[..count].CopyTo(buffer);
            _bytes = _bytes[count..];
            return new(count);
        }

        public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Flush() => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
