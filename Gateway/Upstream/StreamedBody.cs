using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using OpenRouterGateway.Transforms.RequestBody;

namespace Gateway.Upstream;

/// <summary>
/// The body of a request that streams from the client. A cancelled read of Kestrel's own stream leaves its reader in the middle of the read:
/// Kestrel cannot drain the rest of the body, logs that as an error and closes the connection, and a client that still sends may not see the
/// response. A cancelled read of this stream leaves the reader ready for the next.
/// </summary>
internal sealed class StreamedBody : AsyncReadStream
{
    private readonly PipeReader _reader;

    private StreamedBody(PipeReader reader)
    {
        _reader = reader;
    }

    /// <summary>Replaces the body of a request by this stream, once.</summary>
    public static void Replace(HttpRequest request)
    {
        if (request.Body is not StreamedBody)
        {
            request.Body = new StreamedBody(request.BodyReader);
        }
    }

    // Runs once per read of an upload, so its state machine is pooled, as that of Kestrel's stream is.
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var read = _reader.ReadAsync(CancellationToken.None);
            ReadResult result;
            if (read.IsCompletedSuccessfully)
            {
                result = read.Result;
            }
            else
            {
                await using (cancellationToken.UnsafeRegister(static reader => CancelRead((PipeReader)reader!), _reader))
                {
                    result = await read;
                }
            }

            // Zero bytes are the end.
            if (Take(result, buffer.Span, cancellationToken) is var count && (count > 0 || buffer.IsEmpty || result.IsCompleted))
            {
                return count;
            }
        }
    }

    private static void CancelRead(PipeReader reader)
    {
        try
        {
            reader.CancelPendingRead();
        }
#pragma warning disable CA1031 // Any exception: Kestrel's reader throws the reason of an abort, which ends the pending read by itself.
        catch (Exception)
#pragma warning restore CA1031
        {
        }
    }

    /// <summary>Takes bytes from the reader. A read into an empty buffer waits for data and takes none.</summary>
    private int Take(in ReadResult result, Span<byte> buffer, CancellationToken cancellationToken)
    {
        var taken = result.Buffer.Slice(0, Math.Min(result.Buffer.Length, buffer.Length));
        if (result.IsCanceled)
        {
            taken = taken.Slice(0, 0);
        }

        taken.CopyTo(buffer);
        var count = (int)taken.Length;
        _reader.AdvanceTo(taken.End);
        return result.IsCanceled ? throw new OperationCanceledException(cancellationToken) : count;
    }
}
