using Gateway.Primitives;

namespace Gateway.Limits;

/// <summary>The settlement of a call in the budget of its team and in that of its key.</summary>
/// <param name="IsCounted">
/// Whether the charge is counted in both, or will be. If not, the ledger row is marked as uncounted, and the reconciler adds the charge to
/// both.
/// </param>
/// <param name="Fault">An exception that the store does not document. The call is not counted then.</param>
internal readonly record struct BudgetSettlement(bool IsCounted, Exception? Fault)
{
    /// <summary>Replaces the reservations of a call by its charges. Idempotent.</summary>
    /// <param name="budgets">The store.</param>
    /// <param name="id">The reservation.</param>
    /// <param name="reserved">The reserved amount.</param>
    /// <param name="team">The charge in the team's budget; <see langword="null"/> without one.</param>
    /// <param name="key">The charge in the key's budget; <see langword="null"/> without one.</param>
    public static async ValueTask<BudgetSettlement> SettleAsync(
        IBudgetStore budgets, Guid id, PicoDollars reserved, BudgetCharge? team, BudgetCharge? key)
    {
        var first = await SettleAsync(budgets, id, reserved, team);
        if (key is null)
        {
            return first;
        }

        var second = await SettleAsync(budgets, id, reserved, key);
        Exception? fault = null;
        if (team is not null && first.IsCounted != second.IsCounted)
        {
            // The row has one mark for both budgets. A charge that is marked as added is not added again by the reconciler.
            var counted = first.IsCounted ? team.Value : key.Value;
            fault = await MarkAsync(budgets, id, counted);
        }

        return new BudgetSettlement(first.IsCounted && second.IsCounted, first.Fault ?? second.Fault ?? fault);
    }

#pragma warning disable CA1031 // Any exception of the store: the other budget is settled all the same.
    private static async ValueTask<BudgetSettlement> SettleAsync(IBudgetStore budgets, Guid id, PicoDollars reserved, BudgetCharge? charge)
    {
        try
        {
            return new BudgetSettlement(
                charge is not var (key, amount, isCounted) || await budgets.SettleAsync(key, id, reserved, amount, isCounted), null);
        }
        catch (Exception fault)
        {
            return new BudgetSettlement(false, fault);
        }
    }

    private static async ValueTask<Exception?> MarkAsync(IBudgetStore budgets, Guid id, BudgetCharge charge)
    {
        try
        {
            await budgets.MarkAsync(charge.Key, id, charge.Amount);
            return null;
        }
        catch (Exception fault)
        {
            return fault;
        }
    }
#pragma warning restore CA1031
}
