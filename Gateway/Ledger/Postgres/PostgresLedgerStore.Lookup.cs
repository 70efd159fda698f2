using Gateway.Primitives;
using Npgsql;
using static Gateway.Ledger.Postgres.PostgresParameters;

namespace Gateway.Ledger.Postgres;

/// <summary>The look-up of requests.</summary>
internal sealed partial class PostgresLedgerStore : ILedgerLookup
{
    public Task<RequestRecord?> FindRequestAsync(string id, CancellationToken cancellationToken)
    {
        // An id that sanitizing changes is in no row.
        return LedgerSanitizer.Text(id) != id ? Task.FromResult<RequestRecord?>(null) : GuardAsync(async () =>
        {
            await using var named = Command(LookupSql.ByGeneration, Text(id));
            if (await ReadRequestsAsync(named, cancellationToken) is [{ } row])
            {
                return row;
            }

            if (RequestIds.TryTime(id, out var time))
            {
                foreach (var (from, to) in LookupSql.RangesOf(time))
                {
                    await using var command = Command(LookupSql.ByRequest, Id(from), Id(to), Text(id));
                    command.CommandTimeout = ReportTimeoutSeconds;
                    if (await ReadRequestsAsync(command, cancellationToken) is [{ } found])
                    {
                        return found;
                    }
                }
            }

            return null;
        });
    }

    public Task<IReadOnlyList<RequestRecord>> ReadRequestsAsync(IReadOnlyCollection<Guid> ids, CancellationToken cancellationToken) =>
        GuardAsync<IReadOnlyList<RequestRecord>>(async () =>
        {
            await using var command = Command(LookupSql.ByIds, Ids(ids));
            return await ReadRequestsAsync(command, cancellationToken);
        });

    public Task<LatestRequests> ReadLatestAsync(
        RequestSelection selection, Func<RequestRecord, bool> isKnown, CancellationToken cancellationToken) => GuardAsync(async () =>
    {
        var (lowest, searchedSince) = (LookupSql.LowestOf(selection), (DateTimeOffset?)null);
        if (selection.IsFiltered)
        {
            await using var bound = Command(LookupSql.Oldest, Id(lowest));
            bound.CommandTimeout = ReportTimeoutSeconds;
            await using var reader = await bound.ExecuteReaderAsync(cancellationToken);
            if (await reader.ReadAsync(cancellationToken))
            {
                (lowest, searchedSince) = (reader.GetGuid(0), LedgerKeys.FromStored(reader.GetInt64(1)));
            }
        }

        var (sql, values) = LookupSql.Latest(selection);
        var pages = new LatestPages(selection.Limit, isKnown);
        while (pages.Add(await ReadPageAsync(pages)))
        {
        }

        return pages.ToLatest(searchedSince);

        async Task<List<RequestRecord>> ReadPageAsync(LatestPages next)
        {
            await using var command = Command(
                sql,
                [
                    Id(lowest),
                    Time(selection.Since ?? DateTimeOffset.MinValue),
                    Number(next.Size),
                    Id(next.Below),
                    .. values.Select(value => value is long number ? Number(number) : LongText((string)value)),
                ]);
            command.CommandTimeout = ReportTimeoutSeconds;
            return await ReadRequestsAsync(command, cancellationToken);
        }
    });

    public Task<IReadOnlyList<LatestKeyUse>> ReadKeyUsesAsync(DateTimeOffset? since, CancellationToken cancellationToken) =>
        GuardAsync<IReadOnlyList<LatestKeyUse>>(async () =>
        {
            var uses = new List<LatestKeyUse>();
            await using var command = Command(LookupSql.KeyUses, Id(LedgerKeys.FirstAt(since ?? DateTimeOffset.UnixEpoch)));
            command.CommandTimeout = ReportTimeoutSeconds;
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            while (await reader.ReadAsync(cancellationToken))
            {
                uses.Add(new LatestKeyUse(reader.GetString(0), reader.GetString(1), LedgerKeys.FromStored(reader.GetInt64(2))));
            }

            return uses;
        });

    private static async Task<List<RequestRecord>> ReadRequestsAsync(NpgsqlCommand command, CancellationToken cancellationToken)
    {
        var rows = new List<RequestRecord>();
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            rows.Add(LookupSql.Read(reader, reader.GetGuid(0)));
        }

        return rows;
    }
}
