namespace HopBenchmark;

/// <summary>A load that every hop gets in turn.</summary>
/// <param name="Title">Its heading in the report.</param>
/// <param name="Unit">What is counted: requests or events.</param>
/// <param name="WarmUpAsync">One turn of several that run until the hop's code is compiled for good.</param>
/// <param name="RunAsync">One round.</param>
internal sealed record Scenario(string Title, string Unit, Func<Hop, Task> WarmUpAsync, Func<Hop, Task<LoadResult>> RunAsync)
{
    /// <summary>The hop whose CPU time the others' is set against.</summary>
    public string Baseline { get; init; } = Hop.PlainYarp;

    /// <summary>Streams that are open at once; 0 where there are none.</summary>
    public int Streams { get; init; }

    public Figure PerSecond => Figure.PerSecond(Unit);

    public Figure Cpu => Figure.Cpu(Unit);

    public Figure CpuRatio => Figure.CpuRatio(Baseline);
}
