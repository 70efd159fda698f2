namespace Gateway.Billing;

/// <summary>When upstream is asked for the bill of a generation that ended without one, counted from its end.</summary>
internal static class SettlementSchedule
{
    private static readonly TimeSpan[] Early =
    [
        First, TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(4), TimeSpan.FromSeconds(8), TimeSpan.FromSeconds(15),
        TimeSpan.FromSeconds(30), TimeSpan.FromSeconds(60),
    ];

    private static readonly TimeSpan Later = TimeSpan.FromMinutes(5);

    /// <summary>The first question.</summary>
    public static TimeSpan First => TimeSpan.FromSeconds(1);

    /// <summary>When nobody asks any more.</summary>
    public static TimeSpan Last => TimeSpan.FromDays(1);

    /// <summary>How many questions are asked in quick succession.</summary>
    public static int EarlyCount => Early.Length;

    /// <summary>The moment of the next question, never before <paramref name="now"/>; <see langword="null"/> when a day is over.</summary>
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
