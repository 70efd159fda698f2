using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;

namespace FakeOpenRouter;

/// <summary>
/// Keeps an HTTP/2 connection open after its last <c>GOAWAY</c> until the peer closes it. Kestrel closes it at once. If a request is on its
/// way then, the kernel responds with a reset, and the peer may never read the <c>GOAWAY</c> that says that the request was not processed.
/// Fronts of real services drain a connection (RFC 9113, section 6.8).
/// </summary>
internal static class Linger
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(5);

    /// <summary>Serves a connection and then waits for the peer.</summary>
    public static async Task ServeAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        var transport = connection.Transport;
        var input = new LingeringReader(transport.Input);
        connection.Transport = new DuplexPipe(input, new LingeringWriter(transport.Output));
        try
        {
            await next(connection);
            await DrainAsync(input, connection.ConnectionClosed);
        }
        finally
        {
            connection.Transport = transport;
            await transport.Input.CompleteAsync();
            await transport.Output.CompleteAsync();
        }
    }

    private static async Task DrainAsync(LingeringReader input, CancellationToken closed)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(closed);
        patience.CancelAfter(Patience);
        try
        {
            ReadResult read;
            do
            {
                read = await input.ReadAsync(patience.Token);
                input.AdvanceTo(read.Buffer.End);
            }
            while (!read.IsCompleted);
        }
        catch (Exception gone) when (gone is OperationCanceledException or IOException)
        {
            // The peer has reset the connection, an outage has aborted it, or the peer does not close it.
        }
    }

    private sealed record DuplexPipe(PipeReader Input, PipeWriter Output) : IDuplexPipe;
}
