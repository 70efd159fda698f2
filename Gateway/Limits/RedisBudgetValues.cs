using System.Globalization;
using Gateway.Primitives;
using StackExchange.Redis;

namespace Gateway.Limits;

/// <summary>Converts amounts to the arguments of <see cref="RedisBudgetScripts"/>, and reads their replies.</summary>
internal static class RedisBudgetValues
{
    /// <summary>An amount as an argument.</summary>
    public static string Stored(PicoDollars amount) => amount.ToStored().ToString(CultureInfo.InvariantCulture);

    /// <summary>The amount of a reservation.</summary>
    /// <exception cref="LimitStoreException">The value is no amount.</exception>
    public static PicoDollars Reserved(string? value) =>
        long.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var amount)
            ? PicoDollars.FromStored(amount)
            : throw Unexpected();

    /// <summary>A reply that is a number.</summary>
    /// <exception cref="LimitStoreException">The reply is none.</exception>
    public static long Number(RedisResult reply) => reply.Resp2Type == ResultType.Integer ? (long)reply : throw Unexpected();

    /// <summary>Reads a code and the total of a counter. Returns false if the ledger's charges are missing.</summary>
    /// <exception cref="LimitStoreException">The reply is another one.</exception>
    public static bool TryRead(RedisResult reply, out long code, out PicoDollars total)
    {
        if (reply.Length is not (2 or 3)
            || reply[0].Resp2Type != ResultType.Integer
            || !long.TryParse((string?)reply[1], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var amount))
        {
            throw Unexpected();
        }

        code = (long)reply[0];
        total = PicoDollars.FromStored(amount);
        return code >= 0;
    }

    /// <summary>
    /// Reads the sum of the reservations from a reply with it; <see langword="null"/> if the hash has none, or one that cannot be right because
    /// an earlier version has changed reservations.
    /// </summary>
    public static PicoDollars? HeldOf(RedisResult reply, PicoDollars total) =>
        reply.Length == 3
        && long.TryParse((string?)reply[2], NumberStyles.None, CultureInfo.InvariantCulture, out var amount)
        && PicoDollars.FromStored(amount) is var held
        && held <= total
            ? held
            : null;

    /// <summary>The failure of a reply that no script gives.</summary>
    public static LimitStoreException Unexpected() => new("Redis returned an unexpected reply to a script.")
    {
        MayHaveTakenEffect = true,
        IsOfCounter = true,
    };
}
