namespace Gateway.Ledger;

/// <summary>
/// The whole days of a selection, whose settled rows are in <c>daily_sums</c>. The rows before the first and after the last of them are read
/// one by one.
/// </summary>
/// <param name="First">The first whole day, as a number of days since 1970-01-01.</param>
/// <param name="End">The day after the last whole one; <see langword="null"/> without a bound.</param>
/// <param name="HasHead">Whether the selection begins within the day before <paramref name="First"/>.</param>
/// <param name="HasTail">Whether the selection ends within the day <paramref name="End"/>.</param>
internal readonly record struct UsageDays(long First, long? End, bool HasHead, bool HasTail)
{
    /// <summary>
    /// The whole days of a selection; <see langword="null"/> if it contains none, or if the sums do not distinguish the columns that it
    /// groups or filters by.
    /// </summary>
    public static UsageDays? Of(UsageSelection selection)
    {
        if (selection.IsUnresolvedOnly
            || selection.Models.Count > 0
            || selection.Groups.Any(static group => group is not (UsageGroup.Team or UsageGroup.Key or UsageGroup.Day or UsageGroup.Month)))
        {
            return null;
        }

        // Day -1 is that of rows whose day is not known.
        var (first, head) = selection.From is { } from && from > DateTimeOffset.UnixEpoch ? Split(from) : (0, 0);
        var (end, tail) = selection.To is { } to && to > DateTimeOffset.UnixEpoch ? Split(to) : (0, 0);
        first += head > 0 ? 1 : 0;
        if (first > LastDay)
        {
            return null;
        }

        return selection.To is null ? new UsageDays(first, null, head > 0, HasTail: false)
            : first < end ? new UsageDays(first, end, head > 0, tail > 0)
            : null;
    }

    // The last day that has a time.
    private static readonly long LastDay = Split(DateTimeOffset.MaxValue).Day;

    private static (long Day, long Left) Split(DateTimeOffset time) => Math.DivRem(LedgerKeys.ToStored(time), LedgerKeys.MillisecondsPerDay);
}
