using System.Net;

namespace Gateway.Metering;

/// <summary>
/// Upstream's answer, shown to an observer on its way: see <see cref="ObservedStream"/>. YARP copies its headers before and its bytes
/// after. It goes around whatever else watches the answer, so that an observer's failure is not taken for upstream's.
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
