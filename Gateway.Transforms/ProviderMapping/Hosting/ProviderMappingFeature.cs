using System.Buffers;
using OpenRouterGateway.Transforms.RequestBody;

namespace OpenRouterGateway.Transforms.ProviderMapping.Hosting;

/// <summary>Passes the buffered body from the middleware that read it to the transform that forwards it.</summary>
internal sealed class ProviderMappingFeature(
    RequestEndpoint endpoint, BodyBuffer body, bool wasDecoded, BodyFacts facts, ProviderMappingDecision decision)
    : IProviderMappingFeature, IDisposable
{
    private const int LargestBuffer = 64 * 1024;

    private SplicedStream? _open;

    public RequestEndpoint Endpoint => endpoint;

    public BodyFacts Facts => facts;

    public ProviderMappingDecision Decision => decision;

    /// <summary>Whether the body was decoded, so that its <c>Content-Encoding</c> must not be forwarded.</summary>
    public bool WasDecoded => wasDecoded;

    /// <summary>The length of the body with its edits applied.</summary>
    public long SentLength { get; } = SplicedStream.SplicedLength(body.Length, decision.Edits);

    /// <summary>
    /// Whether the host sends the body with <see cref="TrySend"/>, as often as it needs to, and releases it. Otherwise the transform opens the
    /// body once, and the end of the stream releases it. Set before the request is forwarded.
    /// </summary>
    public bool IsKept { get; set; }

    /// <summary>Opens the body to send. The buffer is released at the end of the stream.</summary>
    /// <exception cref="ObjectDisposedException">The buffer was released.</exception>
    public SplicedStream OpenBody()
    {
        _open?.Dispose();
        return _open = new(body.Bytes, decision.Edits, body.Release);
    }

    /// <summary>Sends the kept body. Sendings are independent: one that is still in progress may be followed by another.</summary>
    /// <param name="destination">The stream of the request.</param>
    /// <param name="cancellationToken">Cancels the sending.</param>
    /// <returns>The sending; <see langword="null"/> if the body was released.</returns>
    public Task? TrySend(Stream destination, CancellationToken cancellationToken) =>
        body.TryBeginReading(out var bytes) ? SendAsync(bytes, destination, cancellationToken) : null;

    /// <summary>Ensures that the body stays until it is sent again. A body that was sent may be released for others that need memory.</summary>
    /// <returns>Whether the body can be sent again.</returns>
    public bool TryTakeBack() => body.TryTakeBack();

    /// <summary>Releases a kept body, which is not sent again. Sendings in progress continue.</summary>
    public void ReleaseKept()
    {
        if (IsKept)
        {
            body.Release();
        }
    }

    /// <summary>Ends the body together with the request: a send of the opened body that is still in progress fails.</summary>
    public void Dispose() => _open?.Dispose();

    private async Task SendAsync(ReadOnlySequence<byte> bytes, Stream destination, CancellationToken cancellationToken)
    {
        // Head, inserted bytes and tail leave in one write where they fit: HTTP/2 makes a frame of each write, HTTP/1.1 a packet. A run of
        // bytes that would fill a buffer leaves without a copy.
        var buffer = ArrayPool<byte>.Shared.Rent((int)Math.Min(SentLength, LargestBuffer));
        try
        {
            using var spliced = new SplicedStream(bytes, decision.Edits, static () => { });
            while (true)
            {
                var piece = spliced.TakeRun(LargestBuffer);
                if (piece.IsEmpty)
                {
                    piece = buffer.AsMemory(0, spliced.Read(buffer));
                }

                if (piece.IsEmpty)
                {
                    break;
                }

                await destination.WriteAsync(piece, cancellationToken);
            }

            body.Keep();
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
            body.EndReading();
        }
    }
}
