namespace HopBenchmark;

/// <summary>A goal and its result.</summary>
/// <param name="What">The measured quantity, with the unit.</param>
/// <param name="Limit">The maximum value.</param>
/// <param name="Measured">The measured values.</param>
/// <param name="Peers">The values of peers in the same run.</param>
internal sealed record Goal(string What, double Limit, Series Measured, IReadOnlyList<Series?> Peers)
{
    // The noise of a measurement is about this large.
    private const double Tolerance = 1.10;

    public bool IsMissed => !(Measured.Value <= Limit * Tolerance);

    public string Verdict => Measured.Value <= Limit ? "met" : IsMissed ? "**missed**" : "reached (within 10 %)";
}
