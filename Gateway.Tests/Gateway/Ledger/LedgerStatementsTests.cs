using System.Text.RegularExpressions;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Gateway.Ledger;

/// <summary>Promise: the tests of plans see every statement, since no file but those of the statements has one.</summary>
public sealed partial class LedgerStatementsTests
{
    [Fact]
    public void Statements_AreInTheFilesOfStatements() => Assert.All(
        Directory.GetFiles(Path.Combine(Repository.Root, "Gateway"), "*.cs", SearchOption.AllDirectories)
            .Where(static path => !FileOfStatements().IsMatch(Path.GetFileName(path))),
        static path => Assert.DoesNotMatch(Statement(), File.ReadAllText(path)));

    [GeneratedRegex("(FROM|UPDATE|JOIN) (generations|daily_sums)")]
    private static partial Regex Statement();

    [GeneratedRegex("^(LedgerSql|LookupSql|UsageSql|UsageDaysSql|LedgerSchema|DailySumsSchema|DailySumsShards)[.]cs$")]
    private static partial Regex FileOfStatements();
}
