using Gateway.Billing;
using Gateway.Primitives;

namespace Gateway.Limits;

/// <summary>Previews the answers of <see cref="IBudgetStore"/> at the moment, and reserves nothing.</summary>
internal interface IBudgetPreview
{
    /// <summary>
    /// The result of <see cref="IBudgetStore.ReserveAsync"/>, with the charges without the amount, and with the open reservations whether it
    /// is granted or not.
    /// </summary>
    /// <exception cref="LimitStoreException">The store, or the ledger that seeds a new counter, failed or was too slow.</exception>
    ValueTask<BudgetResult> PreviewAsync(BudgetKey key, PicoDollars limit, PicoDollars amount);
}
