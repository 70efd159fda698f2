using Gateway.Ledger;
using Gateway.Ledger.Sqlite;
using Gateway.Tests.Support;
using Microsoft.Data.Sqlite;
using Xunit;

namespace Gateway.Tests.Gateway.Ledger.Sqlite;

public sealed class SqliteLedgerLookupTests : LedgerLookupTests
{
    private readonly TempFolder _folder = new();

    private string Path => _folder.File("usage.db");

    private protected override Task<ILedgerStore> CreateAsync() => Task.FromResult<ILedgerStore>(new SqliteLedgerStore(Path));

    private protected override Task CleanUpAsync()
    {
        _folder.Dispose();
        return Task.CompletedTask;
    }

    /// <summary>
    /// A ledger has millions of rows: a look-up that reads all of them takes seconds. Lists and key uses read the latest rows, in the order of
    /// the primary key.
    /// </summary>
    [Theory]
    [InlineData(nameof(LookupSql.ByGeneration), "SEARCH generations USING INDEX generations_generation_id (<expr>=?)")]
    [InlineData(nameof(LookupSql.ByRequest), "SEARCH generations USING PRIMARY KEY (id>? AND id<?)")]
    [InlineData(nameof(LookupSql.ById), "SEARCH generations USING PRIMARY KEY (id=?)")]
    [InlineData(nameof(LookupSql.Oldest), "SEARCH generations USING PRIMARY KEY (id>?)")]
    [InlineData(nameof(LookupSql.KeyUses), "SEARCH generations USING PRIMARY KEY (id>?)")]
    [InlineData(nameof(LookupSql.Latest), "SEARCH generations USING PRIMARY KEY (id>? AND id<?)")]
    [InlineData(nameof(LedgerSql.UncountedOfTeam), "SEARCH generations USING INDEX generations_uncounted_of_team (team=? AND (started_at,id)>(?,?))")]
    public async Task Query_ReadsAnIndex(string name, string expected)
    {
        var sql = name switch
        {
            nameof(LookupSql.ByGeneration) => LookupSql.ByGeneration,
            nameof(LookupSql.ByRequest) => LookupSql.ByRequest,
            nameof(LookupSql.ById) => LookupSql.ById,
            nameof(LookupSql.Oldest) => LookupSql.Oldest,
            nameof(LookupSql.KeyUses) => LookupSql.KeyUses,
            nameof(LedgerSql.UncountedOfTeam) => LedgerSql.UncountedOfTeam,
            _ => LookupSql.Latest(new() { Team = "search", Model = "x*", Status = 200, Limit = 100 }).Sql,
        };
        await using var connection = new SqliteConnection($"Data Source={Path};Pooling=False");
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        await using var command = connection.CreateCommand();
        command.CommandText = "EXPLAIN QUERY PLAN " + sql;
        for (var i = 1; i <= 7; i++)
        {
            command.Parameters.AddWithValue($"${i}", "x");
        }

        var plan = new List<string>();
        await using var reader = await command.ExecuteReaderAsync(TestContext.Current.CancellationToken);
        while (await reader.ReadAsync(TestContext.Current.CancellationToken))
        {
            plan.Add(reader.GetString(3));
        }

        Assert.Contains(expected, plan);
        Assert.DoesNotContain(plan, step => step.StartsWith("SCAN generations", StringComparison.Ordinal));
    }

    private protected override async Task FillAsync(int rows, DateTimeOffset from)
    {
        await using var connection = new SqliteConnection($"Data Source={Path};Pooling=False");
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        await using var command = connection.CreateCommand();
        command.CommandText = Fill(
            "unhex(printf('%012x70008000000000000000', $1 + n))",
            "zeroblob(16)",
            "(WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < $2) SELECT n FROM numbers)");
        command.Parameters.AddWithValue("$1", LedgerKeys.ToStored(from));
        command.Parameters.AddWithValue("$2", rows);
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
    }
}
