using System.Collections.Concurrent;
using Gateway.Billing;
using Gateway.Ledger;
using Gateway.Primitives;
using StackExchange.Redis;
using static Gateway.Limits.RedisBudgetNames;
using static Gateway.Limits.RedisBudgetValues;

namespace Gateway.Limits;

/// <summary>
/// Counts budgets that several nodes share in Redis: one hash per period, seeded from the ledger before the first reservation. Several
/// ledgers on one Redis add their charges to the same hash. A lost reply, or a node that is killed between two steps, makes a hash differ
/// from the ledger; <see cref="BudgetReconciler"/> corrects it.
/// </summary>
internal sealed class RedisBudgetStore : IBudgetStore, IBudgetPreview
{
    /// <summary>The number of attempts. A hash may vanish after it was seeded; if that repeats, Redis does not keep its data.</summary>
    private const int Attempts = 3;

    /// <summary>The number of settlements without a reply that are kept for a retry.</summary>
    private const int MaxUnsettled = 10_000;

    private readonly RedisLink _link;
    private readonly RedisBudgetNames _names;
    private readonly RedisBudgetRemovals _removals;
    private readonly RedisBudgetSeeding _seeding;
    private readonly LedgerAccess _ledger;

    /// <summary>Settlements without a reply: the charges, and whether they are to be marked as added.</summary>
    private readonly ConcurrentDictionary<(BudgetKey Key, Guid Id), (PicoDollars Charge, bool Marks)> _unsettled = new();

    /// <summary>Creates a store.</summary>
    /// <param name="link">The connection to Redis; not owned.</param>
    /// <param name="keyPrefix">The prefix of every key.</param>
    /// <param name="ledger">The ledger. A reservation opens it; its id is part of the fields of a hash.</param>
    /// <param name="terms">The terms by which budgets count rows.</param>
    /// <param name="time">The clock.</param>
    /// <param name="seedPageSize">The number of uncounted rows that a seed reads and marks at once.</param>
    public RedisBudgetStore(
        RedisLink link,
        string keyPrefix,
        LedgerAccess ledger,
        BudgetTerms terms,
        TimeProvider time,
        int seedPageSize = RedisBudgetSeeding.DefaultPageSize)
    {
        _link = link;
        _names = new RedisBudgetNames(keyPrefix, ledger);
        _removals = new RedisBudgetRemovals(link, _names);
        _seeding = new RedisBudgetSeeding(link, _names, ledger, terms, time, seedPageSize);
        _ledger = ledger;
    }

    /// <inheritdoc />
    public async ValueTask<BudgetResult> ReserveAsync(BudgetKey key, PicoDollars limit, Guid id, PicoDollars amount)
    {
        await OpenLedgerAsync();
        await _removals.CompleteAsync(key);
        RedisKey[] keys = [_names.KeyOf(key)];
        RedisValue[] values = [_names.Mark, _names.FieldOf(id), Stored(amount), Stored(PicoDollars.Zero - amount), Stored(limit)];
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            var seeds = _seeding.CountOf(key);

            // If the reply is late, the caller has given up and the reservation is released.
            var reply = await _link.RunAsync(RedisBudgetScripts.Reserve, keys, values, late => Undo(key, id, late));
            if (TryRead(reply, out var code, out var total))
            {
                return code == 1 ? new BudgetResult(true, total)
                    : HeldOf(reply, total) is { } held ? new BudgetResult(false, total, held)
                    : await RefuseAsync(key, total);
            }

            // A concurrent request may have seeded the counter since this one was sent.
            if (_seeding.CountOf(key) == seeds)
            {
                await _seeding.SeedAsync(key);
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
            // The reply is missing, but the script may have run. Without a reservation the row is marked as uncounted, and the reconciler
            // adds the charge: the script's mark prevents a second addition. With a reservation the settlement is retried, since it has an
            // effect only as long as the reservation exists. The reconciler settles reservations that exceed the queue.
            if (isCounted)
            {
                SettleLater(key, id, charge, marks: false);
            }

            return isCounted;
        }
    }

    /// <inheritdoc />
    public async ValueTask MarkAsync(BudgetKey key, Guid id, PicoDollars charge)
    {
        try
        {
            await TrySettleAsync(key, id, charge, isCounted: true, marks: true);
        }
        catch (LimitStoreException)
        {
            SettleLater(key, id, charge, marks: true);
        }
    }

    /// <inheritdoc />
    public void Release(BudgetKey key, Guid id)
    {
        // Before the ledger is open, no reservation is sent.
        if (_ledger.IsOpen)
        {
            SettleLater(key, id, PicoDollars.Zero, marks: false);
        }
    }

    /// <inheritdoc />
    public async ValueTask<bool> HoldAsync(BudgetKey key, Guid id, PicoDollars amount, bool isCounted)
    {
        try
        {
            return await TryHoldAsync(key, id, amount, isCounted);
        }
        catch (LimitStoreException)
        {
            // The reconciler holds the amount of the row.
            return isCounted;
        }
    }

    /// <inheritdoc />
    public void Forget(BudgetKey key) => _removals.Begin(key);

