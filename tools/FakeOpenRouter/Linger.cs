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
    /// <summary>Serves a connection and then waits for the peer.</summary>
    /// <param name="connection">The connection.</param>
    /// <param name="next">Serves the connection.</param>
    /// <param name="patience">The longest wait for the peer.</param>
    public static async Task ServeAsync(ConnectionContext connection, ConnectionDelegate next, TimeSpan patience)
    {
        var transport = connection.Transport;
        var input = new LingeringReader(transport.Input);
        connection.Transport = new DuplexPipe(input, new LingeringWriter(transport.Output));
        try
        {
            await next(connection);
            await DrainAsync(input, patience, connection.ConnectionClosed);
        }
        finally
        {
            connection.Transport = transport;
            await transport.Input.CompleteAsync();
            await transport.Output.CompleteAsync();
        }
    }

    private static async Task DrainAsync(LingeringReader input, TimeSpan patience, CancellationToken closed)
    {
        using var over = CancellationTokenSource.CreateLinkedTokenSource(closed);
        over.CancelAfter(patience);
        try
        {
            ReadResult read;
            do
            {
                read = await input.ReadAsync(over.Token);
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
