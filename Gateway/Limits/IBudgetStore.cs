using Gateway.Billing;
using Gateway.Primitives;

namespace Gateway.Limits;

/// <summary>What a budget's store says to a reservation.</summary>
/// <param name="IsGranted">Whether the amount is set aside.</param>
/// <param name="Charged">What the period is charged now, this reservation included when granted.</param>
internal readonly record struct BudgetResult(bool IsGranted, PicoDollars Charged);

/// <summary>
/// Where budgets are counted: in this process, or in a Redis that several share. The ledger is the truth: a counter that is not there
/// is made from it, and one that has strayed is put right by it.
/// </summary>
internal interface IBudgetStore
{
    /// <summary>Sets an amount aside if the period's charges and it together are within the limit; all or nothing, also under concurrency.</summary>
    /// <exception cref="LimitStoreException">The store, or the ledger that a new counter is made from, failed or was too slow.</exception>
    ValueTask<BudgetResult> ReserveAsync(BudgetKey key, PicoDollars limit, Guid id, PicoDollars amount);

    /// <summary>
    /// Replaces what is set aside for <paramref name="id"/> by its charge. Told twice about one id, it counts once.
    /// </summary>
    /// <param name="key">The period that the amount was set aside in.</param>
    /// <param name="id">The reservation.</param>
    /// <param name="reserved">What was set aside.</param>
    /// <param name="charge">What it came to; zero gives all of it back.</param>
    /// <param name="isCounted">Whether the store knows the reservation: it does not when it failed and the policy let the call pass.</param>
    /// <returns>Whether the store has taken it. If not, the ledger's row is to say so, and the counter is put right later.</returns>
    ValueTask<bool> SettleAsync(BudgetKey key, Guid id, PicoDollars reserved, PicoDollars charge, bool isCounted);

    /// <summary>
    /// Forgets a period's counter, so that the next who asks makes it from the ledger: for a budget that was not counted for a while.
    /// </summary>
    void Forget(BudgetKey key);

    /// <summary>What a period is charged, for reports.</summary>
    ValueTask<PicoDollars> ReadAsync(BudgetKey key);
}
