namespace HopBenchmark;

/// <summary>What a load saw of a hop.</summary>
/// <param name="Count">Requests answered, or events received.</param>
/// <param name="Duration">How long it took.</param>
/// <param name="P50">Median latency; for streams, of an event from its sender to its reader.</param>
/// <param name="P99">99th percentile of the same.</param>
/// <param name="Errors">Answers that were no 200, broken connections, lost events.</param>
internal sealed record LoadResult(long Count, TimeSpan Duration, TimeSpan P50, TimeSpan P99, long Errors)
{
    public double CountPerSecond => Count / Duration.TotalSeconds;

    /// <summary>Summarises latencies, which it sorts.</summary>
    public static LoadResult Of(long count, TimeSpan duration, TimeSpan[] latencies, long errors)
    {
        Array.Sort(latencies);
        return new LoadResult(count, duration, Percentile(latencies, 50), Percentile(latencies, 99), errors);
    }

    /// <summary>A percentile of sorted latencies; nothing where there are none.</summary>
    public static TimeSpan Percentile(ReadOnlySpan<TimeSpan> sorted, int percent) =>
        sorted.IsEmpty ? TimeSpan.Zero : sorted[(int)((long)sorted.Length * percent / 100)];
}
