using System.Globalization;
using Gateway.CommandLine;
using Gateway.Configuration.Model;
using Gateway.Ledger;
using Gateway.Primitives;
using Gateway.Tests.Gateway.Admin;
using Gateway.Tests.Support;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Gateway.Tests.Gateway.CommandLine;

public sealed class UsageCommandTests : IDisposable
{
    private static readonly DateTimeOffset Now = new(2026, 11, 28, 12, 30, 0, TimeSpan.Zero);

    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Flags_GiveTheirValues()
    {
        var result = CommandLineReader.Read(
        [
            "usage", "--group", "Model,team", "--from=2026-11-01", "--to", "2026-12-01T00:00:00Z", "--csv", "--port=1", "--team", "a", "--team=b",
            "--key", "ci", "--key", "b/laptop", "--model", "openai/*", "--unresolved", "--format", "csv",
        ]);

        Assert.Empty(result.Faults);
        Assert.Equal(GatewayCommand.Usage, result.Arguments.Command);
        var usage = result.Arguments.Usage!;
        Assert.Equal((UsageFormat.Csv, null), (usage.Format, usage.Last));
        Assert.Equal([UsageGroup.Model, UsageGroup.Team], usage.Selection.Groups);
        Assert.Equal(["a", "b", "ci", "b/laptop", "openai/*"], [.. usage.Selection.Teams, .. usage.Selection.Keys, .. usage.Selection.Models]);
        Assert.Equal(
            (new DateTimeOffset(2026, 11, 1, 0, 0, 0, TimeSpan.Zero), new DateTimeOffset(2026, 12, 1, 0, 0, 0, TimeSpan.Zero), true),
            (usage.Selection.From, usage.Selection.To, usage.Selection.IsUnresolvedOnly));
        Assert.Null(CommandLineReader.Read([]).Arguments.Usage);
    }

    [Theory]
    [InlineData("usage", nameof(UsageFormat.Table), null)]
    [InlineData("usage --format table --last 24h", nameof(UsageFormat.Table), 24)]
    [InlineData("usage --csv --last=7d", nameof(UsageFormat.Csv), 168)]
    [InlineData("usage --format JSON --last 1w", nameof(UsageFormat.Json), 168)]
    public void FormatAndPeriod_HaveTheirDefaults(string line, string format, int? hours)
    {
        var result = CommandLineReader.Read(line.Split(' '));

        Assert.Empty(result.Faults);
        Assert.Equal((format, hours), (result.Arguments.Usage?.Format.ToString(), (int?)result.Arguments.Usage?.Last?.TotalHours));
        Assert.Equal([UsageGroup.Team], result.Arguments.Usage?.Selection.Groups);
        Assert.False(result.Arguments.Usage?.Selection.IsUnresolvedOnly);
    }

    [Theory]
    [InlineData("usage --group teams", "--group \"teams\": expected one or more of team, key, model, provider, rule, day and month, separated by commas")]
    [InlineData("usage --group team,team", "--group \"team,team\": expected one or more of team, key, model, provider, rule, day and month, separated by commas")]
    [InlineData("usage --last 7", "--last \"7\": expected a number of hours, days or weeks (24h, 7d, 4w)")]
    [InlineData("usage --last 7d --to 2026-11-01", "--last: is a period of its own; expected no --from and no --to beside it")]
    [InlineData("usage --format xml", "--format \"xml\": expected table, csv or json")]
    [InlineData("usage --format json --csv", "--csv: contradicts --format; expected one of them")]
    [InlineData("usage --team a/b", "--team \"a/b\": expected 1 to 64 of the characters A-Z a-z 0-9 . _ -")]
    [InlineData("usage --key ogw-secret", "--key: is not shown, since it may hold a key or a password; expected the label of a key, or team/label")]
    [InlineData("usage --model --csv", "--model: no value given; expected the name of a model, in which * stands for any run of characters")]
    [InlineData("usage --team a --team", "--team: no value given; expected 1 to 64 of the characters A-Z a-z 0-9 . _ -")]
    [InlineData("usage --from now", "--from \"now\": expected a date (2026-11-01, midnight UTC) or an instant (2026-11-01T00:00:00Z)")]
    [InlineData("usage --to", "--to: no value given; expected a date (2026-11-01, midnight UTC) or an instant (2026-11-01T00:00:00Z)")]
    [InlineData("usage --to --csv", "--to: no value given; expected a date (2026-11-01, midnight UTC) or an instant (2026-11-01T00:00:00Z)")]
    [InlineData("usage --from 2026-11-02 --to 2026-11-01", "--to: expected a time that is not before --from")]
    [InlineData("--group team", "--group: unknown flag; --help lists them")]
    public void BadFlag_IsQuotedWithWhatWasExpected(string line, string expected)
    {
        Assert.Equal([expected], CommandLineReader.Read(line.Split(' ')).Faults.Select(fault => fault.ToString()));
    }

