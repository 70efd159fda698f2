namespace Gateway.Ledger;

/// <summary>
/// The entries that wait for a transaction, in order. Posted entries, which have no waiter, are kept during an outage of the store; beyond
/// <see cref="MaxKept"/> the oldest are lost. Not thread-safe: <see cref="LedgerWriter"/> uses it under its lock.
/// </summary>
internal sealed class LedgerQueue
{
    /// <summary>The number of posted entries that are kept: about 100 MB of memory at worst.</summary>
    public const int MaxKept = 100_000;

    private Queue<Item> _items = new();
    private bool _isDropping;

    /// <summary>The number of entries and markers.</summary>
    public int Count => _items.Count;

    /// <summary>The number of entries and markers with a waiter.</summary>
    public int Awaited { get; private set; }

    /// <summary>The number of lost entries.</summary>
    public long Dropped { get; private set; }

    /// <summary>Adds an entry without a waiter.</summary>
    /// <returns>Whether the first entry of an outage was lost for it.</returns>
    public bool Post(LedgerEntry entry)
    {
        _items.Enqueue(new Item(entry, null));
        return DropOldest();
    }

    /// <summary>Adds an entry, or a marker, which completes when all entries before it are written.</summary>
    public LedgerWaiter Enqueue(LedgerEntry? entry)
    {
        var waiter = LedgerWaiter.Rent();
        _items.Enqueue(new Item(entry, waiter));
        Awaited++;
        return waiter;
    }

    /// <summary>Moves the oldest entries to a batch until it has a size.</summary>
    public void MoveTo(List<Item> batch, int size)
    {
        while (batch.Count < size && _items.TryDequeue(out var item))
        {
            batch.Add(item);
            Awaited -= item.Waiter is null ? 0 : 1;
        }
    }

    /// <summary>
    /// Takes a failed batch back: its posted entries return to the front, in their order. All waiters leave, including those queued during
    /// the transaction.
    /// </summary>
    /// <param name="batch">The batch, empty afterwards.</param>
    /// <param name="waiters">The waiters of the batch, then those of the queue.</param>
    /// <returns>Whether the first entry of an outage was lost for it.</returns>
    public bool TakeBack(List<Item> batch, out IReadOnlyList<LedgerWaiter> waiters)
    {
        var left = new List<LedgerWaiter>();
        var items = new Queue<Item>(batch.Count + _items.Count);
        foreach (var item in batch.Concat(_items))
        {
            if (item.Waiter is { } waiter)
            {
                left.Add(waiter);
            }
            else if (!item.IsOwn)
            {
                items.Enqueue(item);
            }
        }

        batch.Clear();
        _items = items;
        Awaited = 0;
        waiters = left;
        return DropOldest();
    }

    /// <summary>Counts an entry that is lost.</summary>
    /// <returns>Whether it is the first of an outage.</returns>
    public bool Drop()
    {
        Dropped++;
        var isFirst = !_isDropping;
        _isDropping = true;
        return isFirst;
    }

    /// <summary>Notes that an outage of the store is over.</summary>
    public void Recover() => _isDropping = false;

    private bool DropOldest()
    {
        var isFirst = false;
        while (_items.Count - Awaited > MaxKept && _items.TryPeek(out var oldest) && oldest.Waiter is null)
        {
            _items.Dequeue();
            isFirst |= Drop();
        }

        return isFirst;
    }

    /// <param name="Entry">The entry to write; <see langword="null"/> for a marker.</param>
    /// <param name="Waiter">The waiter; <see langword="null"/> for a posted entry.</param>
    /// <param name="IsOwn">Whether the writing thread itself is the caller.</param>
    internal readonly record struct Item(LedgerEntry? Entry, LedgerWaiter? Waiter, bool IsOwn = false);
}
