using System.Net;
using System.Net.Sockets;

namespace HopBenchmark;

/// <summary>
/// An upstream on 127.0.0.1 for thousands of concurrent event streams. It uses plain sockets, so that its cost stays far below the hop's.
/// GET requests are forwarded to the scripted upstream, which has the price list for the gateway.
/// </summary>
internal sealed class StreamUpstream : IDisposable
{
    private readonly Socket _listener = new(SocketType.Stream, ProtocolType.Tcp);
    private readonly HttpClient _scripted;

    /// <param name="scripted">The root URL of the scripted upstream.</param>
    public StreamUpstream(Uri scripted)
    {
        _scripted = new HttpClient { BaseAddress = scripted };
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen(4096);
        _ = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndPoint!).Port;

    public StreamWheel Wheel { get; } = new();

    /// <summary>The schedule of streams that start from now on.</summary>
    public StreamSchedule Schedule { get; set; } = new(1, TimeSpan.Zero);

    /// <summary>Returns the scripted upstream's response to a GET; <see langword="null"/> if it is not a 200.</summary>
    public async Task<byte[]?> AskScriptedAsync(string target)
    {
        using var response = await _scripted.GetAsync(new Uri(target, UriKind.Relative));
        return response.IsSuccessStatusCode ? await response.Content.ReadAsByteArrayAsync() : null;
    }

    public void Dispose()
    {
        _listener.Dispose();
        Wheel.Dispose();
        _scripted.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                _ = new UpstreamConnection(await _listener.AcceptAsync(), this).ServeAsync();
            }
        }
        catch (Exception over) when (over is SocketException or ObjectDisposedException)
        {
            // The listener was disposed.
        }
    }
}
