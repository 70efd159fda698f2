namespace Gateway.Ledger;

/// <summary>The ledger as requests see it: two ways to write, one that is waited for.</summary>
internal interface ILedger
{
    /// <summary>Writes an entry; it is durable when the task is done. Many callers share one commit.</summary>
    /// <exception cref="LedgerException">It could not be written; nothing of it was.</exception>
    ValueTask WriteAsync(LedgerEntry entry);

    /// <summary>
    /// Writes an entry soon, behind those written before. When the store fails it is kept in memory, up to a bound, and tried again.
    /// </summary>
    void Post(LedgerEntry entry);
}
