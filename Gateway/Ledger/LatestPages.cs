namespace Gateway.Ledger;

/// <summary>
/// Collects a list of requests from pages of rows, newest first. A request with several attempts has several rows, and a caller may know
/// some requests from elsewhere, so a page may have fewer new requests than rows.
/// </summary>
internal sealed class LatestPages
{
    private const int LargestPage = 10_000;

    private readonly int _limit;
    private readonly Func<RequestRecord, bool> _isKnown;
    private readonly List<RequestRecord> _rows = [];
    private readonly HashSet<string> _requests = new(StringComparer.Ordinal);
    private int _found;
    private bool _isAtEnd;

    /// <param name="limit">The number of requests to collect, those that the caller knows not counted.</param>
    /// <param name="isKnown">Whether the caller knows the request of a row.</param>
    public LatestPages(int limit, Func<RequestRecord, bool> isKnown)
    {
        _limit = limit;
        _isKnown = isKnown;
        Size = limit;
    }

    /// <summary>The number of rows of the next page. Pages grow, so that a long run of known rows takes few of them.</summary>
    public int Size { get; private set; }

    /// <summary>The rows of the next page have lower ids.</summary>
    public Guid Below { get; private set; } = Guid.AllBitsSet;

    /// <summary>Adds a page of <see cref="Size"/> rows, or of fewer at the end of the list.</summary>
    /// <returns>Whether another page is needed.</returns>
    public bool Add(IReadOnlyList<RequestRecord> page)
    {
        foreach (var row in page)
        {
            // The row of the last attempt comes first.
            if (row.RequestId is { } id && !_requests.Add(id))
            {
                continue;
            }

            _rows.Add(row);
            if (!_isKnown(row) && ++_found == _limit)
            {
                return false;
            }
        }

        if (page.Count < Size)
        {
            _isAtEnd = true;
            return false;
        }

        Below = page[^1].Row!.Value;
        Size = Math.Max(Size, Math.Min(2 * Size, LargestPage));
        return true;
    }

    /// <summary>The collected rows.</summary>
    /// <param name="searchedSince">The time since which the ledger is searched; <see langword="null"/> for all of it.</param>
    public LatestRequests ToLatest(DateTimeOffset? searchedSince) => new(_rows, _isAtEnd ? searchedSince : null);
}
