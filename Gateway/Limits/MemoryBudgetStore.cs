using System.Collections.Concurrent;
using Gateway.Billing;
using Gateway.Ledger;
using Gateway.Primitives;

namespace Gateway.Limits;

/// <summary>
/// Counts budgets in this process. A period's counter is seeded from the ledger on first use, by one query that concurrent callers share.
/// Counters are kept until the period ends; re-seeding a live counter would count its open reservations twice. Another process on the
/// same ledger may admit calls of the same budgets, and settle reservations that this one counts: <see cref="MemoryBudgetReconciler"/>
/// compares the counters with the ledger.
/// </summary>
/// <param name="seed">Reads the charges of a period from the ledger, with the ids of the rows created since a time.</param>
/// <param name="time">The clock.</param>
internal sealed class MemoryBudgetStore(Func<BudgetKey, DateTimeOffset, Task<TeamCharges>> seed, TimeProvider time) : IBudgetStore, IBudgetPreview
{
    /// <summary>The longest time that a request waits for a counter to be seeded.</summary>
    internal static readonly TimeSpan SeedTimeout = TimeSpan.FromSeconds(5);

    /// <summary>
    /// The time by which a row of another process may reach the ledger late: commits that wait, a queue that a failure of the ledger has
    /// filled, and clocks that differ. Rows of this last time are read again by each round.
    /// </summary>
    internal static readonly TimeSpan Lateness = TimeSpan.FromMinutes(10);

    /// <summary>The time that a counter is kept after its period, for requests that were admitted at the end of the period.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromHours(1);

    private readonly ConcurrentDictionary<BudgetKey, MemoryBudgetCounter> _counters = new();

    /// <summary>The number of counters.</summary>
    internal int CounterCount => _counters.Count;

    /// <inheritdoc />
    public ValueTask<BudgetResult> ReserveAsync(BudgetKey key, PicoDollars limit, Guid id, PicoDollars amount)
    {
        var counter = CounterOf(key);
        return counter.TryReserve(limit, id, amount, out var result)
            ? new ValueTask<BudgetResult>(result)
            : ReserveSeededAsync(key, counter, limit, id, amount);
    }

    /// <inheritdoc />
    public ValueTask<bool> SettleAsync(BudgetKey key, Guid id, PicoDollars reserved, PicoDollars charge, bool isCounted)
    {
        // A period that is over gets no new reservations, so its counter is not created again. Reports read the ledger.
        if (!IsOver(key))
        {
            CounterOf(key).Settle(id, charge, isCounted);
        }
        else if (_counters.TryGetValue(key, out var counter))
        {
            counter.Settle(id, charge, isCounted);
        }

        return new ValueTask<bool>(true);
    }

    /// <inheritdoc />
    /// <remarks>Without effect: the rows of other processes only are added to this store, each once.</remarks>
    public ValueTask MarkAsync(BudgetKey key, Guid id, PicoDollars charge) => default;

    /// <inheritdoc />
    /// <remarks>Without effect: this store fails only before it grants a reservation.</remarks>
    public void Release(BudgetKey key, Guid id)
    {
    }

    /// <inheritdoc />
    public ValueTask<bool> HoldAsync(BudgetKey key, Guid id, PicoDollars amount, bool isCounted) =>
        new(IsOver(key) || CounterOf(key).Hold(id, amount, isCounted));

    /// <inheritdoc />
    public void Forget(BudgetKey key) => _counters.TryRemove(key, out _);

    /// <inheritdoc />
    public async ValueTask<PicoDollars> ReadAsync(BudgetKey key)
    {
        var counter = CounterOf(key);
        PicoDollars charged;
        while (!counter.TryRead(out charged))
        {
            await SeedAsync(key, counter);
        }

        return charged;
    }

    /// <inheritdoc />
    public async ValueTask<BudgetResult> PreviewAsync(BudgetKey key, PicoDollars limit, PicoDollars amount)
    {
        var counter = CounterOf(key);
        BudgetResult result;
        while (!counter.TryPreview(limit, amount, out result))
        {
            await SeedAsync(key, counter);
        }

        return result;
    }

    /// <summary>The periods with counters.</summary>
    internal IReadOnlyCollection<BudgetKey> KnownKeys() => [.. _counters.Keys.Where(key => !IsOver(key))];

