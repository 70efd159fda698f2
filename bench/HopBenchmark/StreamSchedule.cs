namespace HopBenchmark;

/// <summary>What a stream sends and when.</summary>
/// <param name="Texts">Events of text.</param>
/// <param name="Interval">The time from one of them to the next.</param>
internal sealed record StreamSchedule(int Texts, TimeSpan Interval)
{
    // The last event of the choice, the usage and [DONE].
    private const int Closing = 3;

    /// <summary>How many events a whole stream has.</summary>
    public int Events => Texts + Closing;

    public TimeSpan Duration => Texts * Interval;
}
