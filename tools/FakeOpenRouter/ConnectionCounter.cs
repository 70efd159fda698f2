namespace FakeOpenRouter;

/// <summary>Counts TCP connections.</summary>
internal sealed class ConnectionCounter
{
    private int _opened;
    private int _closed;

    /// <summary>The number of connections accepted since the start.</summary>
    public int Total => Volatile.Read(ref _opened);

    /// <summary>The number of open connections.</summary>
    public int Open => Volatile.Read(ref _opened) - Volatile.Read(ref _closed);

    public void Opened() => Interlocked.Increment(ref _opened);

    public void Closed() => Interlocked.Increment(ref _closed);
}