    [Fact]
    public void EveryBadFlag_IsNamed()
    {
        string[] line = ["usage", "--group", "x", "--team", "a b", "--team", "c d", "--last", "x", "--from", "y", "--format", "z"];

        Assert.Equal(
            ["--group", "--last", "--team", "--team", "--from", "--format"],
            CommandLineReader.Read(line).Faults.Select(fault => fault.ToString().Split(' ')[0]));
    }

    [Fact]
    public async Task Table_AlignsNumbersAndSumsThemUp()
    {
        var store = new FakeLedgerStore(
            new UsageRow(["ads"], 2, 10, 5, new PicoDollars(250_000_000_000), 0),
            new UsageRow(["search\u001b[31m"], 1000, 123456, 99, new PicoDollars(12_000_000_000_001), 3),
            new UsageRow([""], 1, 0, 0, PicoDollars.Zero, 0));

        var (isRead, output, error) = await RunAsync(new UsageArguments(), store);

        Assert.True(isRead);
        Assert.Empty(error);
        Assert.Equal(
            """
            team              requests  prompt tokens  completion tokens         cost USD  unresolved
            -----------------------------------------------------------------------------------------
            search\u001B[31m      1000         123456                 99  12.000000000001           3
            ads                      2             10                  5   0.250000000000           0
            (none)                   1              0                  0   0.000000000000           0
            -----------------------------------------------------------------------------------------
            total                 1003         123466                104  12.250000000001           3

            """.ReplaceLineEndings(Environment.NewLine),
            output);
        Assert.True(store.IsOpen);
        Assert.True(store.IsDisposed);
    }

    [Fact]
    public async Task Csv_IsWhatTheAdminAddressGives()
    {
        var store = new FakeLedgerStore(new UsageRow(["gpt"], 1, 2, 3, new PicoDollars(1), 0));

        var (isRead, output, _) = await RunAsync(
            new UsageArguments { Selection = new UsageSelection { Groups = [UsageGroup.Model], From = DateTimeOffset.UnixEpoch }, Format = UsageFormat.Csv },
            store);

        Assert.True(isRead);
        Assert.Equal("model,requests,prompt_tokens,completion_tokens,cost_usd,unresolved\r\ngpt,1,2,3,0.000000000001,0\r\n", output);
        Assert.Equal((DateTimeOffset.UnixEpoch, null), (Assert.Single(store.Asked).From, store.Asked[0].To));
    }

    [Fact]
    public async Task Json_IsWhatTheAdminAddressGives()
    {
        var store = new FakeLedgerStore(new UsageRow(["search", "a\u001B\u202E"], 1, 2, 3, new PicoDollars(1), 0));

        var (_, output, _) = await RunAsync(
            new UsageArguments { Selection = new UsageSelection { Groups = [UsageGroup.Team, UsageGroup.Model] }, Format = UsageFormat.Json }, store);

        // Escapes of JSON, so that the name is the same for a program.
        Assert.Equal(
            """{"rows":[{"team":"search","model":"a\u001B\u202E","requests":1,"prompt_tokens":2,"completion_tokens":3,"cost_usd":0.000000000001,"unresolved":0}]}"""
                + Environment.NewLine,
            output);
    }

