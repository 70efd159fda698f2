using System.Data.Common;
using System.Globalization;
using System.Text.RegularExpressions;
using Gateway.Billing;
using Gateway.Ledger;
using Gateway.Ledger.Postgres;
using Gateway.Ledger.Sqlite;
using Gateway.Primitives;
using Gateway.Tests.Gateway.Ledger;
using Gateway.Tests.Support;
using Npgsql;
using Xunit;

namespace Gateway.Tests.Documents;

/// <summary>
/// Holds <c>docs/ledger.md</c> against ledgers of both stores: its lists of columns and states are complete, and its questions, read from the
/// document, have the answers that the rows give.
/// </summary>
public sealed partial class LedgerDocumentTests(PostgresServer server) : IDisposable
{
    private static readonly IReadOnlyList<MarkdownSection> Sections =
        MarkdownSection.Read(Path.Combine(Repository.Root, "docs", "ledger.md"));

    private static readonly DateTimeOffset From = new(2026, 11, 16, 0, 0, 0, TimeSpan.Zero);
    private static readonly DateTimeOffset To = From.AddDays(7);

    private readonly TempFolder _folder = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Columns_AreThoseOfTheSchema(bool isSqlite)
    {
        await using var ledger = await FillAsync(isSqlite);

        Assert.Equal(await ColumnsAsync(ledger, "generations"), Names("## Columns of `generations`"));
        var others = Section("## Other tables").TableRows.ToDictionary(row => row[0].Trim('`'), row => row[1]);
        Assert.All(["daily_sums", "meta", "alerts", .. isSqlite ? (string[])["journal", "journal_folded"] : []], table => Assert.True(others.ContainsKey(table), table));
        Assert.All(
            await ColumnsAsync(ledger, "daily_sums"),
            column => Assert.Contains($"`{column}`", others["daily_sums"], StringComparison.Ordinal));
        Assert.Equal(
            others.Keys.Where(table => isSqlite || !table.StartsWith("journal", StringComparison.Ordinal)).Append("generations").Order(StringComparer.Ordinal),
            await TablesAsync(ledger, isSqlite));
    }

    [Fact]
    public void EveryColumn_HasAUnitAndAMeaning() => Assert.All(
        Section("## Columns of `generations`").TableRows, row => Assert.All(row, cell => Assert.NotEmpty(cell)));

    [Fact]
    public void States_AreThoseOfTheProgram() => Assert.Equal(
        Enum.GetValues<GenerationState>().Select(state => ((int)state, state == GenerationState.WrittenOff ? "written_off" : state.ToString().ToLowerInvariant())),
        Section("## States").TableRows.Select(row => (int.Parse(row[0], CultureInfo.InvariantCulture), row[1])));

    [Fact]
    public void Links_LeadToFiles() => Assert.All(
        Sections.SelectMany(section => section.Links).Where(link => !link.StartsWith('#')),
        link => Assert.True(File.Exists(Path.Combine(Repository.Root, "docs", link.Split('#')[0])), link));

    [Fact]
    public void Questions_AreFive() => Assert.Equal(Answers.Count, Questions.Count);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Questions_HaveTheirAnswers(bool isSqlite)
    {
        await using var ledger = await FillAsync(isSqlite);
        foreach (var (heading, sql) in Questions)
        {
            Assert.Equal(Answers[heading], await RunAsync(ledger, sql));
        }
    }

    /// <summary>The tools put the texts of the document into the questions; here the stores compute them.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Period_IsThatOfTheCommandsThatSetIt(bool isSqlite)
    {
        var commands = DocumentShell.Commands(File.ReadAllText(Path.Combine(Repository.Root, "docs", "ledger.md"))).ToArray();
        var settings = commands.Select(static command => PeriodCommand().Match(command))
            .Where(command => command.Success && command.Groups["sqlite"].Success == isSqlite)
            .ToArray();

        Assert.Equal(4, commands.Length);
        Assert.Equal(["from", "to"], settings.Select(static command => command.Groups["name"].Value));
        await using var ledger = await FillAsync(isSqlite);
        foreach (var (command, time) in settings.Zip([From, To]))
        {
            // A quote within quotes of psql is doubled.
            var expression = command.Groups["expression"].Value.Replace("''", "'", StringComparison.Ordinal);
            Assert.Equal([time.ToUnixTimeMilliseconds().ToString(CultureInfo.InvariantCulture)], await RunAsync(ledger, "SELECT " + expression));
        }
    }

    private static Dictionary<string, string[]> Answers { get; } = new Dictionary<string, string[]>
    {
        ["### What did team `search` spend on model `openai/gpt-4o` last week?"] = ["3|3.75|1"],
        ["### Which keys spent most?"] = ["search|ci|3|3.75", "search|laptop|1|2", "ads|ci|1|0.5"],
        ["### What happened to request `4bf92f3577b34da6a3ce929d0e0e4736`, attempt by attempt?"] =
            ["eu|env:EU|503|Completed||||0", "us|env:US|200|Completed|openai/gpt-4o|Azure|gen-2|1.25"],
        ["### Which calls are unresolved, and how much do they hold?"] = ["search|UpstreamBroke|200|1|2.5"],
        ["### Is it upstream, or is it us: which providers fail, and how slow is the first token?"] =
            ["(none)|3|1|1|", "Azure|2|0|0|300"],
    };

