using Gateway.Primitives;

namespace Gateway.Billing;

/// <summary>Identifies one period of the budget of a team, or of one of its keys. Each period has its own counter.</summary>
/// <param name="Team">The team's id.</param>
/// <param name="Period">The kind of period.</param>
/// <param name="Start">
/// The start of the period, inclusive; <see cref="DateTimeOffset.MinValue"/> for <see cref="BudgetPeriod.Total"/>.
/// </param>
/// <param name="KeyLabel">The label of the team's key; <see langword="null"/> for the budget of the whole team.</param>
internal readonly record struct BudgetKey(string Team, BudgetPeriod Period, DateTimeOffset Start, string? KeyLabel = null)
{
    /// <summary>The period that contains a moment.</summary>
    public static BudgetKey At(string team, BudgetPeriod period, DateTimeOffset moment, string? keyLabel = null)
    {
        var day = new DateTimeOffset(moment.UtcDateTime.Date, TimeSpan.Zero);
        return new BudgetKey(team, period, period switch
        {
            BudgetPeriod.Day => day,
            BudgetPeriod.Week => day.AddDays(-(((int)day.DayOfWeek + 6) % 7)),
            BudgetPeriod.Month => new DateTimeOffset(day.Year, day.Month, 1, 0, 0, 0, TimeSpan.Zero),
            BudgetPeriod.Total => DateTimeOffset.MinValue,
            _ => throw new ArgumentOutOfRangeException(nameof(period), period, null),
        }, keyLabel);
    }

    /// <summary>Whether the budget counts the calls of a team's key.</summary>
    public bool Includes(string team, string keyLabel) => team == Team && (KeyLabel is null || keyLabel == KeyLabel);

    /// <summary>The end of the period, exclusive; <see langword="null"/> for <see cref="BudgetPeriod.Total"/>.</summary>
    public DateTimeOffset? End => Period switch
    {
        BudgetPeriod.Day => Start.AddDays(1),
        BudgetPeriod.Week => Start.AddDays(7),
        BudgetPeriod.Month => Start.AddMonths(1),
        BudgetPeriod.Total => null,
        _ => throw new InvalidOperationException($"{Period} is not a period."),
    };
}
