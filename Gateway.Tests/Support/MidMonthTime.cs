namespace Gateway.Tests.Support;

/// <summary>
/// The system's clock, set to the middle of the month and of the day: no day and no month ends between two steps of a test.
/// </summary>
internal sealed class MidMonthTime : TimeProvider
{
    private readonly TimeSpan _offset;

    public MidMonthTime()
    {
        var now = System.GetUtcNow();
        _offset = new DateTimeOffset(now.Year, now.Month, 15, 12, 0, 0, TimeSpan.Zero) - now;
    }

    public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + _offset;
}
