namespace Gateway.Ledger;

/// <summary>
/// Where generations are kept, one row each: SQLite or PostgreSQL, with the same schema. Every method throws
/// <see cref="LedgerException"/> when the store fails, and nothing else.
/// </summary>
internal interface ILedgerStore : IAsyncDisposable
{
    /// <summary>
    /// Identifies the ledger itself, for ever: budgets that several ledgers share can tell whose reservation one is.
    /// </summary>
    string LedgerId { get; }

    /// <summary>Opens the store, brings its schema up to date, and makes this process known as alive.</summary>
    Task OpenAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Writes entries in their order as one transaction. Called by one thread at a time. All of them are durable when it returns, or none.
    /// </summary>
    Task ApplyAsync(IReadOnlyList<LedgerEntry> entries, CancellationToken cancellationToken);

    /// <summary>
    /// Takes over rows that are reserved by processes which are dead: those with a generation id become provisional, to be asked for
    /// at <paramref name="now"/>, the others unresolvable.
    /// </summary>
    /// <returns>How many rows became what.</returns>
    Task<(int Provisional, int Unresolvable)> AdoptOrphansAsync(DateTimeOffset now, CancellationToken cancellationToken);

    /// <summary>
    /// Takes provisional rows of these teams that are due, oldest first, and keeps other nodes from asking for them until
    /// <paramref name="leasedUntil"/>. Rows of other teams are not touched and take no place among the <paramref name="max"/>.
    /// </summary>
    Task<IReadOnlyList<PendingGeneration>> TakeDueAsync(
        IReadOnlyCollection<string> teams, DateTimeOffset now, DateTimeOffset leasedUntil, int max, CancellationToken cancellationToken);

    /// <summary>Sums up usage of the requests that came in a time; bounds are optional, the upper one exclusive.</summary>
    Task<IReadOnlyList<UsageRow>> ReadUsageAsync(
        UsageGroup group, DateTimeOffset? from, DateTimeOffset? to, CancellationToken cancellationToken);

    /// <summary>What a team was charged since a moment (<see cref="DateTimeOffset.MinValue"/>: ever, rows that were removed included).</summary>
    Task<TeamCharges> ReadChargesAsync(string team, DateTimeOffset from, CancellationToken cancellationToken);

    /// <summary>The charges of these rows; rows that do not exist are missing from the answer.</summary>
    Task<IReadOnlyDictionary<Guid, RowCharge>> ReadChargesAsync(IReadOnlyCollection<Guid> ids, CancellationToken cancellationToken);

    /// <summary>Closed rows whose charge the budget's counter does not know.</summary>
    Task<IReadOnlyList<RowCharge>> ReadUncountedAsync(int max, CancellationToken cancellationToken);

    /// <summary>Notes that the budget's counter knows the charge of these rows.</summary>
    Task MarkCountedAsync(IReadOnlyCollection<Guid> ids, CancellationToken cancellationToken);

    /// <summary>Whether a team has a row with this generation id.</summary>
    Task<bool> HasGenerationAsync(string team, string generationId, CancellationToken cancellationToken);

    /// <summary>
    /// Removes closed rows of requests that came before a moment; what they cost stays in the teams' totals. One call removes the oldest
    /// thousand, so that it never holds up the writer for long.
    /// </summary>
    /// <returns>How many are gone: zero when none was left.</returns>
    Task<int> RemoveBeforeAsync(DateTimeOffset before, CancellationToken cancellationToken);
}

/// <summary>The ledger could not be read or written. The message is safe to log and holds no secret of a connection.</summary>
internal sealed class LedgerException(string message, Exception? inner = null) : Exception(message, inner);