    /// <summary>Reads the charges of a counter without its open reservations; <see langword="null"/> if there is none, or if it is not seeded yet.</summary>
    internal PicoDollars? TryReadSettled(BudgetKey key) =>
        _counters.TryGetValue(key, out var counter) && counter.TryReadSettled(out var settled) ? settled : null;

    /// <summary>The open reservations whose ids were created before a moment, by period.</summary>
    internal IReadOnlyList<(BudgetKey Key, Guid[] Ids)> ReadOpen(DateTimeOffset before)
    {
        var first = LedgerKeys.FirstAt(before);
        var open = new List<(BudgetKey, Guid[])>();
        foreach (var (key, counter) in _counters)
        {
            if (!IsOver(key) && counter.OpenBelow(first) is { Length: > 0 } ids)
            {
                open.Add((key, ids));
            }
        }

        return open;
    }

    /// <summary>Applies the ledger's state of a reservation, unless it has already been settled.</summary>
    /// <returns>Whether the counter has changed.</returns>
    internal bool TryChange(BudgetKey key, ClosedReservations.Change change) =>
        _counters.TryGetValue(key, out var counter) && counter.TryChange(change);

    /// <summary>
    /// The lowest id of which a counter may not know the row: rows of other processes with higher ids are to be read.
    /// <see langword="null"/> without counters.
    /// </summary>
    internal Guid? FirstUnread()
    {
        Guid? first = null;
        foreach (var (key, counter) in _counters)
        {
            if (!IsOver(key) && counter.FirstUnread is { } unread && (first is null || unread.CompareTo(first.Value) < 0))
            {
                first = unread;
            }
        }

        return first;
    }

    /// <summary>Adds rows of other processes to the counters of their periods, each row once.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="countedIn">The row as a budget counts it.</param>
    /// <returns>The number of added rows.</returns>
    internal int AddBegun(IReadOnlyList<RowCharge> rows, Func<BudgetKey, RowCharge, RowCharge> countedIn)
    {
        if (rows.Count == 0)
        {
            return 0;
        }

        var added = 0;
        var counters = _counters.Where(entry => !IsOver(entry.Key)).ToLookup(entry => entry.Key.Team, StringComparer.Ordinal);
        foreach (var row in rows)
        {
            foreach (var (key, counter) in counters[row.Team])
            {
                if (key.Includes(row.Team, row.KeyLabel) && row.StartedAt >= key.Start && (key.End is not { } end || row.StartedAt < end))
                {
                    added += counter.TryAdd(countedIn(key, row)) ? 1 : 0;
                }
            }
        }

        return added;
    }

    /// <summary>Records that the rows of other processes were added, in a round that began at <paramref name="start"/>.</summary>
    internal void MarkRead(DateTimeOffset start)
    {
        var unread = LedgerKeys.FirstAt(start - Lateness);
        foreach (var (_, counter) in _counters)
        {
            counter.MarkRead(unread);
        }
    }

    private async ValueTask<BudgetResult> ReserveSeededAsync(
        BudgetKey key, MemoryBudgetCounter counter, PicoDollars limit, Guid id, PicoDollars amount)
    {
        BudgetResult result;
        do
        {
            await SeedAsync(key, counter);
        }
        while (!counter.TryReserve(limit, id, amount, out result));
        return result;
    }

    private async Task SeedAsync(BudgetKey key, MemoryBudgetCounter counter)
    {
        try
        {
            await counter.SeedAsync(key, seed, time.GetUtcNow() - Lateness).WaitAsync(SeedTimeout, time);
        }
        catch (Exception fault) when (fault is LedgerException or TimeoutException)
        {
            throw new LimitStoreException($"The counter of a budget could not be seeded from the ledger: {fault.Message}", fault);
        }
    }

    private MemoryBudgetCounter CounterOf(BudgetKey key)
    {
        if (_counters.TryGetValue(key, out var counter))
        {
            return counter;
        }

        foreach (var (other, _) in _counters)
        {
            if (IsOver(other))
            {
                _counters.TryRemove(other, out _);
            }
        }

        return _counters.GetOrAdd(key, static _ => new MemoryBudgetCounter());
    }

    private bool IsOver(BudgetKey key) => key.End is { } end && time.GetUtcNow() >= end + Grace;
}
