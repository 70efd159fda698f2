namespace Gateway.Ledger;

/// <summary>Opens the store at the first entry, and writes batches to it. One batch at a time.</summary>
internal sealed class LedgerCommitter(ILedgerStore store) : IAsyncDisposable
{
    private readonly SemaphoreSlim _opening = new(1, 1);
    private readonly List<LedgerEntry> _entries = [];
    private volatile bool _isOpen;
    private volatile bool _hasFailedToOpen;
    private long _commits;

    /// <summary>Whether the store is open.</summary>
    public bool IsOpen => _isOpen;

    /// <summary>Whether the last attempt to open the store failed.</summary>
    public bool HasFailedToOpen => _hasFailedToOpen;

    /// <summary>Whether a batch is written on the caller's thread, without waiting for a transaction.</summary>
    public bool IsPrompt => store.IsPrompt && _isOpen;

    /// <inheritdoc cref="ILedgerStore.JournalSize" />
    public long JournalSize => store.JournalSize;

    /// <summary>The number of committed transactions.</summary>
    public long Commits => Volatile.Read(ref _commits);

    /// <summary>Opens the store if it is not open yet.</summary>
    /// <exception cref="LedgerException">The store could not be opened; the next call tries again.</exception>
    public async Task EnsureOpenAsync(CancellationToken cancellationToken)
    {
        if (_isOpen)
        {
            return;
        }

        await _opening.WaitAsync(cancellationToken);
        try
        {
            if (!_isOpen)
            {
                await store.OpenAsync(cancellationToken);
                (_isOpen, _hasFailedToOpen) = (true, false);
            }
        }
        catch (LedgerException)
        {
            _hasFailedToOpen = true;
            throw;
        }
        finally
        {
            _opening.Release();
        }
    }

    /// <summary>Writes a batch as one transaction. With SQLite it completes synchronously.</summary>
    /// <returns>Why it failed; <see langword="null"/> if all entries are durable.</returns>
    public async ValueTask<LedgerException?> TryWriteAsync(IReadOnlyList<LedgerQueue.Item> batch)
    {
        _entries.Clear();
        for (var i = 0; i < batch.Count; i++)
        {
            if (batch[i].Entry is { } entry)
            {
                _entries.Add(entry);
            }
        }

        try
        {
            if (_entries.Count > 0)
            {
                if (!_isOpen)
                {
                    await EnsureOpenAsync(CancellationToken.None);
                }

                await store.ApplyAsync(_entries, CancellationToken.None);
                _commits++;
            }

            return null;
        }
        catch (Exception exception)
        {
            // Any exception must reach the waiters.
            return exception as LedgerException ?? new LedgerException($"The ledger failed: {exception.Message}", exception);
        }
    }

    /// <summary>Closes the store.</summary>
    public ValueTask DisposeAsync() => store.DisposeAsync();
}
