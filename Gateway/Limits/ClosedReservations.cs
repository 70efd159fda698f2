using Gateway.Ledger;
using Gateway.Primitives;

namespace Gateway.Limits;

/// <summary>Finds the open reservations of a memory budget whose ledger rows are closed.</summary>
internal static class ClosedReservations
{
    /// <summary>
    /// The reservations to close, with the charges of their rows. A reservation with an open row stays open. A reservation without a row
    /// stays open, too: its entry is still queued for the ledger, and this process settles it.
    /// </summary>
    /// <param name="open">The open reservations of one counter.</param>
    /// <param name="rows">The ledger's rows by id.</param>
    public static IEnumerable<(Guid Id, PicoDollars Charge)> Of(IEnumerable<Guid> open, IReadOnlyDictionary<Guid, RowCharge> rows)
    {
        foreach (var id in open)
        {
            if (rows.TryGetValue(id, out var row) && !row.IsOpen)
            {
                yield return (id, row.Charge);
            }
        }
    }
}
