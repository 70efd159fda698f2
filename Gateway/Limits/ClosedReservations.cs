using Gateway.Billing;
using Gateway.Ledger;
using Gateway.Primitives;

namespace Gateway.Limits;

/// <summary>Compares the open reservations of a memory budget with their ledger rows.</summary>
internal static class ClosedReservations
{
    /// <summary>
    /// The age of a reservation without a row after which its row was removed. A younger one may have an entry in the ledger's queue.
    /// </summary>
    internal static readonly TimeSpan LongestQueue = TimeSpan.FromDays(1);

    /// <summary>The new state of a reservation.</summary>
    /// <param name="Id">The reservation.</param>
    /// <param name="Charge">The amount that the budget counts from now on.</param>
    /// <param name="IsOpen">Whether the reservation stays open, with this amount.</param>
    /// <param name="IsExpired">
    /// Whether nothing counts any more although the bill is unknown. A late bill is still added.
    /// </param>
    public readonly record struct Change(Guid Id, PicoDollars Charge, bool IsOpen, bool IsExpired);

    /// <summary>
    /// The reservations to change. A reservation with an open row stays open, with the amount of the row; that of an unresolvable row stays
    /// open as long as the row counts. A reservation without a row stays open, too: its entry is still queued for the ledger, and this
    /// process settles it.
    /// </summary>
    /// <param name="key">The period of the counter.</param>
    /// <param name="open">The open reservations of the counter.</param>
    /// <param name="rows">The ledger's rows by id.</param>
    /// <param name="terms">The terms by which budgets count rows.</param>
    /// <param name="now">The current time.</param>
    public static IEnumerable<Change> Of(
        BudgetKey key, IEnumerable<Guid> open, IReadOnlyDictionary<Guid, RowCharge> rows, BudgetTerms terms, DateTimeOffset now)
    {
        var firstQueued = LedgerKeys.FirstAt(now - LongestQueue);
        foreach (var id in open)
        {
            if (!rows.TryGetValue(id, out var row))
            {
                if (id.CompareTo(firstQueued) < 0)
                {
                    yield return new Change(id, PicoDollars.Zero, IsOpen: false, IsExpired: true);
                }
            }
            else
            {
                yield return new Change(id, terms.ChargeOf(key, row), terms.IsHeld(row), terms.IsExpired(row));
            }
        }
    }
}
