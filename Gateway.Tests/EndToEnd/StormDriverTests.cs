using FakeOpenRouter;
using Gateway.Billing;
using Gateway.Ledger.Sqlite;
using Gateway.Primitives;
using Gateway.Tests.Gateway.Ledger;
using Gateway.Tests.Support;
using Xunit;
using Usage = Gateway.Billing.Usage;

namespace Gateway.Tests.EndToEnd;

/// <summary>The storm and its audit themselves: a storm makes calls of every kind and kills, and an audit finds each kind of fault.</summary>
public sealed class StormDriverTests : IAsyncLifetime
{
    private const ulong Seed = 20261123;

    private FakeOpenRouterServer? _upstream;

    private FakeOpenRouterServer Upstream => _upstream!;

    public async ValueTask InitializeAsync()
    {
        _upstream = await FakeOpenRouterServer.StartAsync(new FakeOpenRouterOptions { Record = false, Book = true });
    }

    public ValueTask DisposeAsync() => Upstream.DisposeAsync();

    [Fact]
    public async Task Storm_MeetsEveryKindAndKillsAndAnswersTheRest()
    {
        // Without teams the callers' own keys go upstream.
        await using var gateway = await StormGateway.StartAsync(Upstream.BaseUrl, ShippedSettings.Text);
        var keys = StormSettings.Keys.Select(key => key with { Key = "sk-or-v1-" + key.Label }).ToArray();
        var storm = new Storm([gateway], keys, Seed);

        await storm.RunAsync(200, kills: 2);

        Assert.Equal(4, gateway.Deaths);
        Assert.Equal(Enum.GetValues<StormKind>(), storm.Outcomes.Select(outcome => outcome.Operation.Kind).Distinct().Order());
        Assert.Contains(storm.Outcomes, outcome => outcome.WasKilled);
        Assert.All(
            storm.Outcomes.Where(outcome => outcome.Operation.Kind == StormKind.Whole && !outcome.WasKilled),
            outcome => Assert.True(outcome is { Status: 200, IsComplete: true }, outcome.ToString()));
        var ids = Upstream.Book.Entries.ToDictionary(entry => entry.Id, entry => entry.ScriptId);
        Assert.All(
            storm.Outcomes.Where(outcome => outcome.GenerationId is not null),
            outcome => Assert.Equal(outcome.ScriptId, ids[outcome.GenerationId!]));
    }

    [Fact]
    public void Operations_FollowFromTheSeed()
    {
        var first = new Prng(Seed);
        var second = new Prng(Seed);
        for (var i = 0; i < 50; i++)
        {
            var operation = StormOperation.Next(first);
            Assert.Equivalent(StormOperation.Next(second), operation, strict: true);
        }
    }

    [Theory]
    [InlineData("nothing", null)]
    [InlineData("one that was never sent", null)]
    [InlineData("nameless and free", "1 calls were billed of which the ledger has 0")]
    [InlineData("one pico more", "29000000001 in the ledger, 29000000000 in the book")]
    [InlineData("no cost", "nothing in the ledger")]
    [InlineData("still open", "Provisional, though its id is known")]
    [InlineData("another team", "in the row of blue/worker0")]
    [InlineData("an unknown id", "nothing was billed under this id")]
    [InlineData("the same id again", "in 2 rows")]
    [InlineData("no row", "was told")]
    [InlineData("no nameless row", "1 calls were billed of which the ledger has 0")]
    [InlineData("nameless at nothing", "charged at nothing")]
    [InlineData("nameless and settled", "the book has no such call")]
    [InlineData("one pico more", "charged")]
    [InlineData("no amount of the provider", "nothing of the provider in the ledger, 12500000000 in the book")]
    [InlineData("an unknown that the design does not know", "2 rows are unresolvable")]
    public void Audit_FindsTheFault(string fault, string? message)
    {
        // One call that was answered, one whose upstream broke before an answer.
        var whole = Entry("gen-1", "worker0-1", StormKind.Whole, out var wholeOperation);
        whole.MarkIdSent();
        var closed = Entry("gen-2", "worker0-2", StormKind.Close, out var closedOperation);
        StormOutcome[] outcomes =
        [
            new("worker0-1", wholeOperation, 200, "gen-1", IsComplete: true, WasKilled: false),
            new("worker0-2", closedOperation, 502, null, IsComplete: true, WasKilled: false),
        ];
        var settled = new StormRow("red", "worker0", "gen-1", GenerationState.Settled, 99, 29_000_000_000, 12_500_000_000);
        var nameless = new StormRow("red", "worker0", null, GenerationState.Unresolvable, 99, null);
        StormRow[] rows = fault switch
        {
            "nothing" => [settled, nameless],
            "one that was never sent" => [settled, nameless, nameless with { State = GenerationState.Settled, CostPico = 0 }],
            "nameless and free" => [settled, nameless with { State = GenerationState.Settled, CostPico = 0 }],
            "one pico more" => [settled with { CostPico = 29_000_000_001 }, nameless],
            "no cost" => [settled with { CostPico = null }, nameless],
            "still open" => [settled with { State = GenerationState.Provisional }, nameless],
            "another team" => [settled with { Team = "blue" }, nameless],
            "an unknown id" => [settled with { GenerationId = "gen-9" }, nameless],
            "the same id again" => [settled, settled, nameless],
            "no row" => [nameless, nameless],
            "no nameless row" => [settled],
            "nameless at nothing" => [settled, nameless with { ReservedPico = 0 }],
            "no amount of the provider" => [settled with { UpstreamPico = null }, nameless],
            "an unknown that the design does not know" => [settled, nameless, nameless],
            "nameless and settled" => [settled, nameless with { State = GenerationState.Settled, CostPico = 98 }],
            _ => throw new ArgumentOutOfRangeException(nameof(fault)),
        };

        var faults = new StormAudit(rows, [whole, closed], outcomes, StormSettings.TeamsByKey).Faults();

        if (message is null)
        {
            Assert.Empty(faults);
        }
        else
        {
            Assert.Contains(faults, line => line.Contains(message, StringComparison.Ordinal));
        }
    }

