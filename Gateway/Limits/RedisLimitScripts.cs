namespace Gateway.Limits;

/// <summary>
/// The Lua scripts of <see cref="RedisLimitStore"/>. They implement <see cref="MinuteBucket"/> with numbers below 2^53 and with Redis'
/// clock, so that differences between the nodes' clocks have no effect. Numbers are formatted with all digits; Lua's default keeps
/// fourteen.
/// </summary>
internal static class RedisLimitScripts
{
    /// <summary>The step of <see cref="Take"/> that adds a lease to the requests in flight.</summary>
    public const string Enter = "enter";

    /// <summary>The step of <see cref="Take"/> that counts the request and its tokens.</summary>
    public const string Charge = "charge";

    /// <summary>The step of <see cref="Take"/> that decides like <see cref="Enter"/> and counts nothing.</summary>
    public const string PreviewEntry = "preview-enter";

    /// <summary>The step of <see cref="Take"/> that decides like <see cref="Charge"/> and counts nothing.</summary>
    public const string PreviewCharge = "preview-charge";

    /// <summary>
    /// Keys: for each scope the hash of its buckets and the sorted set of its requests in flight. Arguments: the lease, its lifetime in
    /// milliseconds, the step, then for each scope the limits of requests, tokens and concurrency (-1 for none) and the tokens to take.
    /// Returns 1 or 0 for granted or refused, the refusing scope and kind, and the retry delay in milliseconds; then for each scope, for
    /// requests and for tokens, the remaining amount and the milliseconds until the limit is fully available again, and the number of the
    /// charge of tokens or 0.
    /// </summary>
    public const string Take = Common + """

        local lease, lifetime, step = ARGV[1], tonumber(ARGV[2]), ARGV[3]
        local enters = step == 'enter' or step == 'preview-enter'
        local counts = step == 'enter' or step == 'charge'
        local scopes = #KEYS / 2
        local refused_scope, refused_kind, wait = -1, -1, 0
        local buckets = {}

        local function refuse(scope, kind, milliseconds)
          if milliseconds > wait then
            refused_scope, refused_kind, wait = scope - 1, kind, milliseconds
          end
        end

        for scope = 1, scopes do
          local hash, flying = KEYS[scope * 2 - 1], KEYS[scope * 2]
          local from = 4 + (scope - 1) * 4
          local requests, tokens = tonumber(ARGV[from]), tonumber(ARGV[from + 1])
          local concurrent, amount = tonumber(ARGV[from + 2]), tonumber(ARGV[from + 3])
          local bucket = { requests = requests, tokens = tokens, concurrent = concurrent, r = 0, t = 0, amount = amount, charge = 0 }
          if requests >= 0 then
            bucket.r = used(hash, 'r', requests)
            if not enters then
              refuse(scope, 0, ceiling(bucket.r - (requests - 1) * PARTS, requests))
            end
          end
          if tokens >= 0 then
            bucket.t, bucket.packed, bucket.last = used(hash, 't', tokens)
            if not enters then
              refuse(scope, 1, ceiling(bucket.t - (tokens - amount) * PARTS, tokens))
            end
          end
          if enters and concurrent >= 0 then
            redis.call('ZREMRANGEBYSCORE', flying, '-inf', text(now))
            if redis.call('ZCARD', flying) >= concurrent then
              refuse(scope, 2, 1000)
            end
          end
          buckets[scope] = bucket
        end

        local granted = refused_scope < 0
        local reply = { granted and 1 or 0, refused_scope, refused_kind, wait }
        for scope = 1, scopes do
          local hash, flying = KEYS[scope * 2 - 1], KEYS[scope * 2]
          local bucket = buckets[scope]
          if granted and counts and not enters then
            if bucket.requests >= 0 then
              bucket.r = bucket.r + PARTS
              keep(hash, 'r', bucket.r, bucket.requests)
            end
            if bucket.tokens >= 0 then
              local groups = groups_of(bucket.packed, bucket.t)
              bucket.charge = (tonumber(bucket.last) or now) + 1
              groups[#groups + 1] = { bucket.charge, MOST }
              bucket.t = math.min(bucket.t + bucket.amount * PARTS, MOST)
              keep(hash, 't', bucket.t, bucket.tokens)
              keep_groups(hash, groups, bucket.charge)
            end
          end
          if granted and counts and enters and bucket.concurrent >= 0 then
            redis.call('ZADD', flying, text(now + lifetime), lease)
            redis.call('PEXPIRE', flying, text(lifetime * 2))
          end
          for _, level in ipairs({ { bucket.r, bucket.requests }, { bucket.t, bucket.tokens } }) do
            reply[#reply + 1] = math.max(0, math.floor((level[2] * PARTS - level[1]) / PARTS))
            reply[#reply + 1] = ceiling(level[1], level[2])
          end
          reply[#reply + 1] = bucket.charge
        end
        return reply
        """;

