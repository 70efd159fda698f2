using Gateway.Ledger;

namespace Gateway.Tests.Gateway.Admin;

/// <summary>A ledger that is looked up in; it counts the reads.</summary>
internal sealed class FakeLedgerLookup : ILedgerLookup
{
    public List<RequestRecord> Rows { get; } = [];

    public List<LatestKeyUse> Uses { get; } = [];

    public string? Fault { get; set; }

    public DateTimeOffset? SearchedSince { get; set; }

    public int Reads { get; private set; }

    public Task<RequestRecord?> FindRequestAsync(string id, CancellationToken cancellationToken) =>
        Read(() => Rows.FirstOrDefault(row => row.RequestId == id || row.GenerationId == id));

    public Task<IReadOnlyList<RequestRecord>> ReadRequestsAsync(IReadOnlyCollection<Guid> ids, CancellationToken cancellationToken) =>
        Read<IReadOnlyList<RequestRecord>>(() => [.. Rows.Where(row => ids.Contains(row.Row!.Value))]);

    public Task<LatestRequests> ReadLatestAsync(
        RequestSelection selection, Func<RequestRecord, bool> isKnown, CancellationToken cancellationToken) => Read(() =>
    {
        RequestRecord[] rows = [.. Rows.Where(row => !(row.Time < selection.Since)).OrderByDescending(row => row.Time)];
        var (pages, read) = (new LatestPages(selection.Limit, isKnown), 0);
        bool isUnfinished;
        do
        {
            var page = rows.Skip(read).Take(pages.Size).ToArray();
            read += page.Length;
            isUnfinished = pages.Add(page);
        }
        while (isUnfinished);
        return pages.ToLatest(SearchedSince);
    });

    public Task<IReadOnlyList<LatestKeyUse>> ReadKeyUsesAsync(DateTimeOffset? since, CancellationToken cancellationToken) =>
        Read<IReadOnlyList<LatestKeyUse>>(() => Uses);

    private Task<T> Read<T>(Func<T> read)
    {
        Reads++;
        return Fault is null ? Task.FromResult(read()) : Task.FromException<T>(new LedgerException(Fault));
    }
}
