namespace Gateway.Ledger;

/// <summary>
/// Stores generations, one row each, in SQLite or PostgreSQL with the same schema. Methods throw only <see cref="LedgerException"/> when
/// the store fails.
/// </summary>
internal interface ILedgerStore : IAsyncDisposable
{
    /// <summary>The permanent id of the ledger. Several ledgers may share a budget; the id distinguishes their reservations.</summary>
    string LedgerId { get; }

    /// <summary>Opens the store, upgrades its schema, and registers this process as alive.</summary>
    Task OpenAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Writes entries in order, in one transaction: when it returns, all of them are durable; if it throws, none is. Called by one thread
    /// at a time.
    /// </summary>
    Task ApplyAsync(IReadOnlyList<LedgerEntry> entries, CancellationToken cancellationToken);

    /// <summary>
    /// Adopts the reserved rows of dead processes. Rows with a generation id become provisional, with the first bill query at
    /// <paramref name="now"/>. The other rows become unresolvable.
    /// </summary>
    /// <returns>The number of rows in each new state.</returns>
    Task<(int Provisional, int Unresolvable)> AdoptOrphansAsync(DateTimeOffset now, CancellationToken cancellationToken);

    /// <summary>
    /// Leases due provisional rows of these teams, oldest first: other nodes do not query them until <paramref name="leasedUntil"/>. Rows
    /// of other teams are not touched and do not count towards <paramref name="max"/>.
    /// </summary>
    Task<IReadOnlyList<PendingGeneration>> TakeDueAsync(
        IReadOnlyCollection<string> teams, DateTimeOffset now, DateTimeOffset leasedUntil, int max, CancellationToken cancellationToken);

    /// <summary>Sums up the usage of requests that arrived in a time range. Bounds are optional; the upper bound is exclusive.</summary>
    Task<IReadOnlyList<UsageRow>> ReadUsageAsync(
        UsageGroup group, DateTimeOffset? from, DateTimeOffset? to, CancellationToken cancellationToken);

    /// <summary>The charges of a team since a time; <see cref="DateTimeOffset.MinValue"/> includes removed rows.</summary>
    Task<TeamCharges> ReadChargesAsync(string team, DateTimeOffset from, CancellationToken cancellationToken) =>
        ReadChargesAsync(team, from, DateTimeOffset.MaxValue, cancellationToken);

    /// <summary>The charges of a team since a time, with the ids of the rows created since <paramref name="recent"/>.</summary>
    Task<TeamCharges> ReadChargesAsync(string team, DateTimeOffset from, DateTimeOffset recent, CancellationToken cancellationToken);

    /// <summary>The rows of other nodes with an id above <paramref name="after"/>, in the order of their ids.</summary>
    Task<IReadOnlyList<RowCharge>> ReadBegunByOthersAsync(Guid after, int max, CancellationToken cancellationToken);

    /// <summary>The charges of rows. The result has no entry for rows that do not exist.</summary>
    Task<IReadOnlyDictionary<Guid, RowCharge>> ReadChargesAsync(IReadOnlyCollection<Guid> ids, CancellationToken cancellationToken);

    /// <summary>Closed rows whose charge is not in the budget's counter yet.</summary>
    Task<IReadOnlyList<RowCharge>> ReadUncountedAsync(int max, CancellationToken cancellationToken);

    /// <summary>Marks rows as counted: their charge is in the budget's counter.</summary>
    Task MarkCountedAsync(IReadOnlyCollection<Guid> ids, CancellationToken cancellationToken);

    /// <summary>Whether a team has a row with this generation id.</summary>
    Task<bool> HasGenerationAsync(string team, string generationId, CancellationToken cancellationToken);

    /// <summary>
    /// Removes closed rows of requests that arrived before a time; their cost stays in the teams' totals. One call removes up to 1,000
    /// rows, so writers wait only briefly.
    /// </summary>
    /// <returns>The number of removed rows; zero if there are no more.</returns>
    Task<int> RemoveBeforeAsync(DateTimeOffset before, CancellationToken cancellationToken);
}

/// <summary>The ledger could not be read or written. The message is safe to log: it contains no connection string.</summary>
internal sealed class LedgerException(string message, Exception? inner = null) : Exception(message, inner);
