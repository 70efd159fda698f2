namespace Gateway.Limits;

/// <summary>
/// The scripts of <see cref="RedisBudgetStore"/>. An amount is a 64-bit integer, and Lua's numbers are exact up to 2^53 only, which are
/// 9,007 dollars: amounts are added by HINCRBY, which is exact, read back as text, and compared as text. None of them ever is a number in
/// Lua. The hash of a period has the fields <c>total</c>, <c>s:LEDGER</c> when that ledger's charges are part of it, <c>r:LEDGER:ID</c> for
/// a reservation, and <c>d:ID</c> for a charge that was added without a reservation.
/// </summary>
internal static class RedisBudgetScripts
{
    /// <summary>Removes a counter.</summary>
    public const string Forget = "return redis.call('DEL', KEYS[1])";

    /// <summary>
    /// Key: the period. Arguments: the ledger's mark, the reservation's field, the amount, the amount below zero, the limit. Returns -1
    /// when the ledger's charges are missing, else 1 or 0 for granted or not, and the total as text.
    /// </summary>
    public const string Reserve = Common + """

        local key, mark, field, amount, minus, limit = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
        if redis.call('HEXISTS', key, mark) == 0 then return { -1, '0' } end
        if redis.call('HEXISTS', key, field) == 1 then return { 1, redis.call('HGET', key, 'total') } end
        local added = redis.pcall('HINCRBY', key, 'total', amount)
        if type(added) == 'table' then
          -- A sum that is no 64-bit integer any more is beyond every limit.
          if not string.find(added.err, 'overflow') then return added end
          return { 0, redis.call('HGET', key, 'total') }
        end
        local granted = not exceeds(redis.call('HGET', key, 'total'), limit)
        if granted then
          redis.call('HSET', key, field, amount)
        else
          redis.call('HINCRBY', key, 'total', minus)
        end
        return { granted and 1 or 0, redis.call('HGET', key, 'total') }
        """;

    /// <summary>
    /// Key: the period. Arguments: the ledger's mark, the reservation's field, its charge, the field that marks an uncounted charge as
    /// added, and 1 when it was counted. Returns -1 when the ledger's charges are missing, else 1.
    /// </summary>
    public const string Settle = """
        local key, mark, field, charge, done, counted = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5] == '1'
        if redis.call('HEXISTS', key, mark) == 0 then return -1 end
        local reserved = redis.call('HGET', key, field)
        local is_done = redis.call('HEXISTS', key, done) == 1
        if not reserved and (counted or is_done) then return 1 end

        -- What is set aside goes first: at the largest sums there is no room for both. It may have been set aside late, behind its charge.
        if reserved and reserved ~= '0' then redis.call('HINCRBY', key, 'total', '-' .. reserved) end
        if not is_done then
          local added = redis.pcall('HINCRBY', key, 'total', charge)
          if type(added) == 'table' then
            if reserved then redis.call('HINCRBY', key, 'total', reserved) end
            return added
          end
        end
        if reserved then redis.call('HDEL', key, field) end
        if not counted then redis.call('HSET', key, done, '1') end
        return 1
        """;

    /// <summary>
    /// Key: the period. Arguments: the ledger's mark, its charges, when the key expires (milliseconds of Unix time, 0 is never),
    /// then fields with their values. Returns whether they were written: they are once.
    /// </summary>
    public const string Seed = """
        local key, mark = KEYS[1], ARGV[1]
        if redis.call('HSETNX', key, mark, '1') == 0 then return 0 end
        redis.call('HINCRBY', key, 'total', ARGV[2])
        for i = 4, #ARGV, 2 do
          redis.call('HSET', key, ARGV[i], ARGV[i + 1])
        end
        if ARGV[3] ~= '0' then redis.call('PEXPIREAT', key, ARGV[3]) end
        return 1
        """;

    /// <summary>Key: the period. Argument: the ledger's mark. Returns -1 when its charges are missing, else 1; and the total.</summary>
    public const string Read = """
        if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return { -1, '0' } end
        return { 1, redis.call('HGET', KEYS[1], 'total') }
        """;

    /// <summary>Key: the period. Arguments: a cursor, a pattern of fields. Returns the next cursor, and fields with their values.</summary>
    public const string Scan = "return redis.call('HSCAN', KEYS[1], ARGV[1], 'MATCH', ARGV[2], 'COUNT', '500')";

    private const string Common = """
        -- Whether one whole number in decimal text exceeds another.
        local function exceeds(one, other)
          local one_below, other_below = string.sub(one, 1, 1) == '-', string.sub(other, 1, 1) == '-'
          if one_below ~= other_below then return other_below end
          if one_below then one, other = string.sub(other, 2), string.sub(one, 2) end
          if #one ~= #other then return #one > #other end
          return one > other
        end
        """;
}
