namespace HopBenchmark;

/// <summary>The result of a load on a hop.</summary>
/// <param name="Count">The number of successful requests, or of received events.</param>
/// <param name="Duration">The duration of the load.</param>
/// <param name="P50">Median latency; for streams, of an event from its sender to its reader.</param>
/// <param name="P99">99th percentile of the same.</param>
/// <param name="Longest">The longest of the same.</param>
/// <param name="Errors">Responses other than 200, broken connections, lost events.</param>
internal sealed record LoadResult(long Count, TimeSpan Duration, TimeSpan P50, TimeSpan P99, TimeSpan Longest, long Errors)
{
    public double CountPerSecond => Count / Duration.TotalSeconds;

    /// <summary>Summarises latencies, and sorts them in place.</summary>
    public static LoadResult Of(long count, TimeSpan duration, TimeSpan[] latencies, long errors)
    {
        Array.Sort(latencies);
        return new LoadResult(
            count, duration, Percentile(latencies, 50), Percentile(latencies, 99), latencies.LastOrDefault(), errors);
    }

    /// <summary>A percentile of sorted latencies; zero if there are none.</summary>
    public static TimeSpan Percentile(ReadOnlySpan<TimeSpan> sorted, int percent) =>
        sorted.IsEmpty ? TimeSpan.Zero : sorted[(int)((long)sorted.Length * percent / 100)];
}
