using System.Data.Common;
using Gateway.Billing;
using Gateway.Primitives;

namespace Gateway.Ledger;

/// <summary>
/// Reads the rows that the statements of <see cref="LedgerSql"/> return. Only the type of ids differs between the stores.
/// </summary>
internal static class LedgerRows
{
    /// <summary>A row of <see cref="LedgerSql.PendingColumns"/>.</summary>
    public static PendingGeneration Pending(DbDataReader reader, Guid id) => new(
        id,
        reader.GetString(1),
        reader.IsDBNull(2) ? "" : reader.GetString(2),
        LedgerKeys.FromStored(reader.GetInt64(3)),
        LedgerKeys.FromStored(reader.GetInt64(4)),
        PicoDollars.FromStored(reader.GetInt64(5)),
        reader.GetInt32(6),
        reader.GetInt32(7) != 0,
        reader.IsDBNull(8) ? null : reader.GetInt32(8),
        reader.IsDBNull(9) ? null : reader.GetString(9),
        reader.GetString(10),
        reader.GetInt32(11) != 0,
        reader.IsDBNull(12) ? null : reader.GetInt64(12),
        TimeSpan.FromMilliseconds(reader.GetInt64(13)),
        reader.IsDBNull(14) ? null : LedgerKeys.FromStored(reader.GetInt64(14)),
        reader.IsDBNull(15) ? null : Whole(reader.GetString(15)),
        reader.GetString(16),
        reader.IsDBNull(17) ? null : reader.GetString(17));

    /// <summary>A row of <see cref="AlertSql.Columns"/>.</summary>
    public static ClaimedAlert Alert(DbDataReader reader, DateTimeOffset leasedUntil) => new(
        reader.GetString(0),
        reader.GetString(1),
        reader.GetString(2),
        LedgerKeys.FromStored(reader.GetInt64(3)),
        reader.GetInt32(4),
        leasedUntil);

    /// <summary>A row of <see cref="LedgerSql.ChargeById"/>.</summary>
    public static RowCharge Charge(DbDataReader reader, Guid id) => new(
        id,
        reader.GetString(1),
        LedgerKeys.FromStored(reader.GetInt64(2)),
        reader.GetInt32(3) < (int)GenerationState.Settled,
        PicoDollars.FromStored(reader.GetInt64(4)),
        reader.GetInt32(3) == (int)GenerationState.Unresolvable,
        PicoDollars.FromStored(reader.GetInt64(5)),
        reader.IsDBNull(6) ? null : LedgerKeys.FromStored(reader.GetInt64(6)),
        reader.GetInt32(3) == (int)GenerationState.WrittenOff,
        reader.GetString(7));

    /// <summary>A row of <see cref="LedgerSql.Unresolved"/>.</summary>
    public static UnresolvedRow Unresolved(DbDataReader reader, Guid id) => new(
        id,
        LedgerKeys.FromStored(reader.GetInt64(1)),
        reader.GetString(2),
        reader.GetString(3),
        reader.IsDBNull(4) ? null : reader.GetString(4),
        PicoDollars.FromStored(reader.GetInt64(5)));

    /// <summary>Adds a row of <see cref="LedgerSql.Charges"/> with an id to the open or the expired rows, and to the recent ones.</summary>
    public static void AddSingle(
        DbDataReader reader,
        Guid id,
        PicoDollars charge,
        Guid firstRecent,
        Dictionary<Guid, PicoDollars> open,
        List<Guid> expired,
        List<Guid> recent)
    {
        // A held row counts as open: the budget stops counting it after a time, and a late bill may still settle it.
        var (state, isHeld, isRecent) = (reader.GetInt32(5), reader.GetInt32(6) != 0, id.CompareTo(firstRecent) >= 0);
        if (state < (int)GenerationState.Settled || isHeld)
        {
            open.Add(id, charge);
        }
        else if (state > (int)GenerationState.Settled)
        {
            expired.Add(id);
        }

        if (isRecent)
        {
            recent.Add(id);
        }
    }

    /// <summary>A row of <see cref="UsageSql.Query"/>.</summary>
    /// <param name="reader">The reader at the row.</param>
    /// <param name="groups">The number of the group's members.</param>
    public static UsageRow Usage(DbDataReader reader, int groups) => new(
        [.. Enumerable.Range(0, groups).Select(reader.GetString)],
        reader.GetInt64(groups),
        reader.GetInt64(groups + 1),
        reader.GetInt64(groups + 2),
        LedgerSums.FromSums(reader.GetInt64(groups + 3), reader.GetInt64(groups + 4)),
        reader.GetInt64(groups + 5));

    /// <summary>A name to compare; <see langword="null"/> if the ledger may have cut it.</summary>
    private static string? Whole(string name) => name.Length < LedgerSanitizer.MaxTextLength - 1 ? name : null;
}
