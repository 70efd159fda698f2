using System.Net;
using System.Net.Sockets;

namespace Gateway.Tests.Support;

/// <summary>Accepts TCP connections on a free port of 127.0.0.1 and serves each on its own.</summary>
internal abstract class LoopbackServer : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _accepting;

    protected LoopbackServer()
    {
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _accepting;
        _listener.Dispose();
        _stop.Dispose();
    }

    protected abstract Task ServeAsync(NetworkStream client, CancellationToken cancellationToken);

    private async Task AcceptAsync()
    {
        var serving = new List<Task>();
        try
        {
            while (true)
            {
                var client = await _listener.AcceptTcpClientAsync(_stop.Token);

                // Servers send small answers at once; Nagle's algorithm would hold them until the peer's delayed acknowledgement.
                client.NoDelay = true;
                serving.Add(GuardAsync(client));
            }
        }
        catch (OperationCanceledException)
        {
            await Task.WhenAll(serving);
        }
    }

    private async Task GuardAsync(TcpClient client)
    {
        using (client)
        {
            try
            {
                await ServeAsync(client.GetStream(), _stop.Token);
            }
            catch (Exception fault) when (fault is IOException or SocketException or OperationCanceledException)
            {
                // A peer closed its connection, or the test is over.
            }
        }
    }
}
