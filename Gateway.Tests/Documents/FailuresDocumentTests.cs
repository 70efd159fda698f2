using System.Globalization;
using FakeOpenRouter;
using Gateway.Billing;
using Gateway.Tests.Support;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Gateway.Tests.Documents;

/// <summary>Plays the faults of <c>docs/failures.md</c>, and compares their effects with those that the document states.</summary>
public sealed class FailuresDocumentTests : IClassFixture<FailuresDocumentTests.Fixture>
{
    private static readonly IReadOnlyList<MarkdownSection> Sections =
        MarkdownSection.Read(Path.Combine(Repository.Root, "docs", "failures.md"));

    private static readonly IReadOnlyDictionary<string, IReadOnlyList<string>> Rows =
        Sections.Single(section => section.Heading == "## Upstream").TableRows.ToDictionary(row => row[0].Trim('`'));

    private readonly Fixture _fixture;

    public FailuresDocumentTests(Fixture fixture)
    {
        _fixture = fixture;
    }

    public static TheoryData<string> PlayedFaults => [.. Rows.Keys];

    /// <summary>The sections whose table has a failure in each row.</summary>
    private static IEnumerable<MarkdownSection> Tables => Sections.Where(section => section.Heading != "# Failures" && section.TableRows.Any());

    public static TheoryData<string> Named => [.. NamedTests.In(Sections)];

    [Theory]
    [MemberData(nameof(PlayedFaults))]
    public async Task Fault_IsAsDocumented(string fault)
    {
        var (call, client, charge, log) = (Rows[fault][1], Rows[fault][2], Rows[fault][3], Rows[fault][4].Trim('`'));
        var (answer, row) = await _fixture.CallAsync(fault, call == "stream");

        Assert.Equal(int.Parse(client.AsSpan(0, 3), CultureInfo.InvariantCulture), answer.Status);
        if (client.Split('`') is [_, var code, ..] && !code.StartsWith("Retry", StringComparison.Ordinal))
        {
            answer.IsRefused(answer.Status);
            Assert.Equal(code, answer.Json.GetProperty("error").GetProperty("code").GetString());
        }
        else
        {
            Assert.Null(answer.Head.Header("x-gateway-error"));
        }

        Assert.Equal(log, row.Ended);
        Assert.Equal(charge.Split(';')[0], ChargeOf(row));
    }

    [Fact]
    public void Faults_AreThoseOfTheKit() => Assert.Equal(
        Faults.All.Select(fault => fault.Name).Order(StringComparer.Ordinal),
        Sections.Where(section => section.Heading is "## Upstream" or "## Upstream, slow or gone")
            .SelectMany(section => section.TableRows)
            .SelectMany(row => row[0].Split('`').Where((_, i) => i % 2 == 1))
            .Distinct()
            .Order(StringComparer.Ordinal));

    /// <summary>What an operator sees of each failure: an event of the log, a metric, a recommended alert or one of the webhook.</summary>
    [Fact]
    public void OperatorColumn_NamesWhatThereIs()
    {
        Assert.Equal(5, Tables.Count());
        var names = new OperatorNames();
        Assert.All(Tables, section =>
        {
            var header = section.Lines.First(line => line.StartsWith('|')).Trim('|').Split('|');
            var column = Array.FindIndex(header, cell => cell.Trim() == "operator");
            Assert.All(section.TableRows, row =>
            {
                var named = new MarkdownSection("", [row[column]]).InlineCode;
                Assert.True(named.Any(names.IsSeen), $"{row[0]} has no event, metric or alert");
                Assert.Empty(named.Where(name => !names.IsKnown(name)).Select(name => $"{row[0]}: {name}"));
            });
        });
    }

    [Theory]
    [MemberData(nameof(Named))]
    public void NamedTest_Exists(string name) => Assert.True(NamedTests.Exists(name));

    [Fact]
    public void Links_LeadToFiles() => Assert.All(
        Sections.SelectMany(section => section.Links),
        link => Assert.True(File.Exists(Path.Combine(Repository.Root, "docs", link.Split('#')[0])), link));

    private static string ChargeOf(LedgerRow row) => row switch
    {
        // The first question may have been answered meanwhile.
        { State: GenerationState.Provisional } or { State: GenerationState.Settled, Questions: > 0 } => "asked for",
        { State: GenerationState.Settled, CostPico: 0 } => "nothing",
        { State: GenerationState.Settled, CostPico: > 0 } => "cost",
        { State: GenerationState.Unresolvable, Charge: > 0 } => "unknown",
        _ => $"{row.State}, {row.CostPico}",
    };

    public sealed class Fixture : IAsyncLifetime
    {
        private readonly FakeTimeProvider _upstreams = FakeTime.StartNow();
        private FakeOpenRouterServer? _upstream;
        private TeamGateway? _team;

        public async ValueTask InitializeAsync()
        {
            _upstream = await FakeOpenRouterServer.StartAsync(new FakeOpenRouterOptions { Time = _upstreams });
            _team = await TeamGateway.StartAsync(new TeamGatewayOptions
            {
                Team = """ "Budget": { "Usd": 1000, "Period": "Total" } """,
                Upstream = _upstream,

                // A response that is cut before its first data is an error, however long the cut takes.
                Sections = [("Server", """{ "EventStreamHeaderDelay": "01:00:00" }""")],
            });
        }

        public async ValueTask DisposeAsync()
        {
            if (_team is not null)
            {
                await _team.DisposeAsync();
            }

            if (_upstream is not null)
            {
                await _upstream.DisposeAsync();
            }
        }

        /// <summary>Makes a call under a fault, and waits for its row in the ledger.</summary>
        internal async Task<(Exchange Answer, LedgerRow Row)> CallAsync(string fault, bool isStream)
        {
            var rows = (await _team!.RowsAsync()).Count;
            var answering = _team.ChatAsync(isStream ? "\"stream\":true" : "", $"x-fake-fault: {fault}");
            await _upstreams.AdvanceUntilAsync(TimeSpan.FromSeconds(1), () => Task.FromResult(answering.IsCompleted), "the answer");
            var answer = await answering;
            var row = await Eventually.GetAsync(
                async () => await _team.RowsAsync() is { } all && all.Count > rows && all[^1].Ended is not null ? all[^1] : null,
                "the row of the call");
            return (answer, row);
        }
    }
}
