using System.Globalization;
using Gateway.Billing;
using Gateway.Ledger;
using StackExchange.Redis;

namespace Gateway.Limits;

/// <summary>The keys and fields that <see cref="RedisBudgetScripts"/> use.</summary>
/// <param name="keyPrefix">The prefix of every key.</param>
/// <param name="ledger">The ledger, whose id is part of fields.</param>
internal sealed class RedisBudgetNames(string keyPrefix, LedgerAccess ledger)
{
    /// <summary>The field that marks the ledger's charges as included.</summary>
    public string Mark => "s:" + LedgerId;

    /// <summary>The start of the fields of this ledger's reservations.</summary>
    public string FieldStart => "r:" + LedgerId + ":";

    /// <exception cref="LimitStoreException">The ledger is not open. No reservation of this process has been granted then.</exception>
    private string LedgerId => ledger.IsOpen ? ledger.Store.LedgerId : throw new LimitStoreException("The ledger is not open.");

    /// <summary>The field of a reservation.</summary>
    public string FieldOf(Guid id) => FieldStart + id.ToString("N");

    /// <summary>The field that marks an uncounted charge as added.</summary>
    public static string DoneField(Guid id) => "d:" + id.ToString("N");

    /// <summary>The field that marks a call as expired: it counts nothing although its bill is unknown.</summary>
    public static string ExpiredField(Guid id) => "e:" + id.ToString("N");

    /// <summary>A new key for the marks of a seed, in the slot of the period.</summary>
    public RedisKey NewMarksOf(BudgetKey key) => KeyOf(key).Append($":seed:{Guid.NewGuid():N}");

    /// <summary>The key of a period. The part in braces determines the slot of a Redis cluster.</summary>
    public RedisKey KeyOf(BudgetKey key)
    {
        var start = key.End is null ? "0" : key.Start.ToString("yyyyMMdd", CultureInfo.InvariantCulture);
        var label = key.KeyLabel is { } own ? $":key:{own}" : "";
        return $"{keyPrefix}budget:{{{key.Team}}}:{key.Period}:{start}{label}";
    }
}
