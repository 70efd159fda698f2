using Gateway.Ledger;
using Gateway.Primitives;

namespace Gateway.Limits;

/// <summary>Finds the open reservations of a memory budget whose ledger rows are closed.</summary>
internal static class ClosedReservations
{
    /// <summary>
    /// The age up to which a late bill may settle an unresolvable row. Calls end within hours, and a call that ends reports its own bill.
    /// </summary>
    internal static readonly TimeSpan LateBill = TimeSpan.FromDays(1);

    /// <summary>
    /// The reservations to close, with the charges of their rows. A reservation with an open row stays open. A reservation without a row
    /// stays open, too: its entry is still queued for the ledger, and this process settles it. The
    /// reservation of an unresolvable row stays open until no late bill can follow; its charge is the reservation.
    /// </summary>
    /// <param name="open">The open reservations of one counter.</param>
    /// <param name="rows">The ledger's rows by id.</param>
    /// <param name="now">The current time.</param>
    public static IEnumerable<(Guid Id, PicoDollars Charge)> Of(
        IEnumerable<Guid> open, IReadOnlyDictionary<Guid, RowCharge> rows, DateTimeOffset now)
    {
        foreach (var id in open)
        {
            if (rows.TryGetValue(id, out var row) && !row.IsOpen && !(row.IsUnresolvable && now - row.StartedAt < LateBill))
            {
                yield return (id, row.Charge);
            }
        }
    }
}
