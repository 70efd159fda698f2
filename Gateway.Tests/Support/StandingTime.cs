namespace Gateway.Tests.Support;

/// <summary>
/// A clock that shows one moment for ever, while its timers run by the system's: workers take their turns, and no limit that is measured from
/// one moment to another is over before a slow machine has taken its steps.
/// </summary>
internal sealed class StandingTime : TimeProvider
{
    private readonly DateTimeOffset _now = System.GetUtcNow();
    private readonly long _timestamp = System.GetTimestamp();

    public override DateTimeOffset GetUtcNow() => _now;

    public override long GetTimestamp() => _timestamp;
}
