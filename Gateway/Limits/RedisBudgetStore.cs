using System.Collections.Concurrent;
using System.Globalization;
using Gateway.Billing;
using Gateway.Ledger;
using Gateway.Primitives;
using StackExchange.Redis;

namespace Gateway.Limits;

/// <summary>
/// Budgets that several nodes share: one hash per period in Redis, a cache of the ledger. A hash without this ledger's charges is loaded
/// with them before the first reservation; several ledgers on one Redis add up. What strays, because an answer was lost or a node was
/// killed between two steps, <see cref="BudgetReconciler"/> puts right from the ledger.
/// </summary>
internal sealed class RedisBudgetStore : IBudgetStore
{
    /// <summary>The longest time that a request waits for a counter to be loaded: the ledger's queries and one script.</summary>
    internal static readonly TimeSpan SeedTimeout = TimeSpan.FromSeconds(5);

    /// <summary>How long a hash is kept after its period, for late bills.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromDays(3);

    /// <summary>A hash may vanish right after it was loaded. More often than this is a fault.</summary>
    private const int Attempts = 3;

    /// <summary>With more uncounted closed rows than this, a new counter might count some twice.</summary>
    private const int MaxUncounted = 100_000;

    /// <summary>Settlements without an answer, kept for a retry.</summary>
    private const int MaxUnsettled = 10_000;

    private readonly RedisLink _link;
    private readonly string _keyPrefix;
    private readonly ILedgerStore _ledger;
    private readonly TimeProvider _time;

    /// <summary>Periods in use, and how often this process loaded their counters.</summary>
    private readonly ConcurrentDictionary<BudgetKey, int> _known = new();

    private readonly ConcurrentDictionary<BudgetKey, Task> _seeding = new();
    private readonly ConcurrentQueue<(BudgetKey Key, Guid Id, PicoDollars Charge)> _unsettled = new();

    /// <summary>Creates a store.</summary>
    /// <param name="link">The connection to Redis; not owned.</param>
    /// <param name="keyPrefix">The prefix of every key.</param>
    /// <param name="ledger">The ledger; must be open before the first call.</param>
    /// <param name="time">The clock.</param>
    public RedisBudgetStore(RedisLink link, string keyPrefix, ILedgerStore ledger, TimeProvider time)
    {
        _link = link;
        _keyPrefix = keyPrefix;
        _ledger = ledger;
        _time = time;
    }

    /// <inheritdoc />
    public async ValueTask<BudgetResult> ReserveAsync(BudgetKey key, PicoDollars limit, Guid id, PicoDollars amount)
    {
        RedisKey[] keys = [KeyOf(key)];
        RedisValue[] values = [Mark, FieldOf(id), Stored(amount), Stored(PicoDollars.Zero - amount), Stored(limit)];
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            var made = _known.GetOrAdd(key, 0);

            // A late answer may have reserved an amount although the caller has given up: it is released.
            var answer = await _link.RunAsync(RedisBudgetScripts.Reserve, keys, values, late => Undo(key, id, late));
            if (TryRead(answer, out var code, out var total))
            {
                return new BudgetResult(code == 1, total);
            }

            // Of concurrent requests, some learn that the counter is missing only after others have loaded it.
            if (_known.GetOrAdd(key, 0) == made)
            {
                await SeedAsync(key);
            }
        }

