using System.IO.Compression;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Net.Http.Headers;

namespace OpenRouterGateway.Transforms.RequestBody;

/// <summary>Reads a request body into a buffer and scans it on the way, while its bytes are still warm.</summary>
internal static class RequestBodyReader
{
    // The server counts the framing of chunks as body: a byte in the smallest chunk, "1\r\nx\r\n", makes six.
    private const int SmallestChunk = 6;

    private static readonly RequestRejection BadFraming = new(400, "bad_request", "The request body is not framed as its headers say.");

    private static readonly RequestRejection TooSlow = new(408, "request_timeout", "The request body arrived too slowly.");

    /// <summary>Reads the whole body, once there is room for it.</summary>
    /// <param name="request">The request; its body is read to the end unless it is rejected.</param>
    /// <param name="buffer">Takes the bytes, decoded.</param>
    /// <param name="memory">Where the body takes its place.</param>
    /// <param name="maxSize">How many bytes the decoded body may have.</param>
    /// <returns>What was found in it, or why it is rejected.</returns>
    public static async ValueTask<RequestBodyResult> ReadAsync(
        HttpRequest request, BodyBuffer buffer, RequestBodyMemory memory, long maxSize)
    {
        if (!TryOpen(request, out var stream, out var wasDecoded))
        {
            return new(new RequestRejection(
                415, "unsupported_content_encoding", "The request body's Content-Encoding is none of gzip, deflate, br, identity."));
        }

        if (request.ContentLength > maxSize)
        {
            return new(RequestBodyCheck.TooLarge(maxSize));
        }

        // The server's own limit would refuse first, at 30 MB. What counts is the body as decoded, and that is counted below: of
        // chunks the server is to refuse only what no framing explains.
        if (request.HttpContext.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
        {
            limit.MaxRequestBodySize = request.ContentLength is null ? (maxSize + 1) * SmallestChunk : maxSize;
        }

        var length = wasDecoded ? null : request.ContentLength;
        var stopping = request.HttpContext.RequestAborted;
        SlowUploadMonitor? pace = null;
        using var scanner = new BodyScanner();
        try
        {
            while (true)
            {
                var expected = length - buffer.Length;
                if (buffer.Place == 0)
                {
                    if ((length ?? buffer.Length) > RequestBodyMemory.FreeSize)
                    {
                        // Whole and at once: who asked for more while it holds some would wait for others who do the same. Not a byte of a
                        // body whose length is known is read before, nor a "100 Continue" sent.
                        await buffer.TakePlaceAsync(length ?? maxSize, stopping);
                        pace = new SlowUploadMonitor(memory, buffer, stopping);
                        stopping = pace.Stopping;
                    }
                    else if (length is null && buffer.Length == RequestBodyMemory.FreeSize)
                    {
                        // This may be all of it, which a look will tell.
                        expected = 0;
                    }
                }

                var free = buffer.GetMemory(expected);
                var count = await stream.ReadAsync(free, stopping);
                if ((buffer.Place > 0 || wasDecoded) && !Thread.CurrentThread.IsThreadPoolThread)
                {
                    // A host may let a read go on where its socket is polled. There is more to do here than that thread's other sockets
                    // should wait for.
                    await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
                }

                if (count == 0)
                {
                    break;
                }

                buffer.Advance(count);
                if (buffer.Length > maxSize)
                {
                    return new(RequestBodyCheck.TooLarge(maxSize));
                }

                if (!scanner.Scan(free.Span[..count]))
                {
                    break;
                }
            }
        }
        catch (BadHttpRequestException exception)
        {
            return new(exception.StatusCode switch
            {
                StatusCodes.Status413PayloadTooLarge => RequestBodyCheck.TooLarge(maxSize),
                StatusCodes.Status408RequestTimeout => TooSlow,
                _ => BadFraming,
            });
        }
        catch (OperationCanceledException) when (pace is { IsTooSlow: true } && !request.HttpContext.RequestAborted.IsCancellationRequested)
        {
            return new(TooSlow);
        }
        catch (IOException exception) when (exception.InnerException is OverflowException)
        {
            // The one fault of framing that the server does not call a bad request: a chunk of more bytes than a number can hold.
            return new(BadFraming);
        }
        catch (Exception exception) when (wasDecoded && exception is InvalidDataException or InvalidOperationException)
        {
            // The second is how BrotliStream calls it.
            return new(new RequestRejection(
                400, "invalid_content_encoding", "The request body is not encoded as its Content-Encoding says."));
        }
        finally
        {
            if (pace is not null)
            {
                await pace.DisposeAsync();
            }

            if (wasDecoded)
            {
                await stream.DisposeAsync();
            }
        }

        buffer.ShrinkPlace();
        return RequestBodyCheck.TryComplete(scanner, buffer.Bytes, out var facts, out var rejection)
            ? new(facts, wasDecoded)
            : new(rejection);
    }

    private static bool TryOpen(HttpRequest request, out Stream stream, out bool wasDecoded)
    {
        var encoding = request.Headers[HeaderNames.ContentEncoding].ToString();
        Stream? decoder = encoding.Trim().ToUpperInvariant() switch
        {
            "" or "IDENTITY" => request.Body,
            "GZIP" or "X-GZIP" => new GZipStream(request.Body, CompressionMode.Decompress, leaveOpen: true),
            "DEFLATE" => new ZLibStream(request.Body, CompressionMode.Decompress, leaveOpen: true),
            "BR" => new BrotliStream(request.Body, CompressionMode.Decompress, leaveOpen: true),
            _ => null,
        };
        stream = decoder ?? request.Body;
        wasDecoded = decoder is not null && decoder != request.Body;
        return decoder is not null;
    }
}
