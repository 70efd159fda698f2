using Gateway.Ledger;
using Gateway.Observability;

namespace Gateway.Admin;

/// <summary>
/// Finds requests in the memory of recent requests, and behind it in the ledger. The bill of a request in memory is the ledger's, since it
/// may have been settled after the request had ended.
/// </summary>
/// <param name="recent">The memory of recent requests.</param>
/// <param name="ledger">
/// Returns the open ledger; <see langword="null"/> as long as no team was configured. Throws <see cref="LedgerException"/> if it cannot be
/// opened.
/// </param>
internal sealed class RequestLookup(RecentRequests recent, Func<ValueTask<ILedgerLookup?>> ledger)
{
    /// <summary>Finds a request by its id or upstream's.</summary>
    /// <returns>The request; <see langword="null"/> if it is not known.</returns>
    /// <exception cref="LedgerException">The request is not in memory, or its bill was open, and the ledger cannot be read.</exception>
    public async Task<RequestRecord?> FindAsync(string id, CancellationToken cancellationToken)
    {
        var kept = recent.Find(id);
        if (kept is { IsOpen: false })
        {
            return kept;
        }

        if (await ledger() is not { } store)
        {
            return kept;
        }

        return kept is null
            ? await store.FindRequestAsync(id, cancellationToken)
            : (await store.ReadRequestsAsync([kept.Row!.Value], cancellationToken)) is [{ } row] ? kept.With(row) : kept;
    }

    /// <summary>Lists the latest requests of a selection, newest first.</summary>
    /// <returns>
    /// The requests; the time since which they are complete if older rows were left out; and the fault if the ledger cannot be read. The
    /// bill of a request whose row could not be read is left out.
    /// </returns>
    public async Task<(IReadOnlyList<RequestRecord> Requests, DateTimeOffset? SearchedSince, LedgerException? Fault)> ListAsync(
        RequestSelection selection, CancellationToken cancellationToken)
    {
        var found = new List<RequestRecord>();
        var (rows, ids) = (new HashSet<Guid>(), new HashSet<string>(StringComparer.Ordinal));
        foreach (var request in recent.Read())
        {
            rows.Add(request.Row ?? Guid.Empty);
            ids.Add(request.OwnRequestId ?? request.RequestId ?? "");
            if (IsSelected(selection, request))
            {
                found.Add(request);
                if (found.Count == selection.Limit)
                {
                    break;
                }
            }
        }

        try
        {
            // However far the memory reaches, calls in flight and those of other nodes are in the ledger only. Codes are in the memory only.
            var isInLedger = selection.Code is null;
            if (!(isInLedger || found.Exists(static request => request.IsOpen)) || await ledger() is not { } store)
            {
                return (found, null, null);
            }

            // Older rows than the last of a full list would be cut off again. Without the bound, the ledger would search for requests that
            // memory does not know, and a node alone has none.
            var behind = found.Count == selection.Limit ? selection with { Since = found[^1].Time } : selection;
            var latest = isInLedger ? await store.ReadLatestAsync(behind, IsKnown, cancellationToken) : new LatestRequests([], null);
            var others = latest.Rows.Where(row => !IsKnown(row));
            List<RequestRecord> newest =
                [.. found.Concat(others).OrderByDescending(static request => request.Time).Take(selection.Limit)];
            var isComplete = newest.Count == selection.Limit && newest[^1].Time >= latest.SearchedSince;
            return (await WithBillsAsync(store, newest, latest.Rows, cancellationToken), isComplete ? null : latest.SearchedSince, null);
        }
        catch (LedgerException fault)
        {
            return ([.. found.Select(static request => request.IsOpen ? request with { State = null, Cost = null } : request)], null, fault);
        }

        // The rows of earlier attempts have other ids and the same request.
        bool IsKnown(RequestRecord row) => rows.Contains(row.Row!.Value) || (row.RequestId is { } id && ids.Contains(id));
    }

    private static async Task<IReadOnlyList<RequestRecord>> WithBillsAsync(
        ILedgerLookup store, List<RequestRecord> requests, IReadOnlyList<RequestRecord> fresh, CancellationToken cancellationToken)
    {
        var rows = fresh.ToDictionary(static row => row.Row!.Value);
        List<Guid> unread = [.. requests.Where(request => request.IsOpen && !rows.ContainsKey(request.Row!.Value)).Select(static request => request.Row!.Value)];
        foreach (var row in unread.Count > 0 ? await store.ReadRequestsAsync(unread, cancellationToken) : [])
        {
            rows.Add(row.Row!.Value, row);
        }

        return [.. requests.Select(request => request.IsOpen && rows.TryGetValue(request.Row!.Value, out var row) ? request.With(row) : request)];
    }

    private static bool IsSelected(RequestSelection selection, RequestRecord request) =>
        (selection.Team is null || request.Team == selection.Team)
        && (selection.Status is null || request.Status == selection.Status)
        && (selection.Code is null || request.Code == selection.Code)
        && !(request.Time < selection.Since)
        && (selection.Model is null
            || IsLike(request.Model, selection.Model) || IsLike(request.SentModel, selection.Model) || IsLike(request.AnsweredModel, selection.Model));

    /// <summary>Whether a name matches a pattern in which <c>*</c> stands for any run of characters, in any case.</summary>
    private static bool IsLike(string? name, string pattern)
    {
        if (name is null)
        {
            return false;
        }

        var pieces = pattern.Split('*');
        if (pieces.Length == 1)
        {
            return name.Equals(pattern, StringComparison.OrdinalIgnoreCase);
        }

        var (first, last) = (pieces[0], pieces[^1]);
        if (name.Length < first.Length + last.Length
            || !name.StartsWith(first, StringComparison.OrdinalIgnoreCase)
            || !name.EndsWith(last, StringComparison.OrdinalIgnoreCase))
        {
            return false;
        }

        // The earliest place of each piece leaves the most room for the next.
        var rest = name.AsSpan(first.Length, name.Length - first.Length - last.Length);
        foreach (var piece in pieces.AsSpan()[1..^1])
        {
            var at = rest.IndexOf(piece, StringComparison.OrdinalIgnoreCase);
            if (at < 0)
            {
                return false;
            }

            rest = rest[(at + piece.Length)..];
        }

        return true;
    }
}
