using System.Net;
using System.Net.Http.Headers;

namespace Gateway.Upstream;

/// <summary>
/// The content of an event stream, read through <see cref="EventStream"/>. It has no headers: YARP has already copied them.
/// </summary>
internal sealed class EventStreamContent(
    HttpResponseMessage response, HttpContentHeaders headers, HttpContext context, TimeProvider time) : HttpContent
{
    private readonly HttpContent _inner = response.Content;

    // Without a length and without chunks, only the end of the connection marks the end of the stream.
    private readonly bool _endsWithConnection =
        response.Version.Major == 1 && headers.ContentLength is null && response.Headers.TransferEncodingChunked != true;

    private readonly bool _isEncoded = headers.ContentEncoding.Count > 0;

    protected override async Task<Stream> CreateContentReadStreamAsync(CancellationToken cancellationToken) =>
        new EventStream(await _inner.ReadAsStreamAsync(cancellationToken), context, time, _endsWithConnection, _isEncoded);

    protected override Task<Stream> CreateContentReadStreamAsync() => CreateContentReadStreamAsync(CancellationToken.None);

    protected override Task SerializeToStreamAsync(Stream stream, TransportContext? transport) => _inner.CopyToAsync(stream, transport);

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
}
