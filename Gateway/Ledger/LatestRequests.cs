namespace Gateway.Ledger;

/// <summary>The latest rows of a selection.</summary>
/// <param name="Rows">The rows, newest first.</param>
/// <param name="SearchedSince">
/// The time since which the ledger was searched, if older rows were left out to bound the cost; <see langword="null"/> for all of it.
/// </param>
internal sealed record LatestRequests(IReadOnlyList<RequestRecord> Rows, DateTimeOffset? SearchedSince);
