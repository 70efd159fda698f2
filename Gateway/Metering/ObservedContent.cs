using System.Net;

namespace Gateway.Metering;

/// <summary>
/// The content of upstream's response, read through <see cref="ObservedStream"/>. It has no headers: YARP has already copied them. It is
/// the outermost wrapper, so that a failure of the observer is not treated as a failure of upstream.
/// </summary>
internal sealed class ObservedContent(HttpContent inner, IResponseObserver observer) : HttpContent
{
    protected override async Task<Stream> CreateContentReadStreamAsync(CancellationToken cancellationToken) =>
        new ObservedStream(await inner.ReadAsStreamAsync(cancellationToken), observer);

    protected override Task<Stream> CreateContentReadStreamAsync() => CreateContentReadStreamAsync(CancellationToken.None);

    protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
    {
        await using var source = await CreateContentReadStreamAsync();
        await source.CopyToAsync(stream);
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
            inner.Dispose();
        }

        base.Dispose(disposing);
    }
}
