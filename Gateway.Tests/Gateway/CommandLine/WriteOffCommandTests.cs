using System.Globalization;
using Gateway.CommandLine;
using Gateway.Configuration.Model;
using Gateway.Ledger.Sqlite;
using Gateway.Tests.Support;
using Microsoft.Extensions.Time.Testing;
using Xunit;
using static Gateway.Tests.Gateway.Ledger.LedgerSamples;

namespace Gateway.Tests.Gateway.CommandLine;

/// <summary>Promise: only this command sets unknown costs to zero, it says how much, and the ledger keeps the reason.</summary>
public sealed class WriteOffCommandTests : IDisposable
{
    private readonly TempFolder _folder = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Flags_GiveTheirValues()
    {
        var result = CommandLineReader.Read(
            ["write-off", "--team", "search", "--until=2026-12-01", "--id", "gen-1", "--reason", "an outage of upstream", "--dry-run"]);

        Assert.Empty(result.Faults);
        Assert.Equal(GatewayCommand.WriteOff, result.Arguments.Command);
        Assert.Equal(
            new WriteOffArguments
            {
                Team = "search",
                Until = new DateTimeOffset(2026, 12, 1, 0, 0, 0, TimeSpan.Zero),
                Id = "gen-1",
                Reason = "an outage of upstream",
                IsDryRun = true,
            },
            result.Arguments.WriteOff);
    }

    [Theory]
    [InlineData("write-off --team search", "write-off: no reason given; expected write-off --team ID --reason TEXT")]
    [InlineData("write-off --reason x", "write-off: no team given; expected write-off --team ID --reason TEXT")]
    [InlineData("write-off --team search --reason", "--reason: no value given; expected why the calls cost nothing, in up to 256 characters")]
    [InlineData(
        "write-off --team search --reason x --until then",
        "--until \"then\": expected a date (2026-11-01, midnight UTC) or an instant (2026-11-01T00:00:00Z)")]
    public void BadFlag_IsQuotedWithWhatWasExpected(string line, string expected)
    {
        var result = CommandLineReader.Read(line.Split(' '));

        Assert.Equal([expected], result.Faults.Select(fault => fault.ToString()));
        Assert.Null(result.Arguments.WriteOff);
    }

    [Fact]
    public async Task DryRun_PrintsTheCallsAndChangesNothing_ThenTheyAreWrittenOff()
    {
        var (unknown, named) = (NewId(), NewId());
        await using (var store = Open())
        {
            await store.OpenAsync(Cancel);
            await store.ApplyAsync(
                [
                    Began(unknown, reserved: 250_000_000_000) with { SentModel = "a/b\u001b[31m" }, Unresolvable(unknown),
                    Began(named, reserved: 1_000_000_000_000), Unresolvable(named) with { GenerationId = "gen-1763871234-x\u001b]0;x\u0007" },
                ],
                Cancel);
        }

        Assert.Equal(
            (true,
                $"""
                2026-03-14T15:09:26Z  {unknown}  ci  a/b\u001B[31m  0.25 USD
                2026-03-14T15:09:26Z  gen-1763871234-x\u001B]0;x\u0007  ci  (none)  1 USD
                2 calls of team search, 1.25 USD in all, are unresolved and would be written off.

                """.ReplaceLineEndings(Environment.NewLine),
                ""),
            Sorted(await RunAsync(Arguments() with { IsDryRun = true })));
        Assert.Equal(
            (true, $"2 calls of team search, 1.25 USD in all, are written off.{Environment.NewLine}", ""), await RunAsync(Arguments()));
        Assert.Equal((true, $"Team search has no unresolved calls that match.{Environment.NewLine}", ""), await RunAsync(Arguments()));
    }

    [Fact]
    public async Task MissingLedger_IsAFaultAndIsNotCreated()
    {
        var (isDone, output, error) = await RunAsync(Arguments());

        Assert.Equal((false, ""), (isDone, output));
        Assert.Contains("usage.db", error, StringComparison.Ordinal);
        Assert.False(File.Exists(_folder.File("usage.db")));
    }

    // Rows of one millisecond are in no order.
    private static (bool IsDone, string Output, string Error) Sorted((bool IsDone, string Output, string Error) result)
    {
        var lines = result.Output.Split(Environment.NewLine);
        return result with { Output = string.Join(Environment.NewLine, lines[..2].Order(StringComparer.Ordinal).Concat(lines[2..])) };
    }

    private static WriteOffArguments Arguments() => new() { Team = "search", Reason = "an outage" };

    private SqliteLedgerStore Open() => new(_folder.File("usage.db"));

    private async Task<(bool IsDone, string Output, string Error)> RunAsync(WriteOffArguments arguments)
    {
        using var output = new StringWriter(CultureInfo.InvariantCulture);
        using var error = new StringWriter(CultureInfo.InvariantCulture);
        var isDone = await WriteOffCommand.RunAsync(
            new UsageSettings { Sqlite = new SqliteSettings { Path = _folder.File("usage.db") } },
            arguments,
            Open,
            new FakeTimeProvider(Now),
            output,
            error);
        return (isDone, output.ToString(), error.ToString());
    }
}
