using System.Net;
using System.Net.Sockets;

namespace HopBenchmark;

/// <summary>
/// An upstream on 127.0.0.1 for thousands of event streams at once: bare sockets, so that its own cost stays far below the hop's. What is
/// not a post is passed on to the scripted upstream, whose list of prices the gateway asks for.
/// </summary>
internal sealed class StreamUpstream : IDisposable
{
    private readonly Socket _listener = new(SocketType.Stream, ProtocolType.Tcp);
    private readonly HttpClient _scripted;

    /// <param name="scripted">The root of the scripted upstream.</param>
    public StreamUpstream(Uri scripted)
    {
        _scripted = new HttpClient { BaseAddress = scripted };
        _listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        _listener.Listen(4096);
        _ = AcceptAsync();
    }

    public int Port => ((IPEndPoint)_listener.LocalEndPoint!).Port;

    public StreamWheel Wheel { get; } = new();

    /// <summary>What streams that begin from now on send.</summary>
    public StreamSchedule Schedule { get; set; } = new(1, TimeSpan.Zero);

    /// <summary>What the scripted upstream answers to a GET; <see langword="null"/> for anything but a 200.</summary>
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
            // It was disposed of.
        }
    }
}
