using System.Net;
using System.Net.Http.Headers;
using Gateway.Errors;
using Gateway.Requests;
using OpenRouterGateway.Transforms.ProviderMapping.Hosting;

namespace Gateway.Upstream;

/// <summary>
/// Decides how the HTTP client reads request bodies. A kept body can be read again, so that the client repeats by itself a request that an
/// HTTP/2 server has refused or excluded by a <c>GOAWAY</c>; every other body is read once. A body in memory leaves together with its
/// headers: YARP flushes the headers first, for bodies that arrive slowly, which costs a second socket write and a second packet per call.
/// A missing body counts as an empty one, which is read once, too.
/// </summary>
internal sealed class BufferedBodyHandler(HttpMessageHandler inner) : DelegatingHandler(inner)
{
    /// <summary>The option with the record of the request's attempts. Own requests of the gateway have none.</summary>
    public static readonly HttpRequestOptionsKey<RequestAttempts> Attempts = new("Gateway.Attempts");

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        if (request.Options.TryGetValue(Attempts, out var attempts))
        {
            attempts.NoteContent();
            var content = request.Content ?? new ByteArrayContent([]);
            request.Content = attempts.Body is { IsKept: true } body
                ? new KeptContent(content.Headers, body, attempts)
                : new SingleUseContent(content, attempts);
        }

        return base.SendAsync(request, cancellationToken);
    }

    /// <summary>Replaces YARP's content, which can be read only once, by the kept body.</summary>
    private sealed class KeptContent : HttpContent
    {
        private readonly ProviderMappingFeature _body;
        private readonly RequestAttempts _attempts;

        public KeptContent(HttpContentHeaders headers, ProviderMappingFeature body, RequestAttempts attempts)
        {
            _body = body;
            _attempts = attempts;
            headers.CopyTo(Headers);
        }

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
            SerializeToStreamAsync(stream, context, CancellationToken.None);

        // Without a body, nothing of this sending can be processed either: the Content-Length announces one.
        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken) =>
            (_attempts.TryBeginReading() ? _body.TrySend(stream, cancellationToken) : null)
            ?? Task.FromException(new RequestNotProcessedException());

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }

    /// <summary>
    /// Wraps YARP's content, which still copies the body. Gives it a stream that skips the first flush of a body in memory. A second reading
    /// fails with <see cref="RequestNotProcessedException"/>.
    /// </summary>
    private sealed class SingleUseContent : HttpContent
    {
        private readonly HttpContent _inner;
        private readonly RequestAttempts _attempts;

        public SingleUseContent(HttpContent inner, RequestAttempts attempts)
        {
            _inner = inner;
            _attempts = attempts;
            inner.Headers.CopyTo(Headers);
        }

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context) =>
            SerializeToStreamAsync(stream, context, CancellationToken.None);

        protected override Task SerializeToStreamAsync(Stream stream, TransportContext? context, CancellationToken cancellationToken) =>
            _attempts.TryBeginReading()
                ? _inner.CopyToAsync(_attempts.Body is null ? stream : new WritingStream(stream), context, cancellationToken)
                : Task.FromException(new RequestNotProcessedException());

        protected override bool TryComputeLength(out long length)
        {
            // A request without a body may have headers of a content, and then a length of zero.
            length = _inner.Headers.ContentLength ?? 0;
            return _inner.Headers.ContentLength is not null;
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
