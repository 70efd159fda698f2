using Gateway.Tests.Support;
using Microsoft.Data.Sqlite;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: a ledger file that is deleted or replaced while the gateway runs costs no row, and the log reports the deletion or the replacement.
/// </summary>
public sealed class LedgerFileTests
{
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task DeletedFile_IsWrittenAgainWithAllRows(bool withLog)
    {
        SkipWithoutIdentities();
        await using var team = await StartAsync();
        await CallAsync(team);

        if (withLog)
        {
            File.Delete(team.LedgerPath + "-wal");
            File.Delete(team.LedgerPath + "-shm");
        }

        // Last: the gateway may write the new file and its log at once.
        File.Delete(team.LedgerPath);

        await CallAsync(team);
        await WaitForErrorAsync(team, "was deleted while the gateway has it open; it was written again");
        await CallAsync(team);

        await AssertRowsAsync(team, 3);
        await team.RestartInsideAsync();
        await CallAsync(team);
        await AssertRowsAsync(team, 4);
    }

    [Fact]
    public async Task ReplacedFile_IsUsed_AndTheOldRowsAreKeptBesideIt()
    {
        SkipWithoutIdentities();
        await using var team = await StartAsync();
        await CallAsync(team);
        await AssertRowsAsync(team, 1);
        var backup = team.Data.File("backup.db");
        await using (var ledger = new SqliteConnection($"Data Source={team.LedgerPath};Pooling=False"))
        await using (var target = new SqliteConnection($"Data Source={backup};Pooling=False"))
        {
            await ledger.OpenAsync(TestContext.Current.CancellationToken);
            await target.OpenAsync(TestContext.Current.CancellationToken);
            ledger.BackupDatabase(target);
        }

        await CallAsync(team);
        await AssertRowsAsync(team, 2);

        File.Move(backup, team.LedgerPath, overwrite: true);
        await CallAsync(team);
        await WaitForErrorAsync(team, "was replaced while the gateway has it open");
        await CallAsync(team);

        var kept = await LedgerRow.ReadSqliteAsync(team.LedgerPath + ".replaced-1");
        var last = team.Upstream.Book.Entries[^1].Id;
        var rows = await Eventually.GetAsync(
            async () => await team.RowsAsync() is var rows && rows.Any(row => row.GenerationId == last && row.IsClosed) ? rows : null,
            "the last row");
        Assert.Contains(rows, row => row.GenerationId == team.Upstream.Book.Entries[0].Id);
        Assert.DoesNotContain(rows, row => row.GenerationId == team.Upstream.Book.Entries[1].Id);

        // A call in flight is in both files: its row in the old one has no id of a generation yet.
        Assert.Equal(
            team.Upstream.Book.Entries.Select(entry => entry.Id).Order(),
            rows.Concat(kept).Select(row => row.GenerationId).OfType<string>().Distinct().Order());
    }

    // The stamp of a file is read from Linux.
    private static void SkipWithoutIdentities() => Assert.SkipUnless(OperatingSystem.IsLinux(), "Deleted files are noticed on Linux.");

    private static Task<TeamGateway> StartAsync() => TeamGateway.StartAsync(new TeamGatewayOptions
    {
        OutOfProcess = true,
        Team = """ "Budget": { "Usd": 1 } """,
    });

    private static async Task CallAsync(TeamGateway team) => Assert.Equal(200, (await team.ChatAsync()).Status);

    private static Task<string> WaitForErrorAsync(TeamGateway team, string text) => team.Gateway.Log.WaitForAsync(
        line => line.Contains("\"Error\"", StringComparison.Ordinal) && line.Contains(text, StringComparison.Ordinal), text);

    private static async Task AssertRowsAsync(TeamGateway team, int count)
    {
        var rows = await Eventually.GetAsync(
            async () => await team.RowsAsync() is var rows && rows.Count == count && rows.All(row => row.IsClosed) ? rows : null,
            "all rows");
        Assert.Equal(team.Upstream.Book.Total, rows.Sum(row => row.Charge));
        Assert.Equal(count, team.Upstream.Book.Entries.Count);
    }
}
