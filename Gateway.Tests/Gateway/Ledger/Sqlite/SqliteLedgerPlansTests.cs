using System.Text.RegularExpressions;
using Gateway.Ledger;
using Gateway.Ledger.Sqlite;
using Gateway.Tests.Support;
using Microsoft.Data.Sqlite;
using SQLitePCL;
using Xunit;
using static Gateway.Tests.Gateway.Ledger.LedgerSamples;

namespace Gateway.Tests.Gateway.Ledger.Sqlite;

/// <summary>
/// Promise: a ledger of millions of rows answers by an index. No statement reads all rows, or all sums of days; an index of the few rows that
/// wait, are uncounted or are unresolved may be read whole.
/// </summary>
public sealed partial class SqliteLedgerPlansTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public static TheoryData<string> Names => [.. LedgerStatements.All(isSqlite: true).Select(static statement => statement.Name)];

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Names))]
    public async Task Statement_ReadsAnIndex(string name)
    {
        var path = _folder.File("usage.db");
        await using (var store = new SqliteLedgerStore(path))
        {
            await store.OpenAsync(TestContext.Current.CancellationToken);
        }

        var sql = LedgerStatements.All(isSqlite: true).Single(statement => statement.Name == name).Sql;
        await using var connection = new SqliteConnection($"Data Source={path};Pooling=False");
        await connection.OpenAsync(TestContext.Current.CancellationToken);
        await using var command = connection.CreateCommand();
        command.CommandText = "EXPLAIN QUERY PLAN " + sql;
        for (var i = 1; i <= LedgerStatements.ParametersOf(sql); i++)
        {
            command.Parameters.AddWithValue($"${i}", "x");
        }

        var plan = new List<string>();
        await using var reader = await command.ExecuteReaderAsync(TestContext.Current.CancellationToken);
        while (await reader.ReadAsync(TestContext.Current.CancellationToken))
        {
            plan.Add(reader.GetString(3));
        }

        Assert.Contains(plan, static step => Table().IsMatch(step));
        Assert.All(plan.Where(static step => step.StartsWith("SCAN", StringComparison.Ordinal) && Table().IsMatch(step)), static step => Assert.Matches(IndexOfFew(), step));
    }

    /// <summary>
    /// Counts the steps of SQLite's machine: rows of another team, such as one that was removed from the settings with bills that are still
    /// awaited, add none to the statements of a team.
    /// </summary>
    [Theory]
    [InlineData("due")]
    [InlineData("charges")]
    [InlineData("uncounted")]
    public async Task RowsOfOtherTeams_AreNotRead(string statement)
    {
        var steps = new List<int>();
        foreach (var others in (int[])[3, 3000])
        {
            var path = _folder.File($"{others}.db");
            await using (var store = new SqliteLedgerStore(path))
            {
                await store.OpenAsync(TestContext.Current.CancellationToken);
                await store.ApplyAsync(
                    [.. Enumerable.Range(0, others).SelectMany(static _ => RowsOf("gone")), .. RowsOf("here")], TestContext.Current.CancellationToken);

                // Folds the journal.
                await store.ReadChargesAsync([], TestContext.Current.CancellationToken);
            }

            await using var connection = new SqliteConnection($"Data Source={path};Pooling=False");
            await connection.OpenAsync(TestContext.Current.CancellationToken);
            var later = LedgerKeys.ToStored(Now.AddMinutes(1));
            steps.Add(statement switch
            {
                "due" => StepsOf(connection, LedgerSql.Due(1), later, later, 16L, "here"),
                "charges" => StepsOf(
                    connection, LedgerSql.Charges, "here", 0L, 0L, LedgerKeys.ToBytes(LedgerKeys.FirstAt(DateTimeOffset.MaxValue)), 0L, ""),
                _ => StepsOf(connection, LedgerSql.UncountedOfTeam, "here", 0L, LedgerKeys.ToBytes(Guid.Empty), 100L, ""),
            });
        }

        // A page more or less of the tree is no step of the machine.
        Assert.InRange(steps[1], 1, steps[0]);
    }

    private static IEnumerable<LedgerEntry> RowsOf(string team)
    {
        var (waiting, uncounted) = (NewId(), NewId());
        yield return Began(waiting, team);
        yield return Provisional(waiting) with { GenerationId = "gen-1763871234-a" };
        yield return Began(uncounted, team) with { IsCounted = false };
        yield return Settled(uncounted, 7) with { IsCounted = false };
    }

    private static int StepsOf(SqliteConnection connection, string sql, params ReadOnlySpan<object> values)
    {
        Assert.Equal(raw.SQLITE_OK, raw.sqlite3_prepare_v2(connection.Handle!, sql.Replace('$', '?'), out var statement));
        using (statement)
        {
            for (var i = 0; i < values.Length; i++)
            {
                Assert.Equal(
                    raw.SQLITE_OK,
                    values[i] switch
                    {
                        long number => raw.sqlite3_bind_int64(statement, i + 1, number),
                        byte[] bytes => raw.sqlite3_bind_blob(statement, i + 1, bytes),
                        var text => raw.sqlite3_bind_text(statement, i + 1, (string)text),
                    });
            }

            var rows = 0;
            while (raw.sqlite3_step(statement) == raw.SQLITE_ROW)
            {
                rows++;
            }

            Assert.InRange(rows, 1, 2);
            return raw.sqlite3_stmt_status(statement, raw.SQLITE_STMTSTATUS_VM_STEP, 0);
        }
    }

    [GeneratedRegex(@"^(SCAN|SEARCH) (generations|one|daily_sums)\b")]
    private static partial Regex Table();

    [GeneratedRegex("USING (COVERING )?INDEX generations_(open|waiting|uncounted|uncounted_of_team|unresolved)$")]
    private static partial Regex IndexOfFew();
}
