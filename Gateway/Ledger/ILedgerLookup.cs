namespace Gateway.Ledger;

/// <summary>Reads single requests of a ledger. Methods throw only <see cref="LedgerException"/> when the store fails.</summary>
internal interface ILedgerLookup
{
    /// <summary>
    /// Finds the row of a request by the request's id or upstream's; that of the last attempt if there were several.
    /// </summary>
    /// <param name="id">The id, as the client of the admin address wrote it.</param>
    /// <param name="cancellationToken">Cancels the read.</param>
    /// <returns>The row; <see langword="null"/> if there is none.</returns>
    Task<RequestRecord?> FindRequestAsync(string id, CancellationToken cancellationToken);

    /// <summary>Reads rows by their ids. The result has no entry for rows that do not exist.</summary>
    Task<IReadOnlyList<RequestRecord>> ReadRequestsAsync(IReadOnlyCollection<Guid> ids, CancellationToken cancellationToken);

    /// <summary>
    /// Reads the latest rows of a selection, one a request. A filtered selection searches the latest <see cref="LookupSql.MaxSearched"/> rows.
    /// </summary>
    /// <param name="selection">The selected requests. Its limit counts the requests that the caller does not know.</param>
    /// <param name="isKnown">Whether the caller knows the request of a row from elsewhere. The result has the row none the less.</param>
    /// <param name="cancellationToken">Cancels the read.</param>
    Task<LatestRequests> ReadLatestAsync(RequestSelection selection, Func<RequestRecord, bool> isKnown, CancellationToken cancellationToken);

    /// <summary>
    /// Reads the latest use of every key since a time, from the latest <see cref="LookupSql.MaxSearched"/> rows at most.
    /// </summary>
    Task<IReadOnlyList<LatestKeyUse>> ReadKeyUsesAsync(DateTimeOffset? since, CancellationToken cancellationToken);
}
