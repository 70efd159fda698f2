using Gateway.Billing;
using Gateway.Primitives;

namespace Gateway.Limits;

/// <summary>The level of the budget of a team or of one of its keys.</summary>
/// <param name="Team">The id of the team.</param>
/// <param name="KeyLabel">The label of the key; <see langword="null"/> for the team's budget.</param>
/// <param name="Limit">The amount per period.</param>
/// <param name="Spent">The charges of the current period, without open reservations.</param>
/// <param name="Reserved">The open reservations.</param>
internal readonly record struct BudgetLevel(string Team, string? KeyLabel, PicoDollars Limit, PicoDollars Spent, PicoDollars Reserved)
{
    /// <summary>Reads the current level of a budget: that by which a call would be judged. Reserves nothing.</summary>
    /// <param name="budgets">The store of the counters.</param>
    /// <param name="period">The current period of the budget.</param>
    /// <param name="limit">The amount per period.</param>
    /// <exception cref="LimitStoreException">The store, or the ledger that seeds a new counter, failed or was too slow.</exception>
    public static async ValueTask<BudgetLevel> ReadAsync(IBudgetPreview budgets, BudgetKey period, PicoDollars limit)
    {
        var level = await budgets.PreviewAsync(period, limit, PicoDollars.Zero);
        return new BudgetLevel(period.Team, period.KeyLabel, limit, level.Charged - level.Reserved, level.Reserved);
    }
}
