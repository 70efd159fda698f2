namespace HopBenchmark;

/// <summary>The result of a load at a fixed rate.</summary>
/// <param name="Latencies">The latency of each request, in the order of their due times.</param>
/// <param name="Rate">Requests per second.</param>
/// <param name="Duration">The duration of the load.</param>
/// <param name="Errors">Responses other than 200.</param>
internal sealed record PacedResult(TimeSpan[] Latencies, double Rate, TimeSpan Duration, long Errors)
{
    /// <summary>The sorted latencies of the requests that were due in each whole second.</summary>
    public IEnumerable<TimeSpan[]> Seconds() => Enumerable.Range(0, (int)(Latencies.Length / Rate))
        .Select(second => Latencies[(int)(second * Rate)..(int)((second + 1) * Rate)].Order().ToArray());
}
