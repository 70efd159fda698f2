namespace HopBenchmark;

/// <summary>A load for all hops in turn.</summary>
/// <param name="Title">Its heading in the report.</param>
/// <param name="Unit">The unit that is counted: requests or events.</param>
/// <param name="WarmUpAsync">One of many warm-up turns, until the hop's code is fully compiled.</param>
/// <param name="RunAsync">One round.</param>
internal sealed record Scenario(string Title, string Unit, Func<Hop, Task> WarmUpAsync, Func<Hop, Task<LoadResult>> RunAsync)
{
    /// <summary>The heading of the rows.</summary>
    public string RowTitle { get; init; } = "hop";

    /// <summary>The hop with which the CPU time of the others is compared.</summary>
    public string Baseline { get; init; } = Hop.PlainYarp;

    /// <summary>The number of concurrent streams; 0 for none.</summary>
    public int Streams { get; init; }

    public Figure PerSecond => Figure.PerSecond(Unit);

    public Figure Cpu => Figure.Cpu(Unit);

    public Figure CpuRatio => Figure.CpuRatio(Baseline);

    public Figure P99Ratio => Figure.P99Ratio(Baseline);
}
