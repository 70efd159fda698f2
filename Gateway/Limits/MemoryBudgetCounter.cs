using Gateway.Billing;
using Gateway.Ledger;
using Gateway.Primitives;

namespace Gateway.Limits;

/// <summary>
/// The charges of a period, counted in this process. Without effect until it is seeded from the ledger, except that charges which arrive
/// before are kept. Thread-safe.
/// </summary>
internal sealed class MemoryBudgetCounter
{
    /// <summary>
    /// The number of ids of each kind that a counter remembers beside its reservations, at most. Half of it is the length of the ledger's
    /// queue, so the charges that the ledger may not have yet are remembered. For a forgotten one the ledger decides:
    /// <see cref="MemoryBudgetReconciler"/> closes its reservation, and replaces a counter that lacks its charge.
    /// </summary>
    internal const int MaxRemembered = 2 * LedgerQueue.MaxKept;

    private readonly Lock _gate = new();

    /// <summary>Open reservations, of this process or of rows that were open in the ledger when the counter was seeded.</summary>
    private readonly Dictionary<Guid, PicoDollars> _open = [];

    /// <summary>Charges that arrived before the counter was seeded. The query may have read their rows as open.</summary>
    private readonly LatestIds<PicoDollars> _early = new(MaxRemembered);

    /// <summary>The sum of <see cref="_open"/>.</summary>
    private PicoDollars _reserved;

    /// <summary>Ids that have stopped counting although their bill is unknown. A late bill is added.</summary>
    private readonly LatestIds<bool> _expired = new(MaxRemembered);

    /// <summary>
    /// Settled ids without a granted reservation, so that a repeated settlement counts once. Only failures cause them.
    /// </summary>
    private readonly LatestIds<bool> _late = new(MaxRemembered);

    /// <summary>Rows above <see cref="_firstUnread"/> that the counter includes: those of the seed, and those of other processes.</summary>
    private readonly HashSet<Guid> _recent = [];

    private Guid _firstUnread;
    private PicoDollars _charged;
    private bool _isSeeded;
    private Task? _seeding;

    /// <summary>The number of ids that are remembered beside the reservations.</summary>
    internal int RememberedCount
    {
        get
        {
            lock (_gate)
            {
                return _early.Count + _expired.Count + _late.Count;
            }
        }
    }

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

    public bool TryPreview(PicoDollars limit, PicoDollars amount, out BudgetResult result)
    {
        lock (_gate)
        {
            result = new BudgetResult(false, _charged, _reserved).For(amount, limit);
            return _isSeeded;
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

    /// <summary>Reads the charges without the open reservations.</summary>
    public bool TryReadSettled(out PicoDollars settled)
    {
        lock (_gate)
        {
            settled = _charged - _reserved;
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
                _expired.TryAdd(change.Id, true);
            }

            return true;
        }
    }

    /// <returns>Whether the amount is counted. Before the seed, an amount without a reservation is not: its row may be queued.</returns>
    public bool Hold(Guid id, PicoDollars amount, bool isCounted)
    {
        lock (_gate)
        {
            // The seed reads the amount from the row.
            if (!_isSeeded)
            {
                return isCounted;
            }

            var isOpen = _open.TryGetValue(id, out var reserved);
            if (isOpen || (!isCounted && !_recent.Contains(id) && !_late.Contains(id)))
            {
                Close(id);
                Open(id, amount);
                _charged += amount - reserved;
            }

            return true;
        }
    }

    public bool TryAdd(RowCharge row)
    {
        lock (_gate)
        {
            if (!_isSeeded || row.Id.CompareTo(_firstUnread) < 0 || !_recent.Add(row.Id)
                || _open.ContainsKey(row.Id) || _late.Contains(row.Id))
            {
                return false;
            }

            _charged += row.Charge;
            if (row.IsOpen || row.IsUnresolvable)
            {
                Open(row.Id, row.Charge);
            }
            else if (row.IsExpired)
            {
                _expired.TryAdd(row.Id, true);
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
                _early.TryAdd(id, charge);
                return;
            }

            if (_open.TryGetValue(id, out var reserved))
            {
                Close(id);
                _charged += charge - reserved;
                if (!isCounted)
                {
                    _late.TryAdd(id, true);
                }
            }
            else if (_expired.Remove(id))
            {
                _charged += charge;
                if (!isCounted)
                {
                    _late.TryAdd(id, true);
                }
            }
            else if (!isCounted && !_recent.Contains(id) && _late.TryAdd(id, true))
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

            foreach (var id in charges.Expired)
            {
                _expired.TryAdd(id, true);
            }

            _firstUnread = LedgerKeys.FirstAt(recent);
            _recent.UnionWith(charges.Recent);
            _isSeeded = true;
            foreach (var (id, charge) in _early.All)
            {
                // A row that was already closed when the ledger was read is part of the sum. A recent row that the ledger did not have
                // is still queued.
                Settle(id, charge, isCounted: true);
                _charged += id.CompareTo(_firstUnread) >= 0 && !_recent.Contains(id) ? charge : PicoDollars.Zero;
                _late.TryAdd(id, true);
            }

            _early.Clear();
        }
    }
}
