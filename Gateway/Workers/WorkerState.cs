namespace Gateway.Workers;

/// <summary>Counts the failed turns of one worker. The worker writes the counts; metrics read them.</summary>
internal sealed class WorkerState(string name)
{
    private long _failures;
    private long _streak;

    public string Name => name;

    /// <summary>Whether the last turn failed.</summary>
    public bool IsFailing => Volatile.Read(ref _streak) > 0;

    /// <summary>The number of failed turns since the start of the process.</summary>
    public long Failures => Volatile.Read(ref _failures);

    /// <summary>Counts a failed turn.</summary>
    /// <returns>Whether it is the first one of a streak.</returns>
    public bool Fail()
    {
        Interlocked.Increment(ref _failures);
        return Interlocked.Increment(ref _streak) == 1;
    }

    /// <summary>Ends a streak of failed turns.</summary>
    /// <returns>The length of the streak; zero if the previous turn succeeded, too.</returns>
    public long Succeed() => Interlocked.Exchange(ref _streak, 0);
}
