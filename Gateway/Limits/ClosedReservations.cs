using Gateway.Ledger;
using Gateway.Primitives;

namespace Gateway.Limits;

/// <summary>Decides which open reservations of a memory budget the ledger has already closed.</summary>
internal static class ClosedReservations
{
    /// <summary>
    /// Reservations to close, with their final charge. An open row keeps its reservation. So does a missing row: its entry is still on the
    /// way to the ledger, and this process settles it.
    /// </summary>
    /// <param name="open">Open reservations of one counter.</param>
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
