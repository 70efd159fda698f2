namespace Gateway.Ledger;

/// <summary>
/// Stores alerts until they are posted, and their names afterwards, so that each alert is posted once across restarts and nodes. An alert is
/// raised, claimed by one node for the time of a lease, posted, and marked. The lease of a node that died ends, and another node claims the
/// alert: it is posted at least once. Methods throw only <see cref="LedgerException"/> when the store fails.
/// </summary>
internal interface IAlertStore
{
    /// <summary>Adds an alert, due now, unless there is or was one of that name.</summary>
    Task RaiseAsync(RaisedAlert alert, CancellationToken cancellationToken);

    /// <summary>Claims due alerts, those due first before others. Other nodes do not claim them until <paramref name="leasedUntil"/>.</summary>
    Task<IReadOnlyList<ClaimedAlert>> ClaimDueAsync(DateTimeOffset now, DateTimeOffset leasedUntil, int max, CancellationToken cancellationToken);

    /// <summary>Marks an alert as posted.</summary>
    Task MarkPostedAsync(string name, DateTimeOffset now, CancellationToken cancellationToken);

    /// <summary>
    /// Ends a claim without a post. Without effect if the lease has ended and another node has claimed the alert.
    /// </summary>
    /// <param name="claim">The claim.</param>
    /// <param name="dueAt">When the alert is due again; <see langword="null"/> to give it up.</param>
    /// <param name="attempts">The number of failed posts so far.</param>
    /// <param name="cancellationToken">Cancels the write.</param>
    Task ReturnAsync(ClaimedAlert claim, DateTimeOffset? dueAt, int attempts, CancellationToken cancellationToken);

    /// <summary>Removes alerts, and their names, that expired before a time.</summary>
    Task RemoveExpiredAsync(DateTimeOffset now, CancellationToken cancellationToken);
}