    /// <inheritdoc />
    public async ValueTask<PicoDollars> ReadAsync(BudgetKey key)
    {
        await OpenLedgerAsync();
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            if (await TryReadAsync(key) is { } total)
            {
                return total;
            }

            await _seeding.SeedAsync(key);
        }

        throw new LimitStoreException("Redis does not keep the counter of a budget.");
    }

    /// <inheritdoc />
    /// <remarks>
    /// A reservation that is open before or after the sum is read counts as open, so that the spent amount is not overstated while calls
    /// begin and end.
    /// </remarks>
    public async ValueTask<BudgetResult> PreviewAsync(BudgetKey key, PicoDollars limit, PicoDollars amount)
    {
        var open = new Dictionary<string, PicoDollars>(StringComparer.Ordinal);
        await AddOpenAsync(key, open);
        var total = await ReadAsync(key);
        await AddOpenAsync(key, open);
        var reserved = open.Values.Aggregate(PicoDollars.Zero, static (sum, one) => sum + one);
        return new BudgetResult(false, total, reserved).For(amount, limit);
    }

    /// <summary>Reads a counter; <see langword="null"/> if there is none.</summary>
    /// <exception cref="LimitStoreException">Redis failed or was too slow.</exception>
    internal async ValueTask<PicoDollars?> TryReadAsync(BudgetKey key)
    {
        await _removals.CompleteAsync(key);
        return TryRead(await _link.RunAsync(RedisBudgetScripts.Read, [_names.KeyOf(key)], [_names.Mark]), out _, out var total) ? total : null;
    }

    /// <summary>Reads the charges of a counter without its open reservations; <see langword="null"/> if there is none.</summary>
    /// <remarks>
    /// Only a reservation that is open before and after the sum is read is left out, so that the charges are not understated while calls begin
    /// and end.
    /// </remarks>
    /// <exception cref="LimitStoreException">Redis failed or was too slow.</exception>
    internal async ValueTask<PicoDollars?> TryReadSettledAsync(BudgetKey key)
    {
        var (before, after) = (new Dictionary<string, PicoDollars>(StringComparer.Ordinal), new Dictionary<string, PicoDollars>(StringComparer.Ordinal));
        await AddOpenAsync(key, before);
        await _removals.CompleteAsync(key);
        var reply = await _link.RunAsync(RedisBudgetScripts.Read, [_names.KeyOf(key)], [_names.Mark]);
        if (!TryRead(reply, out _, out var total))
        {
            return null;
        }

        await AddOpenAsync(key, after);
        await CorrectHeldAsync(key, reply, before, after);
        return before.Where(open => after.ContainsKey(open.Key)).Aggregate(total, static (left, open) => left - open.Value);
    }

    /// <summary>Settles a reservation. Returns false if there is no counter; a later seed then includes the charge.</summary>
    /// <exception cref="LimitStoreException">Redis failed or was too slow.</exception>
    internal async ValueTask<bool> TrySettleAsync(BudgetKey key, Guid id, PicoDollars charge, bool isCounted, bool marks = false)
    {
        await _removals.CompleteAsync(key);
        var reply = await _link.RunAsync(
            RedisBudgetScripts.Settle,
            [_names.KeyOf(key)],
            [_names.Mark, _names.FieldOf(id), Stored(charge), DoneField(id), isCounted ? "1" : "0", ExpiredField(id), marks ? "1" : "0"]);
        return Number(reply) == 1;
    }

    /// <summary>Changes the amount of a reservation. Returns false if there is no counter; a later seed then includes the amount.</summary>
    /// <exception cref="LimitStoreException">Redis failed or was too slow.</exception>
    internal async ValueTask<bool> TryHoldAsync(BudgetKey key, Guid id, PicoDollars amount, bool isCounted)
    {
        await _removals.CompleteAsync(key);
        var reply = await _link.RunAsync(
            RedisBudgetScripts.Hold,
            [_names.KeyOf(key)],
            [_names.Mark, _names.FieldOf(id), Stored(amount), DoneField(id), isCounted ? "1" : "0"]);
        return Number(reply) == 1;
    }

    /// <summary>Stops counting a reservation whose bill is unknown. A late bill is still added.</summary>
    /// <exception cref="LimitStoreException">Redis failed or was too slow.</exception>
    internal async ValueTask ExpireAsync(BudgetKey key, Guid id, bool isCounted)
    {
        await _removals.CompleteAsync(key);
        await _link.RunAsync(
            RedisBudgetScripts.Expire,
            [_names.KeyOf(key)],
            [_names.Mark, _names.FieldOf(id), ExpiredField(id), DoneField(id), isCounted ? "1" : "0"]);
    }

    /// <summary>Removes the counters that <see cref="Forget"/> could not remove.</summary>
    /// <exception cref="LimitStoreException">Redis failed or was too slow.</exception>
    internal ValueTask ForgetAgainAsync() => _removals.CompleteAllAsync();

    /// <summary>Retries settlements without a reply. One whose counter fails is retried again later.</summary>
    /// <returns>The number of settlements that have succeeded.</returns>
    /// <exception cref="LimitStoreException">Redis failed or was too slow.</exception>
    internal async ValueTask<int> SettleAgainAsync()
    {
        var settled = 0;
        foreach (var next in _unsettled)
        {
            try
            {
                await TrySettleAsync(next.Key.Key, next.Key.Id, next.Value.Charge, isCounted: true, next.Value.Marks);
                _unsettled.TryRemove(next);
                settled++;
            }
            catch (LimitStoreException fault) when (fault.IsOfCounter)
            {
                // The entry stays.
            }
        }

        return settled;
    }

    /// <inheritdoc cref="RedisBudgetSeeding.KnownKeys" />
    internal IReadOnlyCollection<BudgetKey> KnownKeys() => _seeding.KnownKeys();

    /// <summary>The open reservations of this ledger in a period, page by page.</summary>
    /// <exception cref="LimitStoreException">Redis failed or was too slow.</exception>
    internal async IAsyncEnumerable<IReadOnlyList<(Guid Id, PicoDollars Amount)>> ScanOpenAsync(BudgetKey key)
    {
        var start = _names.FieldStart;
        await foreach (var fields in ScanAsync(key, start + "*"))
        {
            var open = new List<(Guid, PicoDollars)>();
            for (var i = 0; i < fields.Length; i += 2)
            {
                if (fields[i] is { } field && Guid.TryParseExact(field.AsSpan(start.Length), "N", out var id))
                {
                    open.Add((id, Reserved(fields[i + 1])));
                }
            }

            yield return open;
        }
    }

    /// <summary>
    /// Corrects the sum of the reservations, if the reservations were the same before and after it was read: a counter of an earlier version has
    /// no sum, and a node of an earlier version does not keep it.
    /// </summary>
    private async ValueTask CorrectHeldAsync(
        BudgetKey key, RedisResult read, Dictionary<string, PicoDollars> before, Dictionary<string, PicoDollars> after)
    {
        var sum = Stored(before.Values.Aggregate(PicoDollars.Zero, static (sum, one) => sum + one));
        if ((string?)read[2] != sum
            && before.Count == after.Count
            && before.All(open => after.TryGetValue(open.Key, out var amount) && amount == open.Value))
        {
            await _link.RunAsync(RedisBudgetScripts.CorrectHeld, [_names.KeyOf(key)], [(string?)read[1], (string?)read[2], sum]);
        }
    }

    /// <summary>
    /// Completes a refusal with the sum of the open reservations of all ledgers in the period, if the counter does not have the sum.
    /// </summary>
    private async ValueTask<BudgetResult> RefuseAsync(BudgetKey key, PicoDollars total)
    {
        var open = new Dictionary<string, PicoDollars>(StringComparer.Ordinal);
        try
        {
            await AddOpenAsync(key, open);
        }
        catch (LimitStoreException)
        {
            // The refusal stands: the budget has decided. Without the sum it does not tell that reservations are in the way.
            open.Clear();
        }

        return new BudgetResult(false, total, open.Values.Aggregate(PicoDollars.Zero, static (sum, one) => sum + one));
    }

    /// <summary>Adds the open reservations of all ledgers in a period, by their fields.</summary>
    private async ValueTask AddOpenAsync(BudgetKey key, Dictionary<string, PicoDollars> open)
    {
        await foreach (var fields in ScanAsync(key, "r:*"))
        {
            for (var i = 0; i < fields.Length; i += 2)
            {
                open[fields[i] ?? ""] = Reserved(fields[i + 1]);
            }
        }
    }

    private async IAsyncEnumerable<string?[]> ScanAsync(BudgetKey key, string pattern)
    {
        var cursor = "0";
        do
        {
            var reply = await _link.RunAsync(RedisBudgetScripts.Scan, [_names.KeyOf(key)], [cursor, pattern]);
            if (reply.Length != 2 || (string?)reply[0] is not { } next || (string?[]?)reply[1] is not { } fields)
            {
                throw Unexpected();
            }

            cursor = next;
            yield return fields;
        }
        while (cursor != "0");
    }

    private void Undo(BudgetKey key, Guid id, RedisResult? late)
    {
        // Without a reply the effect is unknown. A refused call releases the reservation, and the end of any other call replaces it.
        if (late is { Resp2Type: ResultType.Array, Length: 2 } && late[0].Resp2Type == ResultType.Integer && (long)late[0] == 1)
        {
            _link.Post(
                RedisBudgetScripts.Settle,
                [_names.KeyOf(key)],
                [_names.Mark, _names.FieldOf(id), "0", DoneField(id), "1", ExpiredField(id), "0"]);
        }
    }

    private void SettleLater(BudgetKey key, Guid id, PicoDollars charge, bool marks)
    {
        if (_unsettled.Count < MaxUnsettled || _unsettled.ContainsKey((key, id)))
        {
            _unsettled[(key, id)] = (charge, marks);
        }
    }

    private async ValueTask OpenLedgerAsync()
    {
        try
        {
            await _ledger.EnsureOpenAsync();
        }
        catch (LedgerException fault)
        {
            throw new LimitStoreException("The ledger of a budget could not be opened.", fault);
        }
    }
}
