using Gateway.Primitives;
using Microsoft.Data.Sqlite;

namespace Gateway.Ledger.Sqlite;

/// <summary>The look-up of requests.</summary>
internal sealed partial class SqliteLedgerStore : ILedgerLookup
{
    public Task<RequestRecord?> FindRequestAsync(string id, CancellationToken cancellationToken)
    {
        // An id that sanitizing changes is in no row.
        return LedgerSanitizer.Text(id) != id
            ? Task.FromResult<RequestRecord?>(null)
            : _file.ReadLongAsync(connection =>
            {
                if (ReadRequests(connection, LookupSql.ByGeneration, id) is [{ } named])
                {
                    return named;
                }

                return RequestIds.TryTime(id, out var time)
                    ? LookupSql.RangesOf(time)
                        .Select(range => ReadRequests(
                            connection, LookupSql.ByRequest, LedgerKeys.ToBytes(range.From), LedgerKeys.ToBytes(range.To), id))
                        .FirstOrDefault(rows => rows.Count > 0)?[0]
                    : null;
            });
    }

    public Task<IReadOnlyList<RequestRecord>> ReadRequestsAsync(IReadOnlyCollection<Guid> ids, CancellationToken cancellationToken) =>
        _file.ReadAsync<IReadOnlyList<RequestRecord>>(connection =>
        {
            var rows = new List<RequestRecord>();
            using var command = connection.Command(LookupSql.ById, Array.Empty<byte>());
            foreach (var id in ids)
            {
                command.Parameters[0].Value = LedgerKeys.ToBytes(id);
                using var reader = command.ExecuteReader();
                if (reader.Read())
                {
                    rows.Add(LookupSql.Read(reader, id));
                }
            }

            return rows;
        });

    public Task<LatestRequests> ReadLatestAsync(RequestSelection selection, Func<RequestRecord, bool> isKnown, CancellationToken cancellationToken) =>
        _file.ReadLongAsync(connection =>
        {
            var (lowest, searchedSince) = (LedgerKeys.ToBytes(LookupSql.LowestOf(selection)), (DateTimeOffset?)null);
            if (selection.IsFiltered)
            {
                using var bound = connection.Command(LookupSql.Oldest, lowest);
                using var reader = bound.ExecuteReader();
                if (reader.Read())
                {
                    (lowest, searchedSince) = (reader.GetFieldValue<byte[]>(0), LedgerKeys.FromStored(reader.GetInt64(1)));
                }
            }

            var (sql, values) = LookupSql.Latest(selection);
            var pages = new LatestPages(selection.Limit, isKnown);
            while (pages.Add(ReadRequests(
                connection,
                sql,
                [
                    lowest, LedgerKeys.ToStored(selection.Since ?? DateTimeOffset.MinValue), (long)pages.Size, LedgerKeys.ToBytes(pages.Below), .. values,
                ])))
            {
            }

            return pages.ToLatest(searchedSince);
        });

    public Task<IReadOnlyList<LatestKeyUse>> ReadKeyUsesAsync(DateTimeOffset? since, CancellationToken cancellationToken) =>
        _file.ReadLongAsync<IReadOnlyList<LatestKeyUse>>(connection =>
        {
            var uses = new List<LatestKeyUse>();
            using var command = connection.Command(LookupSql.KeyUses, LedgerKeys.ToBytes(LedgerKeys.FirstAt(since ?? DateTimeOffset.UnixEpoch)));
            using var reader = command.ExecuteReader();
            while (reader.Read())
            {
                uses.Add(new LatestKeyUse(reader.GetString(0), reader.GetString(1), LedgerKeys.FromStored(reader.GetInt64(2))));
            }

            return uses;
        });

    private static List<RequestRecord> ReadRequests(SqliteConnection connection, string sql, params ReadOnlySpan<object> values)
    {
        var rows = new List<RequestRecord>();
        using var command = connection.Command(sql, values);
        using var reader = command.ExecuteReader();
        while (reader.Read())
        {
            rows.Add(LookupSql.Read(reader, Id(reader, 0)));
        }

        return rows;
    }
}
