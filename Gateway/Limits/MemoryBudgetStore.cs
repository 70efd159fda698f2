using System.Collections.Concurrent;
using Gateway.Billing;
using Gateway.Ledger;
using Gateway.Primitives;

namespace Gateway.Limits;

/// <summary>
/// Budgets of this process alone. The counter of a period is made from the ledger when it is first asked for, by one query that all who
/// wait for it share, and is kept until the period is over: as long as it may count, nothing that was reserved here can come back a second
/// time out of the ledger.
/// </summary>
/// <param name="seed">What a period is charged by the ledger.</param>
/// <param name="time">The clock.</param>
internal sealed class MemoryBudgetStore(Func<BudgetKey, Task<TeamCharges>> seed, TimeProvider time) : IBudgetStore
{
    /// <summary>How long a request waits for a counter to be made.</summary>
    internal static readonly TimeSpan SeedTimeout = TimeSpan.FromSeconds(5);

    /// <summary>How long a period's counter outlives it: for requests that were admitted at its last moment.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromHours(1);

    private readonly ConcurrentDictionary<BudgetKey, Counter> _counters = new();

    /// <summary>How many counters it keeps.</summary>
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
        // Of a period that is over nobody reserves any more; who asks for it is answered from the ledger.
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
            await counter.SeedAsync(key, seed).WaitAsync(SeedTimeout, time);
        }
        catch (Exception fault) when (fault is LedgerException or TimeoutException)
        {
            throw new LimitStoreException("A budget's counter could not be made from the ledger.", fault);
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

        /// <summary>What is set aside: reserved here, or open in the ledger when the counter was made.</summary>
        private readonly Dictionary<Guid, PicoDollars> _open = [];

        /// <summary>
        /// Charges that came before the counter was made. The ledger may still have called their rows open when it was read.
        /// </summary>
        private Dictionary<Guid, PicoDollars>? _early;

        /// <summary>Settled without having been counted: what is told twice counts once. Few, for they come of failures.</summary>
        private HashSet<Guid>? _late;

        private PicoDollars _charged;
        private bool _isSeeded;
        private Task? _seeding;

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
                    _open.Add(id, amount);
                    _charged += amount;
                    isGranted = true;
                }

                result = new BudgetResult(isGranted, _charged);
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

        public void Settle(Guid id, PicoDollars charge, bool isCounted)
        {
            lock (_gate)
            {
                if (!_isSeeded)
                {
                    (_early ??= []).TryAdd(id, charge);
                    return;
                }

                if (_open.Remove(id, out var reserved))
                {
                    _charged += charge - reserved;
                    if (!isCounted)
                    {
                        (_late ??= []).Add(id);
                    }
                }
                else if (!isCounted && (_late ??= []).Add(id))
                {
                    _charged += charge;
                }
            }
        }

        /// <summary>
        /// Makes the counter; whoever comes while it is being made waits for the same query. After a failure the next one asks again.
        /// </summary>
        public Task SeedAsync(BudgetKey key, Func<BudgetKey, Task<TeamCharges>> seed)
        {
            lock (_gate)
            {
                if (_isSeeded)
                {
                    return Task.CompletedTask;
                }

                if (_seeding is null or { IsCompleted: true })
                {
                    // On a thread of the pool: a store that answers at once must not run inside the lock.
                    _seeding = Task.Run(() => ReadAsync(key, seed));
                }

                return _seeding;
            }
        }

        private async Task ReadAsync(BudgetKey key, Func<BudgetKey, Task<TeamCharges>> seed)
        {
            var charges = await seed(key);
            lock (_gate)
            {
                _charged = charges.Charged;
                foreach (var (id, reserved) in charges.Open)
                {
                    _open.Add(id, reserved);
                }

                _isSeeded = true;
                foreach (var (id, charge) in _early ?? [])
                {
                    // A row that was not open any more is part of the sum already.
                    Settle(id, charge, isCounted: true);
                    (_late ??= []).Add(id);
                }

                _early = null;
            }
        }
    }
}
