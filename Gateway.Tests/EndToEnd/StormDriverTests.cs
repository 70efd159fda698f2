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
        await using var gateway = await StormGateway.StartAsync(Upstream.BaseUrl, static _ => ShippedSettings.Text);
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
        Assert.All(storm.Outcomes, outcome => Assert.Equal(outcome.Status is null, outcome.RequestId is null));
        Assert.All(storm.Outcomes, outcome => Assert.Equal(keys.Single(key => key.Label == outcome.KeyLabel).Team, outcome.Team));
        Assert.Contains(storm.Outcomes, outcome => outcome.IsOwnError);
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
    [InlineData("a row that no client can claim", null)]
    [InlineData("nameless and free", "1 calls were billed of which the ledger has 0")]
    [InlineData("one pico more", "29000000001 in the ledger, 29000000000 in the book")]
    [InlineData("no cost", "nothing in the ledger")]
    [InlineData("still open", "Provisional, though its id is known")]
    [InlineData("another team", "in the row of blue/worker0")]
    [InlineData("another team", "its row is that of blue/worker0")]
    [InlineData("another key", "its row is that of red/worker1")]
    [InlineData("an unknown id", "nothing was billed under this id")]
    [InlineData("the same id again", "in 2 rows")]
    [InlineData("no row", "was told")]
    [InlineData("no row", "(Whole, 200): 0 rows, expected 1 to 1")]
    [InlineData("no nameless row", "1 calls were billed of which the ledger has 0")]
    [InlineData("no nameless row", "(Close, 502): 0 rows, expected 1 to 1")]
    [InlineData("nameless at nothing", "charged at nothing")]
    [InlineData("nameless and settled", "the book has no such call")]
    [InlineData("one pico more", "charged")]
    [InlineData("no amount of the provider", "nothing of the provider in the ledger, 12500000000 in the book")]
    [InlineData("an unknown that the design does not know", "2 rows are unresolvable")]
    [InlineData("an unknown that the design does not know", "2 of its rows may cost something")]
    [InlineData("rows of each other's calls", "the client was told gen-1, and its rows have none")]
    [InlineData("rows of each other's calls", "its row has gen-1, which is of worker0-1")]
    [InlineData("a row too many", "(Close, 502): 2 rows, expected 1 to 1")]
    [InlineData("a row of no request", "1 rows have no request id")]
    [InlineData("a row of no call", "worker0: 2 requests that no client was told of, and 1 calls without a head")]
    [InlineData("another request of an answered call", "whose client was told another request")]
    [InlineData("two requests of one call", "in the rows of two requests")]
    [InlineData("two bills of one request", "request r3: 2 of its rows may cost something")]
    public void Audit_FindsTheFault(string fault, string? message)
    {
        // One call that was answered, one whose upstream broke before an answer, and one whose client left and was told nothing.
        var whole = Entry("gen-1", "worker0-1", StormKind.Whole, out var wholeOperation);
        whole.MarkIdSent();
        var closed = Entry("gen-2", "worker0-2", StormKind.Close, out var closedOperation);
        var left = Entry("gen-3", "worker0-3", StormKind.LeaveBeforeHead, out var leftOperation);
        left.MarkIdSent();
        StormOutcome[] outcomes =
        [
            Outcome("worker0-1", wholeOperation, 200, "gen-1") with { RequestId = "r1" },
            Outcome("worker0-2", closedOperation, 502) with { RequestId = "r2", IsOwnError = true },
            Outcome("worker0-3", leftOperation),
        ];
        var settled = new StormRow("red", "worker0", "gen-1", GenerationState.Settled, 99, 29_000_000_000, 12_500_000_000) { RequestId = "r1" };
        var nameless = new StormRow("red", "worker0", null, GenerationState.Unresolvable, 99, null) { RequestId = "r2" };
        var ofLeft = settled with { GenerationId = "gen-3", RequestId = "r3" };
        var free = nameless with { State = GenerationState.Settled, CostPico = 0 };
        StormRow[] rows = fault switch
        {
            "nothing" => [settled, nameless, ofLeft],
            "one that was never sent" => [settled, nameless, ofLeft, free with { RequestId = "r3" }],
            "a row that no client can claim" => [settled, nameless, nameless with { RequestId = "r3" }],
            "nameless and free" => [settled, free, ofLeft],
            "one pico more" => [settled with { CostPico = 29_000_000_001 }, nameless, ofLeft],
            "no cost" => [settled with { CostPico = null }, nameless, ofLeft],
            "still open" => [settled with { State = GenerationState.Provisional }, nameless, ofLeft],
            "another team" => [settled with { Team = "blue" }, nameless, ofLeft],
            "another key" => [settled with { KeyLabel = "worker1" }, nameless, ofLeft],
            "an unknown id" => [settled with { GenerationId = "gen-9" }, nameless, ofLeft],
            "the same id again" => [settled, settled, nameless, ofLeft],
            "no row" => [nameless, ofLeft],
            "no nameless row" => [settled, ofLeft],
            "nameless at nothing" => [settled, nameless with { ReservedPico = 0 }, ofLeft],
            "no amount of the provider" => [settled with { UpstreamPico = null }, nameless, ofLeft],
            "an unknown that the design does not know" => [settled, nameless, nameless, ofLeft],
            "nameless and settled" => [settled, free with { CostPico = 98 }, ofLeft],
            "rows of each other's calls" => [settled with { RequestId = "r2" }, nameless with { RequestId = "r1" }, ofLeft],
            "a row too many" => [settled, free, nameless, ofLeft],
            "a row of no request" => [settled, nameless, ofLeft, free with { RequestId = null }],
            "a row of no call" => [settled, nameless, free with { RequestId = "r3" }, free with { RequestId = "r4" }],
            "another request of an answered call" => [settled with { RequestId = "r4" }, nameless, ofLeft],
            "two requests of one call" => [settled, nameless, ofLeft, ofLeft with { RequestId = "r4" }],
            "two bills of one request" => [settled, nameless, ofLeft, nameless with { RequestId = "r3" }],
            _ => throw new ArgumentOutOfRangeException(nameof(fault)),
        };

        var faults = new StormAudit(rows, [whole, closed, left], outcomes, StormSettings.TeamsByKey).Faults();

        if (message is null)
        {
            Assert.Empty(faults);
        }
        else
        {
            Assert.Contains(faults, line => line.Contains(message, StringComparison.Ordinal));
        }
    }

    [Fact]
    public void Audit_WantsEachCallToldOneRequest()
    {
        var entry = Entry("gen-1", "worker0-1", StormKind.Close, out var operation);
        var other = Entry("gen-2", "worker1-1", StormKind.Close, out _);
        var row = new StormRow("red", "worker0", null, GenerationState.Unresolvable, 99, null) { RequestId = "r1" };
        var outcome = Outcome("worker0-1", operation, 502);

        Assert.Contains("(Close, 502): a head without a request id", Faults(outcome), StringComparison.Ordinal);
        Assert.Contains(
            "worker0-1, worker1-1: told the same request id r1",
            Faults(outcome with { RequestId = "r1" }, outcome with { ScriptId = "worker1-1", Team = "blue", RequestId = "r1" }),
            StringComparison.Ordinal);

        string Faults(params StormOutcome[] outcomes) =>
            string.Join('\n', new StormAudit([row], [entry, other], outcomes, StormSettings.TeamsByKey).Faults());
    }

    /// <summary>A refusal has no row, a failure of upstream at most one for each sending, and a 503 may be either.</summary>
    [Theory]
    [InlineData(429, 1, false, true, 0, 0)]
    [InlineData(429, 1, false, false, 1, 1)]
    [InlineData(502, 3, false, true, 1, 3)]
    [InlineData(503, 2, false, true, 0, 2)]
    [InlineData(503, 1, true, true, 1, 1)]
    [InlineData(200, 2, false, false, 1, 2)]
    public void Outcome_KnowsItsRows(int status, int attempts, bool replaces, bool isOwnError, int least, int most)
    {
        Entry("gen-1", "worker0-1", StormKind.Error, out var operation);
        var outcome = Outcome("worker0-1", operation, status) with
        {
            Attempts = attempts,
            IsOwnError = isOwnError,
            ReplacesAnAnswer = replaces,
        };

        Assert.Equal((least, most), outcome.Rows);
    }

    [Fact]
    public void UnknownRows_AreListedWithTheirCalls()
    {
        Entry("gen-1", "worker0-1", StormKind.Close, out var closed);
        Entry("gen-2", "worker0-2", StormKind.LeaveInBody, out var left);
        var row = new StormRow("red", "worker0", null, GenerationState.Unresolvable, 99, null) { RequestId = "r1" };
        var audit = new StormAudit(
            [row, row with { RequestId = "r2" }, row with { State = GenerationState.Settled }],
            [],
            [Outcome("worker0-1", closed, 502) with { RequestId = "r1" }, Outcome("worker0-2", left), Outcome("worker0-3", left, wasKilled: true)],
            StormSettings.TeamsByKey);

        Assert.Equal(
            [
                "red/worker0, 99 pico-dollars reserved, request r1: worker0-1 (Close, 502)",
                "red/worker0, 99 pico-dollars reserved, request r2: one of worker0-2 (LeaveInBody, no head), worker0-3 (LeaveInBody, no head, killed)",
            ],
            audit.Unknowns().Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Audit_WantsAHeadForAClientThatWaits()
    {
        Entry("gen-1", "worker0-1", StormKind.Redirect, out var operation);

        Assert.Contains(
            "no head came",
            Assert.Single(new StormAudit([], [], [Outcome("worker0-1", operation)], StormSettings.TeamsByKey).Faults()),
            StringComparison.Ordinal);
        Assert.Empty(new StormAudit([], [], [Outcome("worker0-1", operation, wasKilled: true)], StormSettings.TeamsByKey).Faults());
    }

    [Theory]
    [InlineData(nameof(StormKind.LeaveBeforeHead), false, true)]
    [InlineData(nameof(StormKind.Cut), true, true)]
    [InlineData(nameof(StormKind.Cut), false, false)]
    public void Audit_KnowsWhenAnIdMayBeLost(string kind, bool wasKilled, bool isRight)
    {
        var entry = Entry("gen-1", "worker0-1", Enum.Parse<StormKind>(kind), out var operation);
        entry.MarkIdSent();
        var row = new StormRow("red", "worker0", null, GenerationState.Unresolvable, 99, null) { RequestId = "r1" };
        var outcome = Outcome("worker0-1", operation, wasKilled: wasKilled);

        var faults = new StormAudit([row], [entry], [outcome], StormSettings.TeamsByKey).Faults();

        Assert.Equal(!isRight, faults.Any(fault => fault.Contains("its id reached the gateway", StringComparison.Ordinal)));
        Assert.Equal(isRight, faults.Count == 0);
    }

    [Fact]
    public void Audit_WantsUndisturbedCallsAnswered()
    {
        var entry = Entry("gen-1", "worker0-1", StormKind.Whole, out var operation);
        var row = new StormRow("red", "worker0", "gen-1", GenerationState.Settled, 99, (long)entry.Cost, 12_500_000_000) { RequestId = "r1" };
        var outcome = Outcome("worker0-1", operation, 402, "gen-1") with { RequestId = "r1" };

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
                LedgerSamples.Began(red, "red", long.MaxValue) with { RequestId = "r1" },
                LedgerSamples.Settled(red, 0) with
                {
                    GenerationId = "gen-1",
                    Usage = new Usage { Cost = PicoDollars.Zero, UpstreamCost = new PicoDollars(5) },
                },
                LedgerSamples.Began(blue, "blue", 7),
                LedgerSamples.Unresolvable(blue) with { Asked = 3 },
            ],
            TestContext.Current.CancellationToken);

        Assert.Equal(
            [
                new StormRow("red", "ci", "gen-1", GenerationState.Settled, long.MaxValue, 0, 5) { RequestId = "r1" },
                new StormRow("blue", "ci", null, GenerationState.Unresolvable, 7, null) { Questions = 3 },
            ],
            (await StormLedger.ReadSqliteAsync(folder.File("usage.db"))).OrderByDescending(row => row.Team));
    }

    /// <summary>A call of team <c>red</c> whose answer, if there is one, came whole.</summary>
    private static StormOutcome Outcome(
        string scriptId, StormOperation operation, int? status = null, string? generationId = null, bool wasKilled = false) =>
        new(scriptId, operation, status, generationId, IsComplete: status is not null, wasKilled) { Team = "red" };

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