    [Fact]
    public async Task LastDays_EndNow()
    {
        var store = new FakeLedgerStore();

        await RunAsync(new UsageArguments { Last = TimeSpan.FromDays(7) }, store);

        Assert.Equal((Now.AddDays(-7), null), (Assert.Single(store.Asked).From, store.Asked[0].To));
    }

    [Fact]
    public async Task SeveralMembers_AreColumns()
    {
        var store = new FakeLedgerStore(
            new UsageRow(["ads", "gpt"], 2, 10, 5, PicoDollars.Zero, 0), new UsageRow(["search", ""], 1, 0, 0, new PicoDollars(1_500_000_000_000), 1));

        var (_, output, _) = await RunAsync(
            new UsageArguments { Selection = new UsageSelection { Groups = [UsageGroup.Team, UsageGroup.Model] } }, store);

        Assert.Equal(
            """
            team    model   requests  prompt tokens  completion tokens  cost USD  unresolved
            --------------------------------------------------------------------------------
            search  (none)         1              0                  0       1.5           1
            ads     gpt            2             10                  5       0.0           0
            --------------------------------------------------------------------------------
            total                  3             10                  5       1.5           1

            """.ReplaceLineEndings(Environment.NewLine),
            output);
    }

    [Fact]
    public async Task Csv_HasNothingThatATerminalObeys()
    {
        var store = new FakeLedgerStore(new UsageRow(["a\u001B[2J\u202E\r\nb"], 1, 2, 3, new PicoDollars(1), 0));

        var (_, output, _) = await RunAsync(new UsageArguments { Selection = new UsageSelection { Groups = [UsageGroup.Model] }, Format = UsageFormat.Csv }, store);

        Assert.EndsWith("unresolved\r\n\"a\\u001B[2J\\u202E\r\nb\",1,2,3,0.000000000001,0\r\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task MissingLedger_IsAFaultThatNamesItsPath_AndStaysMissing()
    {
        var path = _folder.File("none.db");
        using var output = new StringWriter(CultureInfo.InvariantCulture);
        using var error = new StringWriter(CultureInfo.InvariantCulture);

        var isRead = await UsageCommand.RunAsync(
            new UsageSettings { Sqlite = new SqliteSettings { Path = path } },
            new UsageArguments(),
            _ => throw new InvalidOperationException("It must not be opened."),
            TimeProvider.System,
            output,
            error);

        Assert.False(isRead);
        Assert.Empty(output.ToString());
        Assert.Equal(
            $"Usage:Sqlite:Path: there is no ledger at {path}; a relative path starts at the working directory" + Environment.NewLine,
            error.ToString());
        Assert.False(File.Exists(path));
    }

    [Fact]
    public async Task LedgerThatFails_IsSaidInOneLine()
    {
        var (isRead, output, error) = await RunAsync(new UsageArguments(), new FakeLedgerStore { Fault = "it is no database" });

        Assert.False(isRead);
        Assert.Empty(output);
        Assert.Equal("Usage: the ledger cannot be read: it is no database" + Environment.NewLine, error);
    }

    [Fact]
    public async Task NoRows_AreSaid()
    {
        var (_, output, _) = await RunAsync(new UsageArguments(), new FakeLedgerStore());

        Assert.Equal("No usage in this period." + Environment.NewLine, output);
    }

    private async Task<(bool IsRead, string Output, string Error)> RunAsync(UsageArguments arguments, FakeLedgerStore store)
    {
        using var output = new StringWriter(CultureInfo.InvariantCulture);
        using var error = new StringWriter(CultureInfo.InvariantCulture);
        var settings = new UsageSettings { Sqlite = new SqliteSettings { Path = _folder.Write("usage.db", "") } };
        var isRead = await UsageCommand.RunAsync(settings, arguments, _ => store, new FakeTimeProvider(Now), output, error);
        return (isRead, output.ToString(), error.ToString());
    }
}
