using Gateway.Billing;
using Gateway.Primitives;

namespace Gateway.Limits;

/// <summary>The result of a reservation.</summary>
/// <param name="IsGranted">Whether the amount is reserved.</param>
/// <param name="Charged">The period's charges, including this reservation if granted.</param>
/// <param name="Reserved">
/// The part of the charges that are open reservations. Known for a refusal; read after it, so it may belong to a slightly later moment.
/// </param>
internal readonly record struct BudgetResult(bool IsGranted, PicoDollars Charged, PicoDollars Reserved = default)
{
    /// <summary>The decision about another amount at the same charges.</summary>
    public BudgetResult For(PicoDollars amount, PicoDollars limit) => this with { IsGranted = Charged + amount <= limit };
}

/// <summary>
/// Counts the charges of budgets, in this process or in a shared Redis. The ledger is authoritative: missing counters are seeded from it,
/// and wrong counters are corrected from it.
/// </summary>
internal interface IBudgetStore
{
    /// <summary>Reserves an amount if the period's charges including it do not exceed the limit. Atomic, also between nodes.</summary>
    /// <exception cref="LimitStoreException">
    /// The store, or the ledger that seeds a new counter, failed or was too slow. The amount can be reserved only if
    /// <see cref="LimitStoreException.MayHaveTakenEffect"/> is true.
    /// </exception>
    ValueTask<BudgetResult> ReserveAsync(BudgetKey key, PicoDollars limit, Guid id, PicoDollars amount);

    /// <summary>Replaces the reservation of <paramref name="id"/> by its charge. Idempotent.</summary>
    /// <param name="key">The period of the reservation.</param>
    /// <param name="id">The reservation.</param>
    /// <param name="reserved">The reserved amount.</param>
    /// <param name="charge">The charge; zero releases the whole reservation.</param>
    /// <param name="isCounted">Whether the reservation was granted. It was not if the store failed and the policy allowed the call.</param>
    /// <returns>
    /// Whether the charge is counted or will be. If not, the caller marks the ledger row as uncounted, and the reconciler adds the charge.
    /// </returns>
    ValueTask<bool> SettleAsync(BudgetKey key, Guid id, PicoDollars reserved, PicoDollars charge, bool isCounted);

    /// <summary>
    /// Marks a settled charge as added, or settles it if that is still to be done, because its row is marked as uncounted: the reconciler
    /// does not add it again. Idempotent.
    /// </summary>
    /// <param name="key">The period of the reservation.</param>
    /// <param name="id">The reservation, which was granted if there is one.</param>
    /// <param name="charge">The charge.</param>
    ValueTask MarkAsync(BudgetKey key, Guid id, PicoDollars charge);

    /// <summary>
    /// Releases the reservation of a refused call whose store failed and may have granted it all the same. Does not wait for the store.
    /// </summary>
    void Release(BudgetKey key, Guid id);

    /// <summary>
    /// Changes the amount that is held for a call whose bill is not known yet. Without a granted reservation, reserves the amount regardless
    /// of the limit. Without effect if the call is settled.
    /// </summary>
    /// <param name="key">The period of the reservation.</param>
    /// <param name="id">The reservation.</param>
    /// <param name="amount">The amount.</param>
    /// <param name="isCounted">Whether the reservation was granted.</param>
    /// <returns>Whether the amount is counted or will be.</returns>
    ValueTask<bool> HoldAsync(BudgetKey key, Guid id, PicoDollars amount, bool isCounted);

    /// <summary>
    /// Removes a period's counter, so that the next reservation seeds it from the ledger. Used for a budget that was not counted for a
    /// while.
    /// </summary>
    void Forget(BudgetKey key);

    /// <summary>Reads the charges of a period, for reports.</summary>
    ValueTask<PicoDollars> ReadAsync(BudgetKey key);
}
