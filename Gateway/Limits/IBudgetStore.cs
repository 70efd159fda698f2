using Gateway.Billing;
using Gateway.Primitives;

namespace Gateway.Limits;

/// <summary>The result of a reservation.</summary>
/// <param name="IsGranted">Whether the amount is reserved.</param>
/// <param name="Charged">The period's charges, including this reservation if granted.</param>
internal readonly record struct BudgetResult(bool IsGranted, PicoDollars Charged);

/// <summary>
/// Counts budgets, in this process or in a shared Redis. The ledger is authoritative: missing counters are loaded from it, and wrong ones
/// are corrected by it.
/// </summary>
internal interface IBudgetStore
{
    /// <summary>Reserves an amount if it and the period's charges are within the limit together. Atomic, also between nodes.</summary>
    /// <exception cref="LimitStoreException">
    /// The store, or the ledger that a new counter is loaded from, failed or was too slow.
    /// </exception>
    ValueTask<BudgetResult> ReserveAsync(BudgetKey key, PicoDollars limit, Guid id, PicoDollars amount);

    /// <summary>Replaces the reservation of <paramref name="id"/> by its charge. Idempotent.</summary>
    /// <param name="key">The period of the reservation.</param>
    /// <param name="id">The reservation.</param>
    /// <param name="reserved">The reserved amount.</param>
    /// <param name="charge">The charge; zero releases the whole reservation.</param>
    /// <param name="isCounted">Whether the store has the reservation; not if it failed and the policy allowed the call.</param>
    /// <returns>
    /// Whether the store has recorded the charge. If not, mark the ledger's row as uncounted; the counter is corrected later.
    /// </returns>
    ValueTask<bool> SettleAsync(BudgetKey key, Guid id, PicoDollars reserved, PicoDollars charge, bool isCounted);

    /// <summary>
    /// Removes a period's counter, so that the next reservation loads it from the ledger: for a budget that was not counted for a while.
    /// </summary>
    void Forget(BudgetKey key);

    /// <summary>The charges of a period, for reports.</summary>
    ValueTask<PicoDollars> ReadAsync(BudgetKey key);
}