    /// <summary>
    /// Keys as for <see cref="Take"/>. Arguments: the lease to end, or an empty string for none, then for each scope its limits of requests
    /// and tokens (-1 for none), the amounts to take from each, and the charge of tokens that is corrected (0 for none). A negative amount
    /// gives back; tokens of a charge only as far as the bucket has not drained them since.
    /// </summary>
    public const string Return = Common + """

        for scope = 1, #KEYS / 2 do
          local hash = KEYS[scope * 2 - 1]
          local from = 2 + (scope - 1) * 5
          redis.call('ZREM', KEYS[scope * 2], ARGV[1])
          for i, kind in ipairs({ 'r', 't' }) do
            local limit, change = tonumber(ARGV[from + i - 1]), tonumber(ARGV[from + i + 1]) * PARTS
            local charge = tonumber(ARGV[from + 4])
            if limit >= 0 and change ~= 0 then
              local kept = tonumber(redis.call('HGET', hash, kind .. 'l') or limit)
              local parts, packed = used(hash, kind, kept)
              if kind == 't' and change < 0 and charge > 0 then
                change = -give_back(hash, groups_of(packed, parts), charge, -change)
              end
              keep(hash, kind, math.max(0, math.min(parts + change, MOST)), kept)
            end
          end
        end
        return 1
        """;

    /// <summary>Key: the requests in flight of one holder. Arguments: the lifetime in milliseconds, then the leases to renew.</summary>
    public const string Renew = Common + """

        local lifetime = tonumber(ARGV[1])
        for i = 2, #ARGV do
          redis.call('ZADD', KEYS[1], text(now + lifetime), ARGV[i])
        end
        redis.call('PEXPIRE', KEYS[1], text(lifetime * 2))
        return 1
        """;

    /// <summary>Key: the requests in flight of one holder. Returns the number of leases that have not expired, in an array.</summary>
    public const string InFlight = Common + """

        return { redis.call('ZCOUNT', KEYS[1], '(' .. text(now), '+inf') }
        """;

    /// <summary>Keys: the requests in flight of each holder. Argument: an ended lease. Idempotent.</summary>
    public const string Release = """
        for i = 1, #KEYS do
          redis.call('ZREM', KEYS[i], ARGV[1])
        end
        return 1
        """;

    private const string Common = """
        local PARTS, MOST, GROUPS = 60000, 9000000000000000, 16
        local clock = redis.call('TIME')
        local now = clock[1] * 1000 + math.floor(clock[2] / 1000)

        local function text(number)
          return string.format('%.0f', number)
        end

        -- Milliseconds until parts have drained.
        local function ceiling(parts, limit)
          if parts <= 0 then return 0 end
          return math.ceil(parts / limit)
        end

        -- The used amount of a bucket at this time, under a limit that may have changed; its packed groups and the last of its charges.
        local function used(hash, kind, limit)
          local kept = redis.call('HMGET', hash, kind .. 'u', kind .. 'l', kind .. 'a', kind .. 'm', kind .. 'n')
          if not kept[1] then return 0 end
          local parts, old, at = tonumber(kept[1]), tonumber(kept[2]), tonumber(kept[3])
          parts = math.max(0, parts - math.max(0, now - at) * old)
          if limit < old then
            parts = math.min(parts, math.max(limit * PARTS, math.floor(parts / old * limit)))
          end
          return parts, kept[4], kept[5]
        end

        -- A hash expires one minute after its buckets have drained.
        local function keep(hash, kind, parts, limit)
          redis.call('HSET', hash, kind .. 'u', text(parts), kind .. 'l', text(limit), kind .. 'a', text(now))
          local life = ceiling(parts, limit) + 60000
          if redis.call('PTTL', hash) < life then
            redis.call('PEXPIRE', hash, text(life))
          end
        end

        -- LowLevels: the groups of the charges of tokens, as pairs of the first charge and the lowest level, with the present level noted.
        local function groups_of(packed, parts)
          local groups, first = packed and cmsgpack.unpack(packed) or {}, nil
          while #groups > 0 and groups[#groups][2] >= parts do
            first = table.remove(groups)[1]
          end
          if first then
            groups[#groups + 1] = { first, parts }
          end
          return groups
        end

        -- Charges are numbered from the time of the first one on, so that a charge of an expired hash precedes those of the next one.
        local function keep_groups(hash, groups, last)
          if #groups > GROUPS then
            local least = 2
            for i = 3, #groups do
              if groups[i][2] - groups[i - 1][2] < groups[least][2] - groups[least - 1][2] then least = i end
            end
            table.remove(groups, least)
          end
          redis.call('HSET', hash, 'tm', cmsgpack.pack(groups))
          if last then redis.call('HSET', hash, 'tn', text(last)) end
        end

        -- The part of an amount that has not drained since its charge: nothing of a charge whose hash has expired.
        local function give_back(hash, groups, charge, amount)
          local group = #groups
          while group > 0 and groups[group][1] > charge do group = group - 1 end
          if group == 0 then return 0 end
          local given = math.min(amount, groups[group][2])
          for i = group, #groups do groups[i][2] = groups[i][2] - given end
          while group > 1 and groups[group - 1][2] >= groups[group][2] do
            groups[group][1] = groups[group - 1][1]
            table.remove(groups, group - 1)
            group = group - 1
          end
          keep_groups(hash, groups)
          return given
        end
        """;
}
