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
internal sealed class MemoryBudgetStore(Func<BudgetKey, DateTimeOffset, Task<TeamCharges>> seed, TimeProvider time) : IBudgetStore
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

    private readonly ConcurrentDictionary<BudgetKey, Counter> _counters = new();

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
    public ValueTask<bool> HoldAsync(BudgetKey key, Guid id, PicoDollars amount, bool isCounted)
    {
        if (!IsOver(key))
        {
            CounterOf(key).Hold(id, amount, isCounted);
        }

        return new ValueTask<bool>(true);
    }

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

    /// <summary>Applies what the ledger says about a reservation, unless it has already been settled.</summary>
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
    /// <returns>The number of added rows.</returns>
    internal int AddBegun(IReadOnlyList<RowCharge> rows)
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
                if (row.StartedAt >= key.Start && (key.End is not { } end || row.StartedAt < end))
                {
                    added += counter.TryAdd(row) ? 1 : 0;
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

    private async ValueTask<BudgetResult> ReserveSeededAsync(BudgetKey key, Counter counter, PicoDollars limit, Guid id, PicoDollars amount)
    {
        BudgetResult result;
        do
        {
            await SeedAsync(key, counter);
        }
        while (!counter.TryReserve(limit, id, amount, out result));
        return result;
    }

    private async Task SeedAsync(BudgetKey key, Counter counter)
    {
        try
        {
            await counter.SeedAsync(key, seed, time.GetUtcNow() - Lateness).WaitAsync(SeedTimeout, time);
        }
        catch (Exception fault) when (fault is LedgerException or TimeoutException)
        {
            throw new LimitStoreException("The counter of a budget could not be seeded from the ledger.", fault);
        }
    }

    private Counter CounterOf(BudgetKey key)
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

        return _counters.GetOrAdd(key, static _ => new Counter());
    }

    private bool IsOver(BudgetKey key) => key.End is { } end && time.GetUtcNow() >= end + Grace;

    private sealed class Counter
    {
        private readonly Lock _gate = new();

        /// <summary>Open reservations, of this process or of rows that were open in the ledger when the counter was seeded.</summary>
        private readonly Dictionary<Guid, PicoDollars> _open = [];

        /// <summary>Charges that arrived before the counter was seeded. The query may have read their rows as open.</summary>
        private Dictionary<Guid, PicoDollars>? _early;

        /// <summary>The sum of <see cref="_open"/>.</summary>
        private PicoDollars _reserved;

        /// <summary>Ids that have stopped counting although their bill is unknown. A late bill is added.</summary>
        private HashSet<Guid>? _expired;

        /// <summary>
        /// Settled ids without a granted reservation, so that a repeated settlement counts once. Only failures cause them.
        /// </summary>
        private HashSet<Guid>? _late;

        /// <summary>Rows above <see cref="_firstUnread"/> that the counter includes: those of the seed, and those of other processes.</summary>
        private readonly HashSet<Guid> _recent = [];

        private Guid _firstUnread;
        private PicoDollars _charged;
        private bool _isSeeded;
        private Task? _seeding;

        /// <summary>The lowest id of a row that the counter may not include; <see langword="null"/> until it is seeded.</summary>
        public Guid? FirstUnread
        {
            get
            {
                lock (_gate)
                {
                    return _isSeeded ? _firstUnread : null;
                }
            }
        }

        public bool TryReserve(PicoDollars limit, Guid id, PicoDollars amount, out BudgetResult result)
        {
            lock (_gate)
            {
                if (!_isSeeded)
                {
                    result = default;
                    return false;
                }

                var isGranted = _open.ContainsKey(id);
                if (!isGranted && _charged + amount <= limit)
                {
                    Open(id, amount);
                    _charged += amount;
                    isGranted = true;
                }

                result = new BudgetResult(isGranted, _charged, isGranted ? default : _reserved);
                return true;
            }
        }

        public bool TryRead(out PicoDollars charged)
        {
            lock (_gate)
            {
                charged = _charged;
                return _isSeeded;
            }
        }

        public Guid[] OpenBelow(Guid first)
        {
            lock (_gate)
            {
                return [.. _open.Keys.Where(id => id.CompareTo(first) < 0)];
            }
        }

        public bool TryChange(ClosedReservations.Change change)
        {
            lock (_gate)
            {
                if (!_open.TryGetValue(change.Id, out var reserved) || (change.IsOpen && change.Charge == reserved))
                {
                    return false;
                }

                Close(change.Id);
                _charged += change.Charge - reserved;
                if (change.IsOpen)
                {
                    Open(change.Id, change.Charge);
                }
                else if (change.IsExpired)
                {
                    (_expired ??= []).Add(change.Id);
                }

                return true;
            }
        }

        public void Hold(Guid id, PicoDollars amount, bool isCounted)
        {
            lock (_gate)
            {
                // The seed reads the amount from the row.
                if (!_isSeeded)
                {
                    return;
                }

                var isOpen = _open.TryGetValue(id, out var reserved);
                if (isOpen || (!isCounted && !_recent.Contains(id) && _late?.Contains(id) != true))
                {
                    Close(id);
                    Open(id, amount);
                    _charged += amount - reserved;
                }
            }
        }

        public bool TryAdd(RowCharge row)
        {
            lock (_gate)
            {
                if (!_isSeeded || row.Id.CompareTo(_firstUnread) < 0 || !_recent.Add(row.Id)
                    || _open.ContainsKey(row.Id) || _late?.Contains(row.Id) == true)
                {
                    return false;
                }

                _charged += row.Charge;
                if (row.IsOpen || row.IsUnresolvable)
                {
                    Open(row.Id, row.Charge);
                }

                return true;
            }
        }

        public void MarkRead(Guid firstUnread)
        {
            lock (_gate)
            {
                if (_isSeeded && firstUnread.CompareTo(_firstUnread) > 0)
                {
                    _firstUnread = firstUnread;
                    _recent.RemoveWhere(id => id.CompareTo(firstUnread) < 0);
                }
            }
        }

        public void Settle(Guid id, PicoDollars charge, bool isCounted)
        {
            lock (_gate)
            {
                if (!_isSeeded)
                {
                    (_early ??= []).TryAdd(id, charge);
                    return;
                }

                if (_open.TryGetValue(id, out var reserved))
                {
                    Close(id);
                    _charged += charge - reserved;
                    if (!isCounted)
                    {
                        (_late ??= []).Add(id);
                    }
                }
                else if (_expired?.Remove(id) == true)
                {
                    _charged += charge;
                }
                else if (!isCounted && !_recent.Contains(id) && (_late ??= []).Add(id))
                {
                    _charged += charge;
                }
            }
        }

        /// <summary>Seeds the counter. Concurrent callers share one query; after a failure the next caller starts another.</summary>
        public Task SeedAsync(BudgetKey key, Func<BudgetKey, DateTimeOffset, Task<TeamCharges>> seed, DateTimeOffset recent)
        {
            lock (_gate)
            {
                if (_isSeeded)
                {
                    return Task.CompletedTask;
                }

                if (_seeding is null or { IsCompleted: true })
                {
                    // On the thread pool: a query that completes synchronously would otherwise run inside the lock.
                    _seeding = Task.Run(() => ReadAsync(key, seed, recent));
                }

                return _seeding;
            }
        }

        // The caller holds _gate.
        private void Open(Guid id, PicoDollars amount)
        {
            _open.Add(id, amount);
            _reserved += amount;
        }

        // The caller holds _gate.
        private void Close(Guid id)
        {
            if (_open.Remove(id, out var amount))
            {
                _reserved -= amount;
            }
        }

        private async Task ReadAsync(BudgetKey key, Func<BudgetKey, DateTimeOffset, Task<TeamCharges>> seed, DateTimeOffset recent)
        {
            var charges = await seed(key, recent);
            lock (_gate)
            {
                _charged = charges.Charged;
                foreach (var (id, reserved) in charges.Open)
                {
                    Open(id, reserved);
                }

                _firstUnread = LedgerKeys.FirstAt(recent);
                _recent.UnionWith(charges.Recent);
                _isSeeded = true;
                foreach (var (id, charge) in _early ?? [])
                {
                    // A row that was already closed when the ledger was read is part of the sum. A recent row that the ledger did not have
                    // is still queued.
                    Settle(id, charge, isCounted: true);
                    _charged += id.CompareTo(_firstUnread) >= 0 && !_recent.Contains(id) ? charge : PicoDollars.Zero;
                    (_late ??= []).Add(id);
                }

                _early = null;
            }
        }
    }
}