        throw new LimitStoreException("Redis does not keep the counter of a budget.");
    }

    /// <inheritdoc />
    public async ValueTask<bool> SettleAsync(BudgetKey key, Guid id, PicoDollars reserved, PicoDollars charge, bool isCounted)
    {
        try
        {
            return await TrySettleAsync(key, id, charge, isCounted);
        }
        catch (LimitStoreException)
        {
            // The answer is missing, but the script may have run. The reconciler would add a row marked as uncounted, which is safe only
            // without a reservation: the charge then leaves a mark. A reservation exists until it is settled, so settling again is safe;
            // what exceeds the queue is found by the reconciler.
            if (isCounted && _unsettled.Count < MaxUnsettled)
            {
                _unsettled.Enqueue((key, id, charge));
            }

            return isCounted;
        }
    }

    /// <inheritdoc />
    public void Forget(BudgetKey key) => _link.Post(RedisBudgetScripts.Forget, [KeyOf(key)], []);

    /// <inheritdoc />
    public async ValueTask<PicoDollars> ReadAsync(BudgetKey key)
    {
        RedisKey[] keys = [KeyOf(key)];
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            if (TryRead(await _link.RunAsync(RedisBudgetScripts.Read, keys, [Mark]), out _, out var total))
            {
                return total;
            }

            await SeedAsync(key);
        }

        throw new LimitStoreException("Redis does not keep the counter of a budget.");
    }

    /// <summary>Settles, and returns whether there is a counter. Without one nothing is lost: it will be loaded from the ledger.</summary>
    /// <exception cref="LimitStoreException">Redis failed or was too slow.</exception>
    internal async ValueTask<bool> TrySettleAsync(BudgetKey key, Guid id, PicoDollars charge, bool isCounted)
    {
        var answer = await _link.RunAsync(
            RedisBudgetScripts.Settle, [KeyOf(key)], [Mark, FieldOf(id), Stored(charge), DoneField(id), isCounted ? "1" : "0"]);
        return Number(answer) == 1;
    }

    /// <summary>Retries settlements without an answer.</summary>
    /// <returns>The number of retried settlements.</returns>
    /// <exception cref="LimitStoreException">Redis failed or was too slow.</exception>
    internal async ValueTask<int> SettleAgainAsync()
    {
        var settled = 0;
        while (_unsettled.TryDequeue(out var next))
        {
            try
            {
                await TrySettleAsync(next.Key, next.Id, next.Charge, isCounted: true);
            }
            catch (LimitStoreException)
            {
                _unsettled.Enqueue(next);
                throw;
            }

            settled++;
        }

        return settled;
    }

    /// <summary>Periods with reservations of this process that are not long past.</summary>
    internal IReadOnlyCollection<BudgetKey> KnownKeys()
    {
        foreach (var (key, _) in _known)
        {
            if (key.End is { } end && _time.GetUtcNow() >= end + Grace)
            {
                _known.TryRemove(key, out _);
            }
        }

        return [.. _known.Keys];
    }

    /// <summary>The reservations of this ledger in a period, in parts.</summary>
    /// <exception cref="LimitStoreException">Redis failed or was too slow.</exception>
    internal async IAsyncEnumerable<IReadOnlyList<Guid>> ScanOpenAsync(BudgetKey key)
    {
        var cursor = "0";
        var start = FieldStart();
        do
        {
            var answer = await _link.RunAsync(RedisBudgetScripts.Scan, [KeyOf(key)], [cursor, start + "*"]);
            if (answer.Length != 2 || (string?)answer[0] is not { } next || (string?[]?)answer[1] is not { } fields)
            {
                throw Odd();
            }

            cursor = next;
            var ids = new List<Guid>();
            for (var i = 0; i < fields.Length; i += 2)
            {
                if (fields[i] is { } field && Guid.TryParseExact(field.AsSpan(start.Length), "N", out var id))
                {
                    ids.Add(id);
                }
            }

            yield return ids;
        }
        while (cursor != "0");
    }

    private static LimitStoreException Odd() => new("Redis gave an answer that a script of the gateway does not give.");

    private static long Number(RedisResult answer) =>
        answer.Resp2Type == ResultType.Integer ? (long)answer : throw Odd();

    private static bool TryRead(RedisResult answer, out long code, out PicoDollars total)
    {
        if (answer.Length != 2
            || answer[0].Resp2Type != ResultType.Integer
            || !long.TryParse((string?)answer[1], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var amount))
        {
            throw Odd();
        }

        code = (long)answer[0];
        total = PicoDollars.FromStored(amount);
        return code >= 0;
    }

    private static string Stored(PicoDollars amount) => amount.ToStored().ToString(CultureInfo.InvariantCulture);

    private static string DoneField(Guid id) => "d:" + id.ToString("N");

    private string Mark => "s:" + _ledger.LedgerId;

    private string FieldStart() => "r:" + _ledger.LedgerId + ":";

    private string FieldOf(Guid id) => FieldStart() + id.ToString("N");

    /// <summary>The key of a period. The part in braces decides the cluster slot.</summary>
    private RedisKey KeyOf(BudgetKey key)
    {
        var start = key.End is null ? "0" : key.Start.ToString("yyyyMMdd", CultureInfo.InvariantCulture);
        return $"{_keyPrefix}budget:{{{key.Team}}}:{key.Period}:{start}";
    }

    private void Undo(BudgetKey key, Guid id, RedisResult? late)
    {
        // Without an answer the effect is unknown; the reconciler finds reservations without a row.
        if (late is { Resp2Type: ResultType.Array, Length: 2 } && late[0].Resp2Type == ResultType.Integer && (long)late[0] == 1)
        {
            _link.Post(RedisBudgetScripts.Settle, [KeyOf(key)], [Mark, FieldOf(id), "0", DoneField(id), "1"]);
        }
    }

    private async Task SeedAsync(BudgetKey key)
    {
        var seeding = _seeding.GetOrAdd(key, static (key, store) => Task.Run(() => store.SeedOnceAsync(key)), this);
        try
        {
            await seeding.WaitAsync(SeedTimeout, _time);
        }
        catch (Exception fault) when (fault is LedgerException or TimeoutException)
        {
            throw new LimitStoreException("A budget's counter could not be made from the ledger.", fault);
        }
        finally
        {
            if (seeding.IsCompleted)
            {
                _seeding.TryRemove(new KeyValuePair<BudgetKey, Task>(key, seeding));
            }
        }
    }

    /// <summary>
    /// Adds the ledger's charges. The sum includes closed rows that are not counted yet: they are marked, so that the reconciler does not
    /// add them again. They are read after the sum. A row that was closed in between is among the open rows of the sum and needs no mark; a
    /// row that began in between is not in the sum and must have none.
    /// </summary>
    private async Task SeedOnceAsync(BudgetKey key)
    {
        var readAt = _time.GetUtcNow();
        var charges = await _ledger.ReadChargesAsync(key.Team, key.Start, CancellationToken.None);
        var uncounted = await _ledger.ReadUncountedAsync(MaxUncounted, CancellationToken.None);

        var expires = key.End is { } end ? (end + Grace).ToUnixTimeMilliseconds() : 0;
        var values = new List<RedisValue> { Mark, Stored(charges.Charged), expires.ToString(CultureInfo.InvariantCulture) };
        foreach (var (id, reserved) in charges.Open)
        {
            values.Add(FieldOf(id));
            values.Add(Stored(reserved));
        }

        foreach (var row in uncounted)
        {
            if (row.Team == key.Team && row.StartedAt >= key.Start && row.StartedAt < readAt && !charges.Open.ContainsKey(row.Id))
            {
                values.Add(DoneField(row.Id));
                values.Add("1");
            }
        }

        await _link.RunAsync(RedisBudgetScripts.Seed, [KeyOf(key)], [.. values]);
        _known.AddOrUpdate(key, 1, static (_, made) => made + 1);
    }
}
