using Gateway.Billing;
using Gateway.Primitives;

namespace Gateway.Limits;

/// <summary>The level of a team's budget.</summary>
/// <param name="Team">The id of the team.</param>
/// <param name="Limit">The amount per period.</param>
/// <param name="Spent">The charges of the current period, without open reservations.</param>
/// <param name="Reserved">The open reservations.</param>
internal readonly record struct BudgetLevel(string Team, PicoDollars Limit, PicoDollars Spent, PicoDollars Reserved)
{
    /// <summary>Reads the current level of a team's budget: that by which a call would be judged. Reserves nothing.</summary>
    /// <param name="budgets">The store of the counters.</param>
    /// <param name="period">The current period of the budget.</param>
    /// <param name="limit">The amount per period.</param>
    /// <exception cref="LimitStoreException">The store, or the ledger that seeds a new counter, failed or was too slow.</exception>
    public static async ValueTask<BudgetLevel> ReadAsync(IBudgetPreview budgets, BudgetKey period, PicoDollars limit)
    {
        var level = await budgets.PreviewAsync(period, limit, PicoDollars.Zero);
        return new BudgetLevel(period.Team, limit, level.Charged - level.Reserved, level.Reserved);
    }
}
