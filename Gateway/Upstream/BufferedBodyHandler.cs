using System.Net;
using Gateway.Errors;

namespace Gateway.Upstream;

/// <summary>
/// Sends headers and body together if the body is in memory. YARP flushes the headers first, for bodies that arrive slowly. That costs a
/// second socket write and a second packet per call. Sends every body once: a second reading fails with
/// <see cref="RequestNotProcessedException"/>.
/// </summary>
internal sealed class BufferedBodyHandler(HttpMessageHandler inner) : DelegatingHandler(inner)
{
    /// <summary>The option that marks a request whose body is in memory.</summary>
    public static readonly HttpRequestOptionsKey<bool> IsBuffered = new("Gateway.IsBodyBuffered");

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        if (request.Content is { } content)
        {
            request.Content = new SingleUseContent(content, request.Options.TryGetValue(IsBuffered, out _));
        }

        return base.SendAsync(request, cancellationToken);
    }

    /// <summary>Wraps YARP's content, which still copies the body. Gives it a stream that skips the first flush of a body in memory.</summary>
    private sealed class SingleUseContent : HttpContent
    {
        private readonly HttpContent _inner;
        private readonly bool _isBuffered;
        private int _readings;

        public SingleUseContent(HttpContent inner, bool isBuffered)
        {
            _inner = inner;
            _isBuffered = isBuffered;
            foreach (var (name, values) in inner.Headers.NonValidated)
            {
                Headers.TryAddWithoutValidation(name, values);
            }
        }

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
            SerializeToStreamAsync(stream, context, CancellationToken.None);

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken) =>
            Interlocked.Increment(ref _readings) > 1
                ? Task.FromException(new RequestNotProcessedException())
                : _inner.CopyToAsync(_isBuffered ? new WritingStream(stream) : stream, context, cancellationToken);

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }

    /// <summary>Ignores flushes before the first write.</summary>
    private sealed class WritingStream(Stream inner) : Stream
    {
        private bool _hasWritten;

        public override bool CanRead => false;

        public override bool CanSeek => false;

        public override bool CanWrite => true;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            _hasWritten = true;
            return inner.WriteAsync(buffer, cancellationToken);
        }

        public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override Task FlushAsync(CancellationToken cancellationToken) =>
            _hasWritten ? inner.FlushAsync(cancellationToken) : Task.CompletedTask;

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Flush() => throw new NotSupportedException();

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();
    }
}
