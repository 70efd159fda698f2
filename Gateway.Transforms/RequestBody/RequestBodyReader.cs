using System.IO.Compression;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.Net.Http.Headers;

namespace OpenRouterGateway.Transforms.RequestBody;

/// <summary>Reads a request body into a buffer, and scans each part while it is in the CPU cache.</summary>
internal static class RequestBodyReader
{
    // Kestrel counts chunk framing as body: a chunk of one byte, "1\r\nx\r\n", has six bytes.
    private const int SmallestChunk = 6;

    private static readonly RequestRejection BadFraming = new(400, "bad_request", "The framing of the request body does not match its headers.");

    private static readonly RequestRejection TooSlow = new(408, "request_timeout", "The request body arrived too slowly.");

    /// <summary>The rejection of a body that finds no place among those that wait for memory.</summary>
    internal static readonly RequestRejection Busy = new(503, "server_busy", "Too many request bodies are waiting for memory.")
    {
        // The time after which a stalled upload loses its reservation.
        RetryAfter = SlowUploadMonitor.Window,
    };

    /// <summary>Reads the whole body, after its memory is reserved.</summary>
    /// <param name="request">The request. Its body is read to the end unless it is rejected.</param>
    /// <param name="buffer">Receives the decoded bytes.</param>
    /// <param name="memory">The memory budget of all bodies.</param>
    /// <param name="maxSize">The maximum size of the decoded body in bytes.</param>
    /// <param name="ownerOf">Returns the owner of a body that needs a reservation.</param>
    /// <returns>The facts about the body, or its rejection.</returns>
    public static async ValueTask<RequestBodyResult> ReadAsync(
        HttpRequest request, BodyBuffer buffer, RequestBodyMemory memory, long maxSize, Func<HttpContext, object> ownerOf)
    {
        if (!TryOpen(request, out var stream, out var encoded))
        {
            return new(new RequestRejection(
                415, "unsupported_content_encoding", "The Content-Encoding of the request body is not gzip, deflate, br or identity."));
        }

        var wasDecoded = encoded is not null;
        var length = wasDecoded ? null : request.ContentLength;
        if (length > maxSize)
        {
            return new(RequestBodyCheck.TooLarge(maxSize));
        }

        // Kestrel's limit of 30 MB would apply first. The size limit is for the decoded body, which the loop counts. Of a chunked or encoded
        // body, which may be longer than its content, Kestrel rejects only a size that chunk framing cannot explain.
        if (request.HttpContext.Features.Get<IHttpMaxRequestBodySizeFeature>() is { IsReadOnly: false } limit)
        {
            limit.MaxRequestBodySize = length is null ? (maxSize + 1) * SmallestChunk : maxSize;
        }

        var stopping = request.HttpContext.RequestAborted;
        SlowUploadMonitor? monitor = null;
        using var scanner = new BodyScanner();
        try
        {
            // The full size is reserved at once: bodies that reserve step by step could deadlock. A body of known length is not read before
            // that, so its "100 Continue" is not sent either. A body of unknown length counts as small until it is larger.
            var reserved = RequestBodyMemory.SmallBodySize;
            var needed = length ?? RequestBodyMemory.SmallBodySize;
            if (needed <= RequestBodyMemory.SmallBodySize && buffer.TryHoldSmall((int)needed))
            {
                needed = 0;
            }

            while (true)
            {
                if (needed > 0)
                {
                    if (monitor is not null)
                    {
                        await monitor.DisposeAsync();
                        monitor = null;
                        stopping = request.HttpContext.RequestAborted;
                    }

                    if (!await buffer.TryReserveAsync(ownerOf(request.HttpContext), needed, stopping))
                    {
                        return new(Busy);
                    }

                    reserved = (int)needed;
                    needed = 0;
                    monitor = new SlowUploadMonitor(memory, encoded ?? (IUploadProgress)buffer, stopping);
                    stopping = monitor.Stopping;
                }

                var expected = length - buffer.Length;
                if (expected is null && buffer.Length == reserved)
                {
                    // The body may be complete; a read of one byte detects the end.
                    expected = 0;
                }

                var free = buffer.GetMemory(expected);
                var count = await stream.ReadAsync(free, stopping);
                if ((buffer.Reserved > 0 || wasDecoded) && !Thread.CurrentThread.IsThreadPoolThread)
                {
                    // A host may run continuations on the thread that polls the socket. Work on large bodies would block its other sockets.
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

                if (buffer.Length > reserved)
                {
                    needed = maxSize;
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
        catch (OperationCanceledException) when (monitor is { IsTooSlow: true } && !request.HttpContext.RequestAborted.IsCancellationRequested)
        {
            return new(TooSlow);
        }
        catch (IOException exception) when (exception.InnerException is OverflowException)
        {
            // Kestrel reports every framing error as a bad request except a chunk size that overflows.
            return new(BadFraming);
        }
        catch (Exception exception) when (encoded is { HasFailed: false }
            && exception is InvalidDataException or InvalidOperationException or IOException)
        {
            // BrotliStream throws InvalidOperationException for invalid data, ZLibStream an IOException for a stream that asks for a preset
            // dictionary.
            return new(new RequestRejection(
                400, "invalid_content_encoding", "The request body does not match its Content-Encoding."));
        }
        finally
        {
            if (monitor is not null)
            {
                await monitor.DisposeAsync();
            }

            if (wasDecoded)
            {
                await stream.DisposeAsync();
            }
        }

        buffer.ReleaseSurplus();
        return RequestBodyCheck.TryComplete(scanner, buffer.Bytes, out var facts, out var rejection)
            ? new(facts, wasDecoded)
            : new(rejection);
    }

    private static bool TryOpen(HttpRequest request, out Stream stream, out EncodedBodyStream? encoded)
    {
        stream = request.Body;
        encoded = null;
        var encoding = request.Headers[HeaderNames.ContentEncoding].ToString().Trim().ToUpperInvariant();
        if (encoding is "" or "IDENTITY")
        {
            return true;
        }

        encoded = new EncodedBodyStream(request.Body);
        Stream? decoder = encoding switch
        {
            "GZIP" or "X-GZIP" => new GZipStream(encoded, CompressionMode.Decompress, leaveOpen: true),
            "DEFLATE" => new ZLibStream(encoded, CompressionMode.Decompress, leaveOpen: true),
            "BR" => new BrotliStream(encoded, CompressionMode.Decompress, leaveOpen: true),
            _ => null,
        };
        stream = decoder ?? stream;
        return decoder is not null;
    }
}
