namespace Gateway.Billing;

/// <summary>
/// The times at which upstream is asked for the bill of a generation that ended without one, and the clock that decides when to give up. The
/// clock counts answered time only: while upstream does not answer, or no gateway asks, it stands still.
/// </summary>
internal static class SettlementSchedule
{
    // They count from the end of the generation.
    private static readonly TimeSpan[] Early =
    [
        First, TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(4), TimeSpan.FromSeconds(8), TimeSpan.FromSeconds(15),
        TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(60),
    ];

    /// <summary>The time of the first question.</summary>
    public static TimeSpan First => TimeSpan.FromSeconds(1);

    /// <summary>The time between two later questions, and the longest time that one answer adds to the clock.</summary>
    public static TimeSpan Later => TimeSpan.FromMinutes(5);

    /// <summary>The answered time after which upstream is not asked any more.</summary>
    public static TimeSpan Last => TimeSpan.FromDays(1);

    /// <summary>The answered time after which an error that upstream has no record of costs nothing.</summary>
    public static TimeSpan LastOfError => TimeSpan.FromMinutes(10);

    /// <summary>The moment of the next question, always after <paramref name="now"/>.</summary>
    /// <param name="endedAt">When the generation ended.</param>
    /// <param name="asked">The number of questions so far.</param>
    /// <param name="now">The current time.</param>
    public static DateTimeOffset Next(DateTimeOffset endedAt, int asked, DateTimeOffset now)
    {
        var next = asked < Early.Length ? endedAt + Early[asked] : now + Later;
        return next > now ? next : now + First;
    }

    /// <summary>The clock after an answer.</summary>
    /// <param name="answered">The clock before.</param>
    /// <param name="askedBefore">When the question before was asked; without one, when the generation ended.</param>
    /// <param name="now">When this question was answered.</param>
    public static TimeSpan Advance(TimeSpan answered, DateTimeOffset askedBefore, DateTimeOffset now) =>
        answered + TimeSpan.FromTicks(Math.Clamp((now - askedBefore).Ticks, 0, Later.Ticks));
}
