namespace Gateway.Tests.Support;

/// <summary>Measures the managed bytes that the current thread allocates.</summary>
internal static class Allocations
{
    /// <summary>
    /// The fewest bytes of several rounds of some work, which the first round has warmed up. The runtime allocates too, for example for statics
    /// and for methods that it compiles anew, but not in each round.
    /// </summary>
    public static long Least(Action work)
    {
        work();
        var least = long.MaxValue;
        for (var round = 0; round < 4; round++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            work();
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        return least;
    }
}
