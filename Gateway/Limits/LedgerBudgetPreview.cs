using Gateway.Billing;
using Gateway.Ledger;
using Gateway.Primitives;

namespace Gateway.Limits;

/// <summary>Previews a budget from the ledger alone. A running gateway may have reserved more in memory.</summary>
/// <param name="ledger">The ledger, open.</param>
/// <param name="terms">The terms by which budgets count rows.</param>
internal sealed class LedgerBudgetPreview(ILedgerStore ledger, BudgetTerms terms) : IBudgetPreview
{
    /// <inheritdoc />
    public async ValueTask<BudgetResult> PreviewAsync(BudgetKey key, PicoDollars limit, PicoDollars amount)
    {
        var charges = await LimitStores.SeedAsync(ledger, terms, key, DateTimeOffset.MaxValue);
        var reserved = PicoDollars.Zero;
        foreach (var (_, held) in charges.Open)
        {
            reserved += held;
        }

        return new BudgetResult(false, charges.Charged, reserved).For(amount, limit);
    }
}
