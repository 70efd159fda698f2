using Gateway.Primitives;

namespace Gateway.SelfService;

/// <summary>A budget and the charges of its current period, including open reservations.</summary>
/// <param name="Limit">The amount per period.</param>
/// <param name="Charged">The charges.</param>
internal readonly record struct BudgetBalance(PicoDollars Limit, PicoDollars Charged)
{
    /// <summary>The amount that may still be reserved.</summary>
    public PicoDollars Left => PicoDollars.Max(Limit - Charged, PicoDollars.Zero);
}
