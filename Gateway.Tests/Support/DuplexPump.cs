using System.Net.Sockets;

namespace Gateway.Tests.Support;

/// <summary>Copies bytes between two streams, in both directions.</summary>
internal static class DuplexPump
{
    /// <summary>Runs until one side ends; the caller then closes both.</summary>
    public static Task RunAsync(Stream one, Stream other, CancellationToken cancellationToken) =>
        Task.WhenAny(CopyAsync(one, other, cancellationToken), CopyAsync(other, one, cancellationToken));

    private static async Task CopyAsync(Stream from, Stream to, CancellationToken cancellationToken)
    {
        try
        {
            await from.CopyToAsync(to, cancellationToken);
        }
        catch (Exception fault) when (fault is IOException or SocketException or ObjectDisposedException or OperationCanceledException)
        {
            // One side closed its connection, or the test is over.
        }
    }
}
