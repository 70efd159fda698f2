using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Gateway.Tests.Support;

/// <summary>
/// A port for a program that cannot choose a free one itself, or must come back on the same one. It is outside of the range from which the
/// kernel gives ports, and is claimed by a socket on another loopback address, so that no other test, nor another run of the tests on this
/// machine, takes it while the program is down.
/// </summary>
internal sealed class LoopbackPort : IDisposable
{
    private const int First = 10_000;

    // The kernel gives ports from here on (net.ipv4.ip_local_port_range).
    private const int End = 32_768;

    private static readonly IPAddress ClaimAddress = IPAddress.Parse("127.0.0.2");
    private static int _next = Environment.ProcessId * 61 % (End - First);

    private readonly Socket _claim;

    private LoopbackPort(Socket claim, int number)
    {
        _claim = claim;
        Number = number;
    }

    public int Number { get; }

    /// <summary>Claims a port on which nothing listens.</summary>
    public static LoopbackPort Claim()
    {
        for (var attempt = 0; attempt < End - First; attempt++)
        {
            var number = First + (int)((uint)Interlocked.Increment(ref _next) % (End - First));
            if (TryBind(ClaimAddress, number) is not { } claim)
            {
                continue;
            }

            if (TryBind(IPAddress.Loopback, number) is { } probe)
            {
                probe.Dispose();
                return new LoopbackPort(claim, number);
            }

            claim.Dispose();
        }

        throw new InvalidOperationException("No port is free.");
    }

    public override string ToString() => Number.ToString(CultureInfo.InvariantCulture);

    public void Dispose() => _claim.Dispose();

    private static Socket? TryBind(IPAddress address, int port)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        try
        {
            socket.Bind(new IPEndPoint(address, port));
            return socket;
        }
        catch (SocketException)
        {
            socket.Dispose();
            return null;
        }
    }
}
