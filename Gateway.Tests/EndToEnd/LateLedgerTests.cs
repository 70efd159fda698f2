using Gateway.Tests.Support;
using Microsoft.Data.Sqlite;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>
/// Promise: a gateway whose ledger is not there yet is not ready, says so, and opens it by itself once it is there.
/// </summary>
public sealed class LateLedgerTests
{
    private const string Budget = """ "Budget": { "Usd": 10, "Period": "Month" } """;

    [Fact]
    public async Task Folder_MayComeUpAfterTheGateway()
    {
        using var late = new TempFolder();
        late.Write("mount", "A file where the folder of the ledger is going to be.");

        await AssertRecoversAsync(
            $$"""{ "Sqlite": { "Path": "{{late.File("mount/usage.db")}}" } }""",
            () =>
            {
                File.Delete(late.File("mount"));
                return Task.CompletedTask;
            });
    }

    /// <summary>
    /// Another process has the file locked at the moment of the first call: its writes, or all of it. A new file, and one of an earlier
    /// process.
    /// </summary>
    [Theory]
    [InlineData(false, "BEGIN IMMEDIATE")]
    [InlineData(true, "BEGIN IMMEDIATE")]
    [InlineData(false, "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE")]
    [InlineData(true, "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE")]
    public async Task LockedFile_MayBeReleasedAfterTheFirstCall(bool isLedger, string statement)
    {
        using var folder = new TempFolder();
        var usage = $$"""{ "Sqlite": { "Path": "{{folder.File("usage.db")}}" } }""";
        if (isLedger)
        {
            await using var earlier = await TeamGateway.StartAsync(new TeamGatewayOptions { Team = Budget, Usage = usage });
            Assert.Equal(200, (await earlier.ChatAsync()).Status);
        }

        await using var other = new SqliteConnection($"Data Source={folder.File("usage.db")};Pooling=False");
        await other.OpenAsync(TestContext.Current.CancellationToken);
        await using var command = other.CreateCommand();
        command.CommandText = statement;
        await command.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);

        await AssertRecoversAsync(usage, async () => await other.CloseAsync());
    }

    [Fact]
    public async Task Database_MayComeUpAfterTheGateway()
    {
        await using var postgres = new PostgresServer();
        var connection = await postgres.CreateDatabaseAsync();
        await postgres.StopAsync();

        await AssertRecoversAsync(
            $$"""{ "Store": "Postgres", "Postgres": { "ConnectionString": "{{connection}}" } }""", postgres.StartAsync);
    }

    [Fact]
    public async Task FileThatIsNoLedger_IsAFaultOfTheStart()
    {
        using var folder = new TempFolder();
        folder.Write("usage.db", string.Concat(Enumerable.Repeat("This is not a database. ", 100)));
        folder.Write("search.key", TeamSetup.UpstreamKey);
        folder.Write("appsettings.json", ShippedSettings.With(
            ("Teams", $"[ {TeamSetup.Team(reference: "file:" + folder.File("search.key"))} ]"),
            ("Usage", $$"""{ "Sqlite": { "Path": "{{folder.File("usage.db")}}" } }""")));

        var output = await GatewayCommandRun.RunAsync(["--ip", "127.0.0.1", "--port", "0"], folder.Path);

        Assert.Equal(2, output.ExitCode);
        Assert.StartsWith("Usage: The ledger", output.Error, StringComparison.Ordinal);
    }

    private static async Task AssertRecoversAsync(string usage, Func<Task> comeUp)
    {
        await using var team = await TeamGateway.StartAsync(new TeamGatewayOptions { Team = Budget, Usage = usage });
        using (var waiting = await team.Gateway.Client.GetAsync(new Uri("/health/ready", UriKind.Relative), TestContext.Current.CancellationToken))
        {
            Assert.Equal(503, (int)waiting.StatusCode);
            Assert.Equal(
                """{"status":"waiting"}""", await waiting.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        }

        // The owner of the call is not known yet: a 404 would make its client give up a job that is paid for.
        using (var question = new HttpRequestMessage(HttpMethod.Get, "/v1/generation?id=gen-1763871234-late"))
        {
            question.Headers.Add("x-api-key", TeamSetup.Key);
            using var unknown = await team.Gateway.Client.SendAsync(question, TestContext.Current.CancellationToken);
            Assert.Equal(503, (int)unknown.StatusCode);
        }

        var refused = await team.ChatAsync();
        refused.IsRefused(503);
        Assert.Equal("budget_unavailable", refused.Json.GetProperty("error").GetProperty("code").GetString());

        await comeUp();

        // No call is sent meanwhile: a load balancer sends none to a gateway that is not ready.
        await Eventually.TrueAsync(
            async () =>
            {
                using var response = await team.Gateway.Client.GetAsync(new Uri("/health/ready", UriKind.Relative));
                return response.IsSuccessStatusCode;
            },
            "readiness");
        Assert.Equal(200, (await team.ChatAsync()).Status);
    }
}
