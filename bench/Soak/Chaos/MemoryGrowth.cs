namespace Soak.Chaos;

/// <summary>The resident memory of a process under load: after its warm-up, and at the end.</summary>
/// <param name="Warm">The median of the minute after the warm-up, in megabytes.</param>
/// <param name="End">The median of the last minute, in megabytes.</param>
internal sealed record MemoryGrowth(double Warm, double End)
{
    // Compiled code, pools, and the budget of the garbage collector.
    private static readonly TimeSpan WarmUp = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    // Two minutes from window to window.
    private static readonly TimeSpan LongEnough = TimeSpan.FromMinutes(5);

    /// <param name="samples">The samples of a process.</param>
    /// <param name="load">How long it was under load.</param>
    /// <returns><see langword="null"/> if the load was too short to judge.</returns>
    public static MemoryGrowth? Of(IReadOnlyList<Sample> samples, TimeSpan load) =>
        load < LongEnough ? null : new MemoryGrowth(Median(samples, WarmUp), Median(samples, load - Window));

    private static double Median(IReadOnlyList<Sample> samples, TimeSpan from)
    {
        var sizes = samples.Where(sample => sample.At >= from && sample.At <= from + Window)
            .Select(sample => sample.Megabytes)
            .Order()
            .ToList();
        return sizes[sizes.Count / 2];
    }
}
