namespace HopBenchmark;

/// <summary>One round of one hop.</summary>
/// <param name="Load">What the load saw.</param>
/// <param name="Cpu">The hop's own CPU time in the round; <see langword="null"/> where there is no hop.</param>
/// <param name="PeakMegabytes">The hop's peak resident memory in the round.</param>
internal sealed record Measurement(LoadResult Load, TimeSpan? Cpu, double? PeakMegabytes)
{
    public double CountPerSecond => Load.Count / Load.Duration.TotalSeconds;

    public double? CpuMicroseconds => Cpu?.TotalMicroseconds / Load.Count;
}
