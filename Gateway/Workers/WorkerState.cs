namespace Gateway.Workers;

/// <summary>How the turns of one worker went. The worker writes it, metrics read it.</summary>
internal sealed class WorkerState(string name)
{
    private long _failures;
    private long _streak;

    /// <summary>The name of the worker.</summary>
    public string Name => name;

    /// <summary>Whether the last turn failed.</summary>
    public bool IsFailing => Volatile.Read(ref _streak) > 0;

    /// <summary>Turns that failed since the start of the process.</summary>
    public long Failures => Volatile.Read(ref _failures);

    /// <summary>Notes a failed turn.</summary>
    /// <returns>Whether it is the first of a streak.</returns>
    public bool Fail()
    {
        Interlocked.Increment(ref _failures);
        return Interlocked.Increment(ref _streak) == 1;
    }

    /// <summary>Notes a turn without failure.</summary>
    /// <returns>How many turns failed directly before it.</returns>
    public long Succeed() => Interlocked.Exchange(ref _streak, 0);
}
