namespace Gateway.Billing;

/// <summary>The times at which upstream is asked for the bill of a generation that ended without one. They count from its end.</summary>
internal static class SettlementSchedule
{
    private static readonly TimeSpan[] Early =
    [
        First, TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(4), TimeSpan.FromSeconds(8), TimeSpan.FromSeconds(15),
        TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(60),
    ];

    private static readonly TimeSpan Later = TimeSpan.FromMinutes(5);

    /// <summary>The time of the first request.</summary>
    public static TimeSpan First => TimeSpan.FromSeconds(1);

    /// <summary>The time after which upstream is not asked any more.</summary>
    public static TimeSpan Last => TimeSpan.FromDays(1);

    /// <summary>The number of requests with growing delays, before the constant delay.</summary>
    public static int EarlyCount => Early.Length;

    /// <summary>
    /// The moment of the next request, always after <paramref name="now"/>; <see langword="null"/> after <see cref="Last"/>.
    /// </summary>
    /// <param name="endedAt">When the generation ended.</param>
    /// <param name="asked">The number of requests so far.</param>
    /// <param name="now">The current time.</param>
    public static DateTimeOffset? Next(DateTimeOffset endedAt, int asked, DateTimeOffset now)
    {
        if (now - endedAt >= Last)
        {
            return null;
        }

        var next = asked < Early.Length ? endedAt + Early[asked] : now + Later;
        return next > now ? next : now + First;
    }
}