    private static IReadOnlyList<(string Heading, string Sql)> Questions { get; } =
    [
        .. Sections.Where(section => section.Heading.StartsWith("### ", StringComparison.Ordinal)).Select(section =>
            (section.Heading, Assert.Single(section.CodeBlocks, block => block.StartsWith("```sql\n", StringComparison.Ordinal))["```sql\n".Length..])),
    ];

    private static MarkdownSection Section(string heading) => Sections.Single(section => section.Heading == heading);

    private static IEnumerable<string> Names(string heading) =>
        Section(heading).TableRows.Select(row => row[0].Trim('`')).Order(StringComparer.Ordinal);

    private static async Task<IEnumerable<string>> ColumnsAsync(DbConnection ledger, string table)
    {
        await using var command = Command(ledger, $"SELECT * FROM {table} WHERE 1 = 0");
        await using var reader = await command.ExecuteReaderAsync(Cancel);
        return [.. Enumerable.Range(0, reader.FieldCount).Select(reader.GetName).Order(StringComparer.Ordinal)];
    }

    private static Task<IReadOnlyList<string>> TablesAsync(DbConnection ledger, bool isSqlite) => RunAsync(
        ledger,
        isSqlite
            ? "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"
            : "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY table_name");

    private static async Task<IReadOnlyList<string>> RunAsync(DbConnection ledger, string sql)
    {
        await using var command = Command(ledger, sql);
        foreach (var (name, time) in ((string, DateTimeOffset)[])[(":from", From), (":to", To)])
        {
            if (sql.Contains(name, StringComparison.Ordinal))
            {
                var parameter = command.CreateParameter();
                parameter.ParameterName = name;
                parameter.Value = time.ToUnixTimeMilliseconds();
                command.Parameters.Add(parameter);
            }
        }

        await using var reader = await command.ExecuteReaderAsync(Cancel);
        var rows = new List<string>();
        while (await reader.ReadAsync(Cancel))
        {
            rows.Add(string.Join('|', Enumerable.Range(0, reader.FieldCount).Select(i => reader.GetValue(i) switch
            {
                DBNull => "",
                string text => text,
                var number => Convert.ToDecimal(number, CultureInfo.InvariantCulture).ToString("0.############", CultureInfo.InvariantCulture),
            })));
        }

        return rows;
    }

    private static DbCommand Command(DbConnection ledger, string sql)
    {
        var command = ledger.CreateCommand();
        command.CommandText = sql;
        return command;
    }

    /// <summary>Makes a ledger by the program, and opens it for SQL.</summary>
    private async Task<DbConnection> FillAsync(bool isSqlite)
    {
        var database = isSqlite ? _folder.File("usage.db") : await server.CreateDatabaseAsync();
        await using (ILedgerStore store = isSqlite ? new SqliteLedgerStore(database) : new PostgresLedgerStore(database, TimeProvider.System, HangGuard.Limit))
        {
            await store.OpenAsync(Cancel);
            await store.ApplyAsync([.. Entries()], Cancel);
        }

        if (isSqlite)
        {
            return await Support.SqliteLedgerFile.OpenAsync(database);
        }

        var connection = new NpgsqlConnection(database);
        await connection.OpenAsync(Cancel);
        return connection;
    }

    private static IEnumerable<LedgerEntry> Entries()
    {
        const string Request = "4bf92f3577b34da6a3ce929d0e0e4736";
        return
        [
            // Two attempts at one request.
            .. Call(1, "eu", "env:EU", Request, ended => ended with { Status = 503, IsError = true, Usage = Cost(0) }),
            .. Call(2, "us", "env:US", Request, ended => ended with { AnsweredModel = "openai/gpt-4o", Provider = "Azure", GenerationId = "gen-2", Usage = Cost(1.25m) }),
            .. Call(3, "us", "env:US", null, ended => ended with { State = GenerationState.Unresolvable, End = "UpstreamBroke", Usage = null }),
            .. Call(4, "us", "env:US", null, ended => ended with { AnsweredModel = "openai/o3", Provider = "Azure", Usage = Cost(2) }, "laptop"),
            .. Call(5, "us", "env:US", null, ended => ended with { AnsweredModel = "openai/gpt-4o", Usage = Cost(0.5m) }, team: "ads"),

            // Before and after the week.
            .. Call(-1, "us", "env:US", null, ended => ended),
            .. Call(7 * 24, "us", "env:US", null, ended => ended),
        ];
    }

    private static LedgerEntry[] Call(
        int hour, string destination, string key, string? request, Func<LedgerEntry.Ended, LedgerEntry.Ended> change, string label = "ci", string team = "search")
    {
        var at = From.AddHours(hour);
        var id = LedgerSamples.NewId(at);
        return
        [
            LedgerSamples.Began(id, team, 2_500_000_000_000, at) with { RequestId = request, KeyLabel = label, SentModel = "openai/gpt-4o" },
            change(new LedgerEntry.Ended(id)
            {
                State = GenerationState.Settled,
                End = "Completed",
                Status = 200,
                Destination = destination,
                UpstreamKey = key,
                Usage = Cost(1),
                EndedAt = at,
                ClosedAt = at,
            }) is var ended && ended.Provider is null ? ended : ended with { TimeToFirstToken = TimeSpan.FromMilliseconds(300) },
        ];
    }

    private static Usage Cost(decimal usd) => new() { Cost = new PicoDollars((long)(usd * 1_000_000_000_000)) };

    [GeneratedRegex("""^((?<sqlite>\.parameter set :)|\\set )(?<name>\w+) ("(?<expression>.*)"|'(?<expression>.*)')$""", RegexOptions.ExplicitCapture)]
    private static partial Regex PeriodCommand();
}
