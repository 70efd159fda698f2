using System.Net;
using System.Net.Http.Headers;

namespace Gateway.Upstream;

/// <summary>
/// The content of a response, read through another stream than its own. It has no headers unless they are added: YARP has already copied them.
/// </summary>
internal sealed class PassedContent(HttpContent inner, Stream stream) : HttpContent
{
    /// <summary>Creates a content that has headers, too.</summary>
    public static PassedContent WithHeaders(HttpContentHeaders headers, HttpContent inner, Stream stream)
    {
        var content = new PassedContent(inner, stream);
        headers.CopyTo(content.Headers);
        return content;
    }

    protected override Task<Stream> CreateContentReadStreamAsync() => Task.FromResult(stream);

    protected override Task SerializeToStreamAsync(Stream target, TransportContext? context) => stream.CopyToAsync(target);

    protected override bool TryComputeLength(out long length)
    {
        length = 0;
        return false;
    }

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            stream.Dispose();
            inner.Dispose();
        }

        base.Dispose(disposing);
    }
}
