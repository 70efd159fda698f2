namespace Gateway.Limits;

/// <summary>
/// The Lua scripts of <see cref="RedisBudgetStore"/>. Amounts are 64-bit integers. Lua's numbers are exact only up to 2^53, which is 9,007
/// dollars, so no script converts an amount to a number: HINCRBY adds amounts exactly, and the scripts read and compare them as text. The
/// hash of a period has the fields <c>total</c>; <c>held</c>, the sum of the reservations; <c>s:LEDGER</c>, a mark that the total includes that
/// ledger's charges; <c>r:LEDGER:ID</c>, a reservation; <c>d:ID</c>, a mark that a charge without a reservation has been added; and <c>e:ID</c>,
/// a mark that a reservation has stopped counting although its bill is unknown. Refusals tell the sum <c>held</c>; nothing is decided by it. A
/// hash that an earlier version has seeded does not have it.
/// </summary>
internal static class RedisBudgetScripts
{
    /// <summary>Removes a key.</summary>
    public const string Forget = "return redis.call('DEL', KEYS[1])";

    /// <summary>
    /// Key: the period. Arguments: the ledger's mark, the reservation's field, the amount, the negated amount, the limit. Returns 1 if the
    /// reservation is granted, 0 if it is not and -1 if the ledger's charges are missing; the total as text; and, if it is not granted, the sum
    /// of the reservations as text, empty if the hash does not have it.
    /// </summary>
    public const string Reserve = Common + """

        local key, mark, field, amount, minus, limit = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
        if redis.call('HEXISTS', key, mark) == 0 then return { -1, '0' } end
        if redis.call('HEXISTS', key, field) == 1 then return { 1, redis.call('HGET', key, 'total') } end
        local added = redis.pcall('HINCRBY', key, 'total', amount)
        if type(added) == 'table' then
          -- A sum that overflows 64 bits exceeds every limit.
          if not string.find(added.err, 'overflow') then return added end
          return { 0, redis.call('HGET', key, 'total'), redis.call('HGET', key, 'held') or '' }
        end
        if not exceeds(redis.call('HGET', key, 'total'), limit) then
          redis.call('HSET', key, field, amount)
          add_held(key, amount)
          return { 1, redis.call('HGET', key, 'total') }
        end
        redis.call('HINCRBY', key, 'total', minus)
        return { 0, redis.call('HGET', key, 'total'), redis.call('HGET', key, 'held') or '' }
        """;

    /// <summary>
    /// Key: the period. Arguments: the ledger's mark, the reservation's field, the charge, the field that marks an uncounted charge as
    /// added, 1 if the reservation was granted, the field that marks an expired reservation, and 1 if the charge is to be marked as added in
    /// any case. Returns -1 if the ledger's charges are missing, otherwise 1.
    /// </summary>
    public const string Settle = Held + """

        local key, mark, field, charge, done, counted = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5] == '1'
        local marks = ARGV[7] == '1' or not counted
        if redis.call('HEXISTS', key, mark) == 0 then return -1 end
        local reserved = redis.call('HGET', key, field)
        local is_done = redis.call('HEXISTS', key, done) == 1
        local is_expired = redis.call('HEXISTS', key, ARGV[6]) == 1
        if not reserved and not is_expired and (counted or is_done) then
          if marks then redis.call('HSET', key, done, '1') end
          return 1
        end

        -- The reservation is subtracted before the charge is added: both together may overflow. A late reservation may follow its charge.
        if reserved and reserved ~= '0' then redis.call('HINCRBY', key, 'total', '-' .. reserved) end
        if not is_done then
          local added = redis.pcall('HINCRBY', key, 'total', charge)
          if type(added) == 'table' then
            if reserved then redis.call('HINCRBY', key, 'total', reserved) end
            return added
          end
        end
        if reserved then
          redis.call('HDEL', key, field)
          subtract_held(key, reserved)
        end
        if is_expired then redis.call('HDEL', key, ARGV[6]) end
        if marks then redis.call('HSET', key, done, '1') end
        return 1
        """;

    /// <summary>
    /// Key: the period. Arguments: the ledger's mark, the reservation's field, its new amount, the field that marks an uncounted charge as
    /// added, and 1 if the reservation was granted. Returns -1 if the ledger's charges are missing, otherwise 1.
    /// </summary>
    public const string Hold = Held + """

        local key, mark, field, amount, done, counted = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5] == '1'
        if redis.call('HEXISTS', key, mark) == 0 then return -1 end
        local reserved = redis.call('HGET', key, field)
        if not reserved and (counted or redis.call('HEXISTS', key, done) == 1) then return 1 end
        if reserved and reserved ~= '0' then redis.call('HINCRBY', key, 'total', '-' .. reserved) end
        local added = redis.pcall('HINCRBY', key, 'total', amount)
        if type(added) == 'table' then
          if reserved then redis.call('HINCRBY', key, 'total', reserved) end
          return added
        end
        redis.call('HSET', key, field, amount)
        if reserved then subtract_held(key, reserved) end
        add_held(key, amount)
        return 1
        """;

