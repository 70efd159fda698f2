namespace Gateway.Tests.Support;

/// <summary>
/// The system's clock, which a test can set forward: days in which nothing happens. Its timers run by the system's, so that everything else
/// takes its course.
/// </summary>
internal sealed class SkippingTime : TimeProvider
{
    private long _skipped;

    /// <summary>The sum of all skipped time.</summary>
    public TimeSpan Skipped => new(Interlocked.Read(ref _skipped));

    public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + Skipped;

    public override long GetTimestamp() => System.GetTimestamp() + (Skipped.Ticks * (TimestampFrequency / TimeSpan.TicksPerSecond));

    /// <summary>Lets time pass. A gateway that runs meanwhile sees a leap.</summary>
    public void Skip(TimeSpan time) => Interlocked.Add(ref _skipped, time.Ticks);
}
