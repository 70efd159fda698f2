namespace HopBenchmark;

/// <summary>What is measured, a column of a table.</summary>
/// <param name="Name">Its heading, with the unit.</param>
/// <param name="Digits">Digits behind the point.</param>
/// <param name="Summary">What the table says of the rounds' values.</param>
internal sealed record Figure(string Name, int Digits, Summary Summary = Summary.Median)
{
    public static Figure P50 { get; } = new("p50 µs", 0);

    public static Figure P99 { get; } = new("p99 µs", 0);

    /// <summary>What a hop adds to the direct way's median, round by round.</summary>
    public static Figure AddedP50 { get; } = new("adds to p50 µs", 0, Summary.MedianAndSpread);

    /// <summary>What a hop adds to the direct way's 99th percentile, round by round.</summary>
    public static Figure AddedP99 { get; } = new("adds to p99 µs", 0, Summary.MedianAndSpread);

    /// <summary>The most memory resident in a round.</summary>
    public static Figure Peak { get; } = new("peak MB", 0, Summary.Most);

    /// <summary>Peak resident memory over that of the warm and idle hop, shared out among the streams of a round.</summary>
    public static Figure StreamKilobytes { get; } = new("KB a stream", 1, Summary.MedianAndSpread);

    /// <summary>Answers that were no 200, broken connections, lost events.</summary>
    public static Figure Errors { get; } = new("errors", 0, Summary.Sum);

    /// <summary>Requests or events a second.</summary>
    public static Figure PerSecond(string unit) => new($"{unit}s/s", 0);

    /// <summary>The hop's own CPU time for a request or event.</summary>
    public static Figure Cpu(string unit) => new($"CPU µs/{unit}", 1, Summary.MedianAndSpread);

    /// <summary>CPU time as a multiple of another hop's, round by round, since a slow spell of the machine hits neighbours alike.</summary>
    public static Figure CpuRatio(string baseline) => new($"CPU ÷ {baseline}", 2, Summary.MedianAndSpread);
}

/// <summary>What a table says of a figure's values.</summary>
internal enum Summary
{
    Median,
    MedianAndSpread,
    Most,
    Sum,
}
