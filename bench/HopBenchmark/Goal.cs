namespace HopBenchmark;

/// <summary>A goal and how it was met.</summary>
/// <param name="What">What it is about, with the unit.</param>
/// <param name="Limit">The most that it allows.</param>
/// <param name="Measured">What was measured.</param>
/// <param name="Peers">What was measured of others in the same run.</param>
internal sealed record Goal(string What, double Limit, Series Measured, IReadOnlyList<Series?> Peers)
{
    // The noise is no smaller.
    private const double Tolerance = 1.10;

    public bool IsMissed => !(Measured.Value <= Limit * Tolerance);

    public string Verdict => Measured.Value <= Limit ? "met" : IsMissed ? "**missed**" : "reached (within 10 %)";
}
