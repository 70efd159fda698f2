using Gateway.Primitives;

namespace Gateway.Billing;

/// <summary>Why a budget does not cover a request.</summary>
/// <param name="Needed">The amount to reserve.</param>
/// <param name="Limit">The amount per period.</param>
/// <param name="Charged">The period's charges, including open reservations.</param>
/// <param name="Reserved">The part of the charges that are open reservations.</param>
/// <param name="ResetsAt">The end of the period; <see langword="null"/> if it has none.</param>
internal readonly record struct BudgetShortfall(
    PicoDollars Needed, PicoDollars Limit, PicoDollars Charged, PicoDollars Reserved, DateTimeOffset? ResetsAt)
{
    /// <summary>Whether the budget is that of the key; otherwise it is the team's.</summary>
    public bool IsOfKey { get; init; }

    /// <summary>The amount that may still be reserved.</summary>
    public PicoDollars Left => PicoDollars.Max(Limit - Charged, PicoDollars.Zero);

    /// <summary>Whether the settled charges leave room for the request, so that only open reservations are in the way.</summary>
    public bool IsReservedOnly => Charged - Reserved + Needed <= Limit;
}
