namespace HopBenchmark;

/// <summary>A measured quantity, a column of a table.</summary>
/// <param name="Name">Its heading, with the unit.</param>
/// <param name="Digits">Digits after the decimal point.</param>
/// <param name="Summary">The summary of the rounds' values in the table.</param>
internal sealed record Figure(string Name, int Digits, Summary Summary = Summary.Median)
{
    public static Figure P50 { get; } = new("p50 µs", 0);

    public static Figure P99 { get; } = new("p99 µs", 0);

    /// <summary>The longest latency.</summary>
    public static Figure Longest { get; } = new("longest µs", 0);

    /// <summary>The latency that a hop adds to the median of the direct connection, round by round.</summary>
    public static Figure AddedP50 { get; } = new("adds to p50 µs", 0, Summary.MedianAndSpread);

    /// <summary>The latency that a hop adds to the 99th percentile of the direct connection, round by round.</summary>
    public static Figure AddedP99 { get; } = new("adds to p99 µs", 0, Summary.MedianAndSpread);

    /// <summary>The latency that a hop adds to the longest of the direct connection, round by round.</summary>
    public static Figure AddedLongest { get; } = new("adds to longest µs", 0, Summary.MedianAndSpread);

    /// <summary>The peak resident memory of a round.</summary>
    public static Figure Peak { get; } = new("peak MB", 0, Summary.Most);

    /// <summary>Peak resident memory above that of the warm and idle hop, divided by the number of streams.</summary>
    public static Figure StreamKilobytes { get; } = new("KB a stream", 1, Summary.MedianAndSpread);

    /// <summary>Responses other than 200, broken connections, lost events.</summary>
    public static Figure Errors { get; } = new("errors", 0, Summary.Sum);

    /// <summary>Requests or events per second.</summary>
    public static Figure PerSecond(string unit) => new($"{unit}s/s", 0);

    /// <summary>The CPU time of the hop per request or event.</summary>
    public static Figure Cpu(string unit) => new($"CPU µs/{unit}", 1, Summary.MedianAndSpread);

    /// <summary>
    /// CPU time as a multiple of another hop's, round by round, since a slow phase of the machine affects adjacent measurements alike.
    /// </summary>
    public static Figure CpuRatio(string baseline) => new($"CPU ÷ {baseline}", 2, Summary.MedianAndSpread);

    /// <summary>The 99th percentile of latency as a multiple of another hop's, round by round.</summary>
    public static Figure P99Ratio(string baseline) => new($"p99 ÷ {baseline}", 2, Summary.MedianAndSpread);
}

/// <summary>The summaries of a figure's values.</summary>
internal enum Summary
{
    Median,
    MedianAndSpread,
    Most,
    Sum,
}
