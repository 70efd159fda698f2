namespace HopBenchmark;

/// <summary>What a load at a fixed rate saw.</summary>
/// <param name="Latencies">Of each request, in the order in which they were due.</param>
/// <param name="Rate">Requests a second.</param>
/// <param name="Duration">How long it took.</param>
/// <param name="Errors">Answers that were no 200.</param>
internal sealed record PacedResult(TimeSpan[] Latencies, double Rate, TimeSpan Duration, long Errors)
{
    /// <summary>The sorted latencies of the requests that were due in each whole second.</summary>
    public IEnumerable<TimeSpan[]> Seconds() => Enumerable.Range(0, (int)(Latencies.Length / Rate))
        .Select(second => Latencies[(int)(second * Rate)..(int)((second + 1) * Rate)].Order().ToArray());
}
