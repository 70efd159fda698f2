namespace HopBenchmark;

/// <summary>What a load saw of a hop.</summary>
/// <param name="Count">Requests answered, or events received.</param>
/// <param name="Duration">How long it took.</param>
/// <param name="P50">Median latency; for streams, of the first event.</param>
/// <param name="P99">99th percentile of the same.</param>
/// <param name="Errors">Answers that were no 200, broken connections, lost events.</param>
internal sealed record LoadResult(long Count, TimeSpan Duration, TimeSpan P50, TimeSpan P99, long Errors)
{
    /// <summary>Summarises latencies, which it sorts.</summary>
    public static LoadResult Of(long count, TimeSpan duration, TimeSpan[] latencies, long errors)
    {
        Array.Sort(latencies);
        return new LoadResult(count, duration, latencies[latencies.Length / 2], latencies[latencies.Length * 99 / 100], errors);
    }
}
