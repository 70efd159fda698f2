namespace HopBenchmark;

/// <summary>The events of a stream and their times.</summary>
/// <param name="Texts">The number of text events.</param>
/// <param name="Interval">The time between two text events.</param>
internal sealed record StreamSchedule(int Texts, TimeSpan Interval)
{
    // The final event of the choice, the usage and [DONE].
    private const int Closing = 3;

    /// <summary>The number of events of a whole stream.</summary>
    public int Events => Texts + Closing;

    public TimeSpan Duration => Texts * Interval;
}
