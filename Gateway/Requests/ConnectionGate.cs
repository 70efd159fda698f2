using Gateway.Primitives;

namespace Gateway.Requests;

/// <summary>
/// Counts the client connections, and refuses those above a limit. A process without free file descriptors cannot accept, log or reach
/// upstream, and .NET may abort it.
/// </summary>
internal sealed partial class ConnectionGate(ILogger<ConnectionGate> logger)
{
    private volatile int _limit = int.MaxValue;
    private int _open;
    private long _refused;
    private long _refusedBefore;
    private int _isRefusing;

    /// <summary>The maximum number of connections.</summary>
    public int Limit
    {
        get => _limit;
        set => _limit = value;
    }

    /// <summary>The number of open connections.</summary>
    public int Open => Volatile.Read(ref _open);

    /// <summary>The number of refused connections since the start.</summary>
    public long Refused => Interlocked.Read(ref _refused);

    /// <summary>Counts a connection until <see cref="Exit"/>.</summary>
    /// <returns>Whether there is room. If not, the caller closes the connection.</returns>
    public bool TryEnter()
    {
        if (Interlocked.Increment(ref _open) <= _limit)
        {
            return true;
        }

        Interlocked.Decrement(ref _open);
        Interlocked.Increment(ref _refused);
        if (Interlocked.Exchange(ref _isRefusing, 1) == 0)
        {
            Log.ConnectionsRefused(logger, _limit);
        }

        return false;
    }

    /// <summary>A counted connection has ended.</summary>
    public void Exit()
    {
        // Half of the limit: a server at its limit would otherwise log each time that a connection ends.
        if (Interlocked.Decrement(ref _open) <= _limit / 2
            && Volatile.Read(ref _isRefusing) == 1
            && Interlocked.Exchange(ref _isRefusing, 0) == 1)
        {
            var refused = Refused;
            Log.ConnectionsAccepted(logger, refused - Interlocked.Exchange(ref _refusedBefore, refused));
        }
    }

    private static partial class Log
    {
        [LoggerMessage(LogEvents.ConnectionsRefused, LogLevel.Warning, "All {Limit} connections are in use; further ones are closed at once")]
        public static partial void ConnectionsRefused(ILogger logger, int limit);

        [LoggerMessage(LogEvents.ConnectionsAccepted, LogLevel.Information, "Connections are accepted again; {Refused} were refused")]
        public static partial void ConnectionsAccepted(ILogger logger, long refused);
    }
}
