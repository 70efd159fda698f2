using System.Text.RegularExpressions;
using Gateway.Ledger.Postgres;
using Gateway.Tests.Support;
using Npgsql;
using Xunit;

namespace Gateway.Tests.Gateway.Ledger.Postgres;

/// <summary>
/// Promise: a ledger of millions of rows answers by an index. No statement reads all rows, or all sums of days; an index of the few rows that
/// wait, are uncounted or are unresolved may be read whole.
/// </summary>
public sealed partial class PostgresLedgerPlansTests(PostgresServer server)
{
    [Fact]
    public async Task EveryStatement_ReadsAnIndex()
    {
        var cancel = TestContext.Current.CancellationToken;
        var database = await server.EmptyDatabaseAsync(GetType());
        await using (var store = new PostgresLedgerStore(database, TimeProvider.System, HangGuard.Limit))
        {
            await store.OpenAsync(cancel);
        }

        // Few rows fit a page, which is read faster as a whole: the planner must not do so, as it does not with millions.
        await using var connection = new NpgsqlConnection(database);
        await connection.OpenAsync(cancel);
        await ExecuteAsync("SET enable_seqscan = off; SET enable_bitmapscan = off; SET plan_cache_mode = force_generic_plan");
        var faults = new List<string>();
        foreach (var (name, sql, types) in LedgerStatements.All(isSqlite: false))
        {
            var count = LedgerStatements.ParametersOf(sql);
            var known = types.Split(", ", StringSplitOptions.RemoveEmptyEntries).Take(count).ToList();
            await ExecuteAsync($"PREPARE statement{(known.Count > 0 ? $"({string.Join(", ", known)})" : "")} AS {sql}");
            await using (var command = new NpgsqlCommand(
                $"EXPLAIN EXECUTE statement{(count > 0 ? $"({string.Join(", ", Enumerable.Repeat("NULL", count))})" : "")}", connection))
            await using (var reader = await command.ExecuteReaderAsync(cancel))
            {
                var plan = new List<string>();
                while (await reader.ReadAsync(cancel))
                {
                    plan.Add(reader.GetString(0));
                }

                faults.AddRange(FaultsOf(plan).Select(fault => $"{name}: {fault}"));
            }

            await ExecuteAsync("DEALLOCATE statement");
        }

        Assert.Empty(faults);

        async Task ExecuteAsync(string sql)
        {
            await using var command = new NpgsqlCommand(sql, connection);
            await command.ExecuteNonQueryAsync(cancel);
        }
    }

    /// <summary>The steps that read a table as a whole, or an index of all of its rows.</summary>
    private static IEnumerable<string> FaultsOf(List<string> plan)
    {
        if (!plan.Exists(static step => Scan().IsMatch(step)))
        {
            yield return "no step reads a table";
        }

        for (var i = 0; i < plan.Count; i++)
        {
            if (Scan().IsMatch(plan[i])
                && !IndexOfFew().IsMatch(plan[i])
                && !(i + 1 < plan.Count && plan[i + 1].Contains("Index Cond:", StringComparison.Ordinal)))
            {
                yield return plan[i].Trim();
            }
        }
    }

    [GeneratedRegex(@"Scan .*on (generations|daily_sums)\b")]
    private static partial Regex Scan();

    [GeneratedRegex("using generations_(open|waiting|uncounted|uncounted_of_team|unresolved) on generations")]
    private static partial Regex IndexOfFew();
}
