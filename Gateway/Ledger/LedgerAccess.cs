namespace Gateway.Ledger;

/// <summary>
/// Opens the ledger before a request reads it. The database may have been unreachable at the start, and a request that cannot read the
/// ledger is refused before it writes the entry that would open it.
/// </summary>
/// <remarks>Concurrent callers share one attempt. After a failure the next caller starts another.</remarks>
/// <param name="writer">The owner of the store's state.</param>
/// <param name="store">The store.</param>
/// <param name="time">The clock.</param>
internal sealed class LedgerAccess(LedgerWriter writer, ILedgerStore store, TimeProvider time)
{
    /// <summary>The longest time that a caller waits for an attempt, which continues after it.</summary>
    internal static readonly TimeSpan OpenTimeout = TimeSpan.FromSeconds(5);

    private readonly Lock _gate = new();
    private Task _opening = Task.CompletedTask;

    /// <summary>Whether the store is open.</summary>
    public bool IsOpen => writer.IsOpen;

    /// <summary>The store; may not be open yet.</summary>
    public ILedgerStore Store => store;

    /// <summary>Opens the store if it is not open yet.</summary>
    /// <exception cref="LedgerException">The store could not be opened, or not in time.</exception>
    public ValueTask EnsureOpenAsync() => writer.IsOpen ? ValueTask.CompletedTask : OpenAsync();

    /// <inheritdoc cref="LedgerWriter.FlushAsync" />
    public ValueTask FlushAsync() => writer.FlushAsync();

    private async ValueTask OpenAsync()
    {
        Task opening;
        lock (_gate)
        {
            if (_opening.IsCompleted)
            {
                // On the thread pool: SQLite opens synchronously, which would otherwise happen inside the lock.
                _opening = Task.Run(() => writer.EnsureOpenAsync(CancellationToken.None));
            }

            opening = _opening;
        }

        try
        {
            await opening.WaitAsync(OpenTimeout, time);
        }
        catch (TimeoutException fault)
        {
            throw new LedgerException("The ledger was not opened in time", fault);
        }
    }
}
