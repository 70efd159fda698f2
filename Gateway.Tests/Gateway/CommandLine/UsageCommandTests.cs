using System.Globalization;
using Gateway.CommandLine;
using Gateway.Configuration.Model;
using Gateway.Ledger;
using Gateway.Primitives;
using Gateway.Tests.Gateway.Admin;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Gateway.CommandLine;

public sealed class UsageCommandTests : IDisposable
{
    private readonly TempFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Flags_GiveTheirValues()
    {
        var result = CommandLineReader.Read(["usage", "--group", "Model", "--from=2026-11-01", "--to", "2026-12-01T00:00:00Z", "--csv", "--port=1"]);

        Assert.Empty(result.Faults);
        Assert.Equal(GatewayCommand.Usage, result.Arguments.Command);
        Assert.Equal(
            new UsageArguments
            {
                Group = UsageGroup.Model,
                From = new DateTimeOffset(2026, 11, 1, 0, 0, 0, TimeSpan.Zero),
                To = new DateTimeOffset(2026, 12, 1, 0, 0, 0, TimeSpan.Zero),
                Csv = true,
            },
            result.Arguments.Usage);
        Assert.Equal(new UsageArguments(), CommandLineReader.Read(["usage"]).Arguments.Usage);
        Assert.Null(CommandLineReader.Read([]).Arguments.Usage);
    }

    [Theory]
    [InlineData("usage --group teams", "--group \"teams\": expected team, key, model, provider or rule")]
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
    public async Task Table_AlignsNumbersAndSumsThemUp()
    {
        var store = new FakeLedgerStore(
            new UsageRow("ads", 2, 10, 5, new PicoDollars(250_000_000_000), 0),
            new UsageRow("search\u001b[31m", 1000, 123456, 99, new PicoDollars(12_000_000_000_001), 3),
            new UsageRow("", 1, 0, 0, PicoDollars.Zero, 0));

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
        var store = new FakeLedgerStore(new UsageRow("gpt", 1, 2, 3, new PicoDollars(1), 0));

        var (isRead, output, _) = await RunAsync(
            new UsageArguments { Group = UsageGroup.Model, From = DateTimeOffset.UnixEpoch, Csv = true }, store);

        Assert.True(isRead);
        Assert.Equal("model,requests,prompt_tokens,completion_tokens,cost_usd,unresolved\r\ngpt,1,2,3,0.000000000001,0\r\n", output);
        Assert.Equal((UsageGroup.Model, DateTimeOffset.UnixEpoch, null), Assert.Single(store.Asked));
    }

    [Fact]
    public async Task Csv_HasNothingThatATerminalObeys()
    {
        var store = new FakeLedgerStore(new UsageRow("a\u001B[2J\u202E\r\nb", 1, 2, 3, new PicoDollars(1), 0));

        var (_, output, _) = await RunAsync(new UsageArguments { Group = UsageGroup.Model, Csv = true }, store);

        Assert.EndsWith("unresolved\r\n\"a\\u001B[2J\\u202E\r\nb\",1,2,3,0.000000000001,0\r\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task MissingFile_MeansNoUsageAndStaysMissing()
    {
        var path = _folder.File("none.db");
        using var output = new StringWriter(CultureInfo.InvariantCulture);

        var isRead = await UsageCommand.RunAsync(
            new UsageSettings { Sqlite = new SqliteSettings { Path = path } },
            new UsageArguments(),
            () => throw new InvalidOperationException("It must not be opened."),
            output,
            TextWriter.Null);

        Assert.True(isRead);
        Assert.Equal("No usage yet." + Environment.NewLine, output.ToString());
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
        var (_, output, _) = await RunAsync(new UsageArguments { To = DateTimeOffset.UnixEpoch }, new FakeLedgerStore());

        Assert.Equal("No usage in this time range." + Environment.NewLine, output);
    }

    private async Task<(bool IsRead, string Output, string Error)> RunAsync(UsageArguments arguments, FakeLedgerStore store)
    {
        using var output = new StringWriter(CultureInfo.InvariantCulture);
        using var error = new StringWriter(CultureInfo.InvariantCulture);
        var settings = new UsageSettings { Sqlite = new SqliteSettings { Path = _folder.Write("usage.db", "") } };
        var isRead = await UsageCommand.RunAsync(settings, arguments, () => store, output, error);
        return (isRead, output.ToString(), error.ToString());
    }
}
