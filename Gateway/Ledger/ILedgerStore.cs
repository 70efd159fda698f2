namespace Gateway.Ledger;

/// <summary>
/// Stores generations, one row each, in SQLite or PostgreSQL with the same schema. Methods throw <see cref="LedgerException"/> when the
/// store fails, and no other exception.
/// </summary>
internal interface ILedgerStore : IAsyncDisposable
{
    /// <summary>Identifies the ledger permanently, so that a budget shared by several ledgers can tell their reservations apart.</summary>
    string LedgerId { get; }

    /// <summary>Opens the store, upgrades its schema, and registers this process as alive.</summary>
    Task OpenAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Writes entries in order, as one transaction: when it returns, all are durable, or none. Called by one thread at a time.
    /// </summary>
    Task ApplyAsync(IReadOnlyList<LedgerEntry> entries, CancellationToken cancellationToken);

    /// <summary>
    /// Adopts the reserved rows of dead processes. Rows with a generation id become provisional, with a first bill query at
    /// <paramref name="now"/>; the others become unresolvable.
    /// </summary>
    /// <returns>The number of rows in each new state.</returns>
    Task<(int Provisional, int Unresolvable)> AdoptOrphansAsync(DateTimeOffset now, CancellationToken cancellationToken);

    /// <summary>
    /// Takes provisional rows of these teams that are due, oldest first, and keeps other nodes from asking for them until
    /// <paramref name="leasedUntil"/>. Rows of other teams are not touched and take no place among the <paramref name="max"/>.
    /// </summary>
    Task<IReadOnlyList<PendingGeneration>> TakeDueAsync(
        IReadOnlyCollection<string> teams, DateTimeOffset now, DateTimeOffset leasedUntil, int max, CancellationToken cancellationToken);

    /// <summary>Sums up the usage of requests that arrived in a time range; bounds are optional, the upper one exclusive.</summary>
    Task<IReadOnlyList<UsageRow>> ReadUsageAsync(
        UsageGroup group, DateTimeOffset? from, DateTimeOffset? to, CancellationToken cancellationToken);

    /// <summary>The charges of a team since a time; <see cref="DateTimeOffset.MinValue"/> includes removed rows.</summary>
    Task<TeamCharges> ReadChargesAsync(string team, DateTimeOffset from, CancellationToken cancellationToken);

    /// <summary>The charges of rows; rows that do not exist are missing from the result.</summary>
    Task<IReadOnlyDictionary<Guid, RowCharge>> ReadChargesAsync(IReadOnlyCollection<Guid> ids, CancellationToken cancellationToken);

    /// <summary>Closed rows whose charge is not in the budget's counter.</summary>
    Task<IReadOnlyList<RowCharge>> ReadUncountedAsync(int max, CancellationToken cancellationToken);

    /// <summary>Marks rows whose charge is in the budget's counter.</summary>
    Task MarkCountedAsync(IReadOnlyCollection<Guid> ids, CancellationToken cancellationToken);

    /// <summary>Whether a team has a row with this generation id.</summary>
    Task<bool> HasGenerationAsync(string team, string generationId, CancellationToken cancellationToken);

    /// <summary>
    /// Removes closed rows of requests that arrived before a time; their cost stays in the teams' totals. One call removes up to 1,000
    /// rows, to keep the writer's wait short.
    /// </summary>
    /// <returns>The number of removed rows; zero if none was left.</returns>
    Task<int> RemoveBeforeAsync(DateTimeOffset before, CancellationToken cancellationToken);
}

/// <summary>The ledger could not be read or written. The message is safe to log: it holds no connection string.</summary>
internal sealed class LedgerException(string message, Exception? inner = null) : Exception(message, inner);
