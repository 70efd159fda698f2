namespace Gateway.Teams;

/// <summary>The latest use of a key. Thread-safe.</summary>
internal sealed class KeyUse
{
    private long _ticks;

    /// <summary>When the latest request arrived; <see langword="null"/> without one.</summary>
    public DateTimeOffset? At => Volatile.Read(ref _ticks) is not 0 and var ticks ? new DateTimeOffset(ticks, TimeSpan.Zero) : null;

    /// <summary>Notes a request. A request that arrived before the latest has no effect.</summary>
    public void Note(DateTimeOffset at)
    {
        var ticks = at.UtcTicks;
        var known = Volatile.Read(ref _ticks);
        while (known < ticks)
        {
            var found = Interlocked.CompareExchange(ref _ticks, ticks, known);
            if (found == known)
            {
                return;
            }

            known = found;
        }
    }
}