    [Theory]
    [InlineData(nameof(StormKind.LeaveBeforeHead), false, true)]
    [InlineData(nameof(StormKind.Cut), true, true)]
    [InlineData(nameof(StormKind.Cut), false, false)]
    public void Audit_KnowsWhenAnIdMayBeLost(string kind, bool wasKilled, bool isRight)
    {
        var entry = Entry("gen-1", "worker0-1", Enum.Parse<StormKind>(kind), out var operation);
        entry.MarkIdSent();
        var row = new StormRow("red", "worker0", null, GenerationState.Unresolvable, 99, null);
        var outcome = new StormOutcome("worker0-1", operation, null, null, IsComplete: false, wasKilled);

        Assert.Equal(isRight, new StormAudit([row], [entry], [outcome], StormSettings.TeamsByKey).Faults().Count == 0);
    }

    [Fact]
    public void Audit_WantsUndisturbedCallsAnswered()
    {
        var entry = Entry("gen-1", "worker0-1", StormKind.Whole, out var operation);
        var row = new StormRow("red", "worker0", "gen-1", GenerationState.Settled, 99, (long)entry.Cost, 12_500_000_000);
        var outcome = new StormOutcome("worker0-1", operation, 402, "gen-1", IsComplete: true, WasKilled: false);

        Assert.Single(new StormAudit([row], [entry], [outcome], StormSettings.TeamsByKey).Faults());
    }

    [Fact]
    public async Task ClosedRows_AreWaitedForAndOpenOnesNamed()
    {
        var open = new StormRow("red", "worker0", "gen-1", GenerationState.Provisional, 99, null);
        var answers = new Queue<StormRow>([open, open, open with { State = GenerationState.Settled, CostPico = 1 }]);

        var rows = await StormAudit.WaitForClosedRowsAsync(() => Rows(answers.Dequeue()));

        Assert.Equal(GenerationState.Settled, Assert.Single(rows).State);
        Assert.Equal("", StormAudit.OpenOnes(rows));
        Assert.Equal("worker0 gen-1 Provisional", StormAudit.OpenOnes([.. rows, open]));

        static Task<IReadOnlyList<StormRow>> Rows(StormRow row) => Task.FromResult<IReadOnlyList<StormRow>>([row]);
    }

    [Fact]
    public async Task Ledger_IsReadWhileAnotherHasItOpen()
    {
        using var folder = new TempFolder();
        await using var writer = new SqliteLedgerStore(folder.File("usage.db")) { CompactionInterval = TimeSpan.FromHours(1) };
        await writer.OpenAsync(TestContext.Current.CancellationToken);
        var (red, blue) = (LedgerSamples.NewId(), LedgerSamples.NewId());
        await writer.ApplyAsync(
            [
                LedgerSamples.Began(red, "red", long.MaxValue),
                LedgerSamples.Settled(red, 0) with
                {
                    GenerationId = "gen-1",
                    Usage = new Usage { Cost = PicoDollars.Zero, UpstreamCost = new PicoDollars(5) },
                },
                LedgerSamples.Began(blue, "blue", 7),
                LedgerSamples.Unresolvable(blue),
            ],
            TestContext.Current.CancellationToken);

        Assert.Equal(
            [
                new StormRow("red", "ci", "gen-1", GenerationState.Settled, long.MaxValue, 0, 5),
                new StormRow("blue", "ci", null, GenerationState.Unresolvable, 7, null),
            ],
            (await StormLedger.ReadSqliteAsync(folder.File("usage.db"))).OrderByDescending(row => row.Team));
    }

    /// <summary>A generation of 29,000,000,000 pico-dollars.</summary>
    private static BookEntry Entry(string id, string scriptId, StormKind kind, out StormOperation operation)
    {
        var script = FakeScript.Parse([$"x-fake-id: {scriptId}", "x-fake-prompt-tokens: 0", "x-fake-completion-tokens: 29", "x-fake-byok: 0.0125"]);
        operation = new StormOperation(kind, "/v1/chat/completions", "{}", Streams: false, [], 0, default);
        return new BookEntry(TimeProvider.System, script, ModelPrice.Parse("0", "0.001", "0"))
        {
            Id = id,
            Key = StormSettings.TeamsByKey.Single(team => team.Value == "red").Key,
            Endpoint = "/chat/completions",
            Model = "openai/gpt-4o",
            Provider = "OpenAI",
            Streams = false,
        };
    }
}