    /// <summary>
    /// Key: the period. Arguments: the ledger's mark, the reservation's field, the field that marks it as expired, the field that marks an
    /// uncounted charge as added, and 1 if the reservation was granted. Returns -1 if the ledger's charges are missing, otherwise 1.
    /// </summary>
    public const string Expire = Held + """

        local key, mark, field, expired, done, counted = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5] == '1'
        if redis.call('HEXISTS', key, mark) == 0 then return -1 end
        local reserved = redis.call('HGET', key, field)
        if not reserved and (counted or redis.call('HEXISTS', key, done) == 1) then return 1 end
        if reserved and reserved ~= '0' then redis.call('HINCRBY', key, 'total', '-' .. reserved) end
        redis.call('HDEL', key, field)
        if reserved then subtract_held(key, reserved) end
        redis.call('HSET', key, expired, '1')
        return 1
        """;

    /// <summary>
    /// Key: the marks of a seed. Arguments: their expiry (milliseconds from now), then fields and their values. Adds the fields.
    /// </summary>
    public const string Mark = """
        redis.call('HSET', KEYS[1], unpack(ARGV, 2))
        return redis.call('PEXPIRE', KEYS[1], ARGV[1])
        """;

    /// <summary>
    /// Keys: the period, the marks of the seed. Arguments: the ledger's mark, the sum of its charges, the expiry of the period's key
    /// (milliseconds of Unix time, 0 for never), the number of the seed's marks, then fields and their values. Returns 1 if it has written
    /// all of them, 0 if the ledger's mark exists already, and -1 if marks of the seed are missing.
    /// </summary>
    public const string Seed = Held + """

        local key, marks, mark = KEYS[1], KEYS[2], ARGV[1]
        if redis.call('HEXISTS', key, mark) == 1 then return 0 end
        if redis.call('HLEN', marks) ~= tonumber(ARGV[4]) then return -1 end

        -- Marks that become the counter are not copied. A counter that exists is that of another ledger.
        local exists = redis.call('EXISTS', key) == 1
        if ARGV[4] ~= '0' and not exists then
          redis.call('RENAME', marks, key)
          redis.call('PERSIST', key)
        end

        -- A sum that overflows ends the script here, before it has changed another ledger's counter.
        redis.call('HINCRBY', key, 'total', ARGV[2])
        if ARGV[4] ~= '0' and exists then
          for _, field in ipairs(redis.call('HKEYS', marks)) do
            redis.call('HSET', key, field, '1')
          end
        end

        redis.call('HSET', key, mark, '1')
        if not exists then redis.call('HSET', key, 'held', '0') end
        for i = 5, #ARGV, 2 do
          redis.call('HSET', key, ARGV[i], ARGV[i + 1])
          if string.sub(ARGV[i], 1, 2) == 'r:' then add_held(key, ARGV[i + 1]) end
        end
        if ARGV[3] ~= '0' then redis.call('PEXPIREAT', key, ARGV[3]) end
        return 1
        """;

    /// <summary>
    /// Key: the period. Argument: the ledger's mark. Returns -1 if its charges are missing, otherwise 1; the total; and the sum of the
    /// reservations, empty if the hash does not have it.
    /// </summary>
    public const string Read = """
        if redis.call('HEXISTS', KEYS[1], ARGV[1]) == 0 then return { -1, '0', '' } end
        return { 1, redis.call('HGET', KEYS[1], 'total'), redis.call('HGET', KEYS[1], 'held') or '' }
        """;

    /// <summary>
    /// Key: the period. Arguments: the total and the sum of the reservations as they were read, the latter empty if there was none; and the right
    /// sum. Replaces the sum if neither has changed since, and returns 1 if it has.
    /// </summary>
    public const string CorrectHeld = """
        local key = KEYS[1]
        if redis.call('HGET', key, 'total') ~= ARGV[1] or (redis.call('HGET', key, 'held') or '') ~= ARGV[2] then return 0 end
        redis.call('HSET', key, 'held', ARGV[3])
        return 1
        """;

    /// <summary>
    /// Key: the period. Arguments: a cursor, a pattern of fields. Returns the next cursor and the fields with their values.
    /// </summary>
    public const string Scan = "return redis.call('HSCAN', KEYS[1], ARGV[1], 'MATCH', ARGV[2], 'COUNT', '500')";

    // A version that does not know the sum may change reservations too: the sum is then wrong until it is corrected. It must not fail a script
    // that has changed the total.
    private const string Held = """
        local function add_held(key, amount)
          if redis.call('HEXISTS', key, 'held') == 1 then redis.pcall('HINCRBY', key, 'held', amount) end
        end
        local function subtract_held(key, amount)
          if amount ~= '0' then add_held(key, '-' .. amount) end
        end
        """;

    private const string Common = Held + """

        -- Whether one integer exceeds another, both as decimal text.
        local function exceeds(one, other)
          local one_below, other_below = string.sub(one, 1, 1) == '-', string.sub(other, 1, 1) == '-'
          if one_below ~= other_below then return other_below end
          if one_below then one, other = string.sub(other, 2), string.sub(one, 2) end
          if #one ~= #other then return #one > #other end
          return one > other
        end
        """;
}
