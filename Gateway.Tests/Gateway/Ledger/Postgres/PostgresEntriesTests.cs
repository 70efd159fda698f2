using Gateway.Ledger;
using Gateway.Ledger.Postgres;
using Npgsql;
using Xunit;
using static Gateway.Tests.Gateway.Ledger.LedgerSamples;

namespace Gateway.Tests.Gateway.Ledger.Postgres;

/// <summary>Promise: an entry is as few statements as it can be.</summary>
public sealed class PostgresEntriesTests
{
    [Fact]
    public async Task Name_IsOneStatement()
    {
        var id = NewId();

        Assert.Equal(1, await CountAsync(Began(id)));
        Assert.Equal(1, await CountAsync(new LedgerEntry.Named(id, "gen-1763871234-x")));
        Assert.Equal(1, await CountAsync(Settled(id, 1)));

        // The name is stored even if the row is settled already.
        Assert.Equal(2, await CountAsync(Settled(id, 1) with { GenerationId = "gen-1763871234-x" }));
    }

    private static async Task<int> CountAsync(LedgerEntry entry)
    {
        await using var batch = new NpgsqlBatch();
        PostgresEntries.AddTo(batch, entry, NewId());
        return batch.BatchCommands.Count;
    }
}
