namespace Gateway.Ledger;

/// <summary>The write interface of the ledger for requests: an awaited durable write, and a deferred one.</summary>
internal interface ILedger
{
    /// <summary>Writes an entry. It is durable when the task completes. Concurrent callers share one commit.</summary>
    /// <exception cref="LedgerException">The entry was not written, not even in part.</exception>
    ValueTask WriteAsync(LedgerEntry entry);

    /// <summary>
    /// Queues an entry after earlier ones. If the store fails, the entry is kept in memory, up to a maximum number of entries, and retried.
    /// </summary>
    void Post(LedgerEntry entry);
}
