using Gateway.Primitives;

namespace Gateway.Ledger;

/// <summary>
/// Stores generations, one row each, in SQLite or PostgreSQL with the same schema. Methods throw only <see cref="LedgerException"/> when
/// the store fails.
/// </summary>
internal interface ILedgerStore : IAsyncDisposable
{
    /// <summary>The permanent id of the ledger. Several ledgers may share a budget; the id distinguishes their reservations.</summary>
    string LedgerId { get; }

    /// <summary>Whether <see cref="ApplyAsync"/> of an open store completes on the caller's thread, without waiting for a transaction.</summary>
    bool IsPrompt => false;

    /// <summary>The size in bytes of the journal of this process; zero for a store without one.</summary>
    long JournalSize => 0;

    /// <summary>The alerts in the ledger.</summary>
    IAlertStore Alerts { get; }

    /// <summary>Opens the store, upgrades its schema, and registers this process as alive.</summary>
    Task OpenAsync(CancellationToken cancellationToken);

    /// <summary>
    /// Writes entries in order: when it returns, all of them are durable; if it throws, none is. Called by one thread at a time.
    /// </summary>
    Task ApplyAsync(IReadOnlyList<LedgerEntry> entries, CancellationToken cancellationToken);

    /// <summary>
    /// Adopts the reserved rows of dead processes. Rows with a generation id become provisional, with the first bill query at
    /// <paramref name="now"/>. The other rows become unresolvable.
    /// </summary>
    /// <returns>The number of rows in each new state.</returns>
    Task<(int Provisional, int Unresolvable)> AdoptOrphansAsync(DateTimeOffset now, CancellationToken cancellationToken);

    /// <summary>
    /// Leases due provisional rows of these teams: other nodes do not query them until <paramref name="leasedUntil"/>. The teams are served in
    /// turn, each with its oldest row first, so that a team with many due rows does not delay those of the others. Rows of other teams are not
    /// touched and do not count towards <paramref name="max"/>.
    /// </summary>
    Task<IReadOnlyList<PendingGeneration>> TakeDueAsync(
        IReadOnlyCollection<string> teams, DateTimeOffset now, DateTimeOffset leasedUntil, int max, CancellationToken cancellationToken);

    /// <summary>Sums up the usage of requests, in no order.</summary>
    Task<IReadOnlyList<UsageRow>> ReadUsageAsync(UsageSelection selection, CancellationToken cancellationToken);

    /// <summary>
    /// The charges of a team, or of one of its keys, since the start of a day, removed rows included; with the ids of the rows created
    /// since <paramref name="recent"/>. The cost of the settled rows is read from the sums of days.
    /// </summary>
    /// <param name="team">The team's id.</param>
    /// <param name="keyLabel">The label of the key; <see langword="null"/> for all keys.</param>
    /// <param name="from">The start of the period, which is the start of a UTC day.</param>
    /// <param name="recent">The time since which rows are named.</param>
    /// <param name="heldSince">Unresolvable rows that were closed before this time are not charged.</param>
    /// <param name="cancellationToken">Cancels the query.</param>
    Task<TeamCharges> ReadChargesAsync(
        string team,
        string? keyLabel,
        DateTimeOffset from,
        DateTimeOffset recent,
        DateTimeOffset heldSince,
        CancellationToken cancellationToken);

    /// <summary>The costs of all settled rows of a team, including removed ones.</summary>
    Task<PicoDollars> ReadCostsAsync(string team, CancellationToken cancellationToken);

    /// <summary>The unresolvable rows that a query selects, oldest first.</summary>
    Task<IReadOnlyList<UnresolvedRow>> ReadUnresolvedAsync(WriteOffQuery query, CancellationToken cancellationToken);

    /// <summary>Writes off the rows that a query selects: they cost nothing from now on.</summary>
    /// <param name="query">The rows.</param>
    /// <param name="reason">Why; kept in the rows.</param>
    /// <param name="now">The current time.</param>
    /// <param name="cancellationToken">Cancels the write.</param>
    /// <returns>The rows, as they were.</returns>
    Task<IReadOnlyList<UnresolvedRow>> WriteOffAsync(
        WriteOffQuery query, string reason, DateTimeOffset now, CancellationToken cancellationToken);

    /// <summary>Reads a value that was stored under a name; <see langword="null"/> without one.</summary>
    Task<string?> ReadValueAsync(string name, CancellationToken cancellationToken);

    /// <summary>Stores a value under a name, in place of the one before.</summary>
    Task WriteValueAsync(string name, string value, CancellationToken cancellationToken);

    /// <summary>The rows of other nodes with an id above <paramref name="after"/>, in the order of their ids.</summary>
    Task<IReadOnlyList<RowCharge>> ReadBegunByOthersAsync(Guid after, int max, CancellationToken cancellationToken);

    /// <summary>The charges of rows. The result has no entry for rows that do not exist.</summary>
    Task<IReadOnlyDictionary<Guid, RowCharge>> ReadChargesAsync(IReadOnlyCollection<Guid> ids, CancellationToken cancellationToken);

    /// <summary>Closed rows whose charge is not in the budget's counter yet.</summary>
    Task<IReadOnlyList<RowCharge>> ReadUncountedAsync(int max, CancellationToken cancellationToken);

    /// <summary>Closed rows of one budget whose charge is not in its counter yet.</summary>
    Task<IReadOnlyList<RowCharge>> ReadUncountedAsync(UncountedPage page, CancellationToken cancellationToken);

    /// <summary>Marks rows as counted: their charge is in the budget's counter.</summary>
    Task MarkCountedAsync(IReadOnlyCollection<Guid> ids, CancellationToken cancellationToken);

    /// <summary>Whether a team has a row with this generation id.</summary>
    Task<bool> HasGenerationAsync(string team, string generationId, CancellationToken cancellationToken);

    /// <summary>
    /// Removes rows of requests that arrived before a time, except those of requests in flight; the sums of days keep their cost. Rows that
    /// still wait for a bill become unresolvable first, so that those of a removed team do not stay forever. One call removes up to
    /// 1,000 rows, so writers wait only briefly.
    /// </summary>
    /// <returns>The number of removed rows; zero if there are no more.</returns>
    Task<int> RemoveBeforeAsync(DateTimeOffset before, DateTimeOffset now, CancellationToken cancellationToken);
}

/// <summary>The ledger could not be read or written. The message is safe to log: it contains no connection string.</summary>
internal sealed class LedgerException(string message, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>Whether the ledger cannot be used and a retry cannot change that: it is no ledger, or that of a newer version.</summary>
    public bool IsPermanent { get; init; }

    /// <summary>Whether another process has the SQLite file locked.</summary>
    public bool IsLocked { get; init; }

    /// <summary>Whether the entry was refused because an earlier write failed: it is surely not in the ledger.</summary>
    public bool IsUntried { get; init; }
}
