namespace Gateway.Ledger;

/// <summary>The ledger's write side for requests: a durable write that is awaited, and a deferred one.</summary>
internal interface ILedger
{
    /// <summary>Writes an entry, durably when the task completes. Concurrent callers share one commit.</summary>
    /// <exception cref="LedgerException">The entry could not be written; no part of it was.</exception>
    ValueTask WriteAsync(LedgerEntry entry);

    /// <summary>Queues an entry behind earlier ones. If the store fails, the entry is kept in memory, up to a bound, and retried.</summary>
    void Post(LedgerEntry entry);
}
