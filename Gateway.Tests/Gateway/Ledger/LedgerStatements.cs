using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;
using Gateway.Ledger;
using static Gateway.Tests.Gateway.Ledger.LedgerSamples;

namespace Gateway.Tests.Gateway.Ledger;

/// <summary>Every statement of the stores that reads rows or changes them, for tests of their plans.</summary>
internal static partial class LedgerStatements
{
    // Parts of statements.
    private static readonly HashSet<string> Parts = ["RowCharge", "NamedHead", "EndedHead", "Waiting", "Columns"];

    // Statements of one kind of store.
    private static readonly HashSet<string> OfSqlite = ["MarkCounted", "ChargeById", "Remove", "Lease"];
    private static readonly HashSet<string> OfPostgres =
        ["TakeDue", "MarkAllCounted", "ChargesByIds", "ByIds", "RemoveUnlocked", "NamedOrAdopted"];

    /// <summary>The statements with their names, and the types of the parameters where PostgreSQL cannot infer them.</summary>
    public static IEnumerable<(string Name, string Sql, string Types)> All(bool isSqlite)
    {
        foreach (var type in (Type[])[typeof(LedgerSql), typeof(LookupSql)])
        {
            foreach (var field in type.GetFields(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic))
            {
                if (field.FieldType == typeof(string)
                    && !Parts.Contains(field.Name)
                    && !(isSqlite ? OfPostgres : OfSqlite).Contains(field.Name)
                    && field.GetValue(null) is string sql
                    && Statement().IsMatch(sql))
                {
                    yield return ($"{type.Name}.{field.Name}", sql, "");
                }
            }
        }

        if (isSqlite)
        {
            yield return ("LedgerSql.Due", LedgerSql.Due(3), "");
        }

        yield return ("the latest requests", LookupSql.Latest(new() { Team = "search", Model = "x*", Status = 200, Limit = 100 }).Sql, "");
        foreach (var (name, selection) in Selections())
        {
            yield return (name, UsageSql.Query(selection, isSqlite).Sql, "uuid, uuid, bigint, bigint, text, text, text");
        }
    }

    /// <summary>The number of parameters of a statement.</summary>
    public static int ParametersOf(string sql) =>
        Parameter().Matches(sql).Select(static place => int.Parse(place.Groups[1].Value, CultureInfo.InvariantCulture)).DefaultIfEmpty().Max();

    private static IEnumerable<(string Name, UsageSelection Selection)> Selections()
    {
        yield return ("the usage of a team by model", new() { Groups = [UsageGroup.Model], Teams = ["a"], From = Now.AddDays(-7), To = Now });
        yield return ("the usage of some days by team", new() { Groups = [UsageGroup.Team], From = Now.AddDays(-7), To = Now });
        yield return ("the usage since a time by day", new() { Groups = [UsageGroup.Day], From = Now.AddDays(-7) });
        yield return ("the usage of a team by month", new() { Groups = [UsageGroup.Month], Teams = ["a"], From = Now.AddDays(-7) });
        foreach (var group in Enum.GetValues<UsageGroup>())
        {
            yield return ($"the unresolved usage by {group}", new() { Groups = [group], IsUnresolvedOnly = true });
            yield return (
                $"the unresolved usage of a team since a time by {group}",
                new() { Groups = [group], IsUnresolvedOnly = true, Teams = ["a"], Models = ["x*"], From = Now.AddDays(-7), To = Now });
        }
    }

    [GeneratedRegex("^(SELECT|UPDATE|DELETE|WITH) ")]
    private static partial Regex Statement();

    [GeneratedRegex(@"\$([0-9]+)")]
    private static partial Regex Parameter();
}
