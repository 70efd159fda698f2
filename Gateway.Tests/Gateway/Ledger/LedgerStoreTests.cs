using System.Data.Common;
using System.Globalization;
using Gateway.Billing;
using Gateway.Ledger;
using Gateway.Primitives;
using Gateway.Tests.Support;
using Xunit;
using static Gateway.Tests.Gateway.Ledger.LedgerSamples;

namespace Gateway.Tests.Gateway.Ledger;

/// <summary>The behaviour of every ledger; run for each kind of store.</summary>
public abstract class LedgerStoreTests : IAsyncLifetime
{
    private readonly List<ILedgerStore> _stores = [];
    private ILedgerStore _store = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        await PrepareAsync();
        _store = await OpenAsync();
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var store in _stores)
        {
            await store.DisposeAsync();
        }

        await CleanUpAsync();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task RowsOfOtherNodes_AreReadInTheOrderOfTheirIds()
    {
        var other = await OpenAsync();
        var (early, first, second, own) = (NewId(Now.AddMinutes(-20)), NewId(Now.AddMinutes(-2)), NewId(Now.AddMinutes(-1)), NewId(Now));
        await other.ApplyAsync([Began(early, at: Now.AddMinutes(-20)), Began(second), Began(first), Settled(first, 5)], Cancel);
        await ApplyAsync(Began(own));
        var after = LedgerKeys.FirstAt(Now.AddMinutes(-10));

        await Eventually.TrueAsync(
            async () => (await _store.ReadBegunByOthersAsync(after, 10, Cancel)).Select(row => row.Id).SequenceEqual([first, second]),
            "the rows of the other node");
        var page = Assert.Single(await _store.ReadBegunByOthersAsync(after, 1, Cancel));
        Assert.Equal((first, "search", false, new PicoDollars(5)), (page.Id, page.Team, page.IsOpen, page.Charge));
        Assert.Equal([second], (await _store.ReadBegunByOthersAsync(first, 10, Cancel)).Select(row => row.Id));
        Assert.Equal([own], (await other.ReadBegunByOthersAsync(after, 10, Cancel)).Select(row => row.Id));

        var charges = await ChargesAsync("search", recent: Now.AddMinutes(-10));
        Assert.Equal([first, second, own], charges.Recent.Order());
        Assert.Equal([early, second, own], charges.Open.Keys.Order());
        Assert.Equal(charges.Charged, (await ChargesAsync("search")).Charged);
    }

    [Fact]
    public async Task Entries_FillEveryColumnOfTheirRow()
    {
        var id = NewId();
        var began = Began(id) with
        {
            Rule = "eu-only,claude",
            AskedModel = "gpt-4o",
            SentModel = "openai/gpt-4o",
            Streams = true,
            IsCounted = false,
            KeyLabel = "laptop",
            RequestId = "0af7651916cd43dd8448eb211c80319c",
        };
        await ApplyAsync(began);
        var first = await RowAsync(id);
        Assert.Equal(GenerationState.Reserved, (GenerationState)Number(first["state"]));
        Assert.Equal(0, Number(first["is_counted"]));
        Assert.Equal(0, Number(first["asked"]));
        Assert.Equal(
            "answered_ms asked endpoint id is_counted is_error key_label model_asked model_sent node request_id reserved_pico rule settings_version started_at state streams"
                .Split(' ').Append("team"),
            first.Where(column => column.Value is not null).Select(column => column.Key).Order());

        await ApplyAsync(new LedgerEntry.Named(id, "gen-1763871234-abc", "eu", "env:OPENROUTER_API_KEY_EU"));
        await ApplyAsync(new LedgerEntry.Ended(id)
        {
            State = GenerationState.Provisional,
            End = "ClientLeft",
            Status = 200,
            AnsweredModel = "openai/gpt-4o-2024",
            Provider = "Azure",
            Region = "europe",
            ServiceTier = "flex",
            FinishReason = "stop",
            Usage = new Usage
            {
                PromptTokens = 11,
                CompletionTokens = 22,
                CachedTokens = 3,
                ReasoningTokens = 4,
                Cost = new PicoDollars(55),
                Discount = new PicoDollars(-6),
                UpstreamCost = new PicoDollars(66),
            },
            TimeToFirstToken = TimeSpan.FromMicroseconds(123_456),
            EndedAt = Now.AddSeconds(2),
            ClosedAt = Now.AddSeconds(3),
            Asked = 2,
            AskAt = Now.AddSeconds(4),
            Held = new PicoDollars(77),
            IsError = true,
            LimitTokens = 88,
            AnsweredTime = TimeSpan.FromSeconds(9),
            AskedAt = Now.AddSeconds(5),
        });

        var row = await RowAsync(id);
        var expected = new Dictionary<string, object>
        {
            ["started_at"] = Now.ToUnixTimeMilliseconds(),
            ["team"] = "search",
            ["key_label"] = "laptop",
            ["rule"] = "eu-only,claude",
            ["settings_version"] = "1a2b3c4d",
            ["endpoint"] = "/chat/completions",
            ["model_asked"] = "gpt-4o",
            ["model_sent"] = "openai/gpt-4o",
            ["model_answered"] = "openai/gpt-4o-2024",
            ["provider"] = "Azure",
            ["generation_id"] = "gen-1763871234-abc",
            ["destination"] = "eu",
            ["streams"] = 1L,
            ["prompt_tokens"] = 11L,
            ["completion_tokens"] = 22L,
            ["cached_tokens"] = 3L,
            ["reasoning_tokens"] = 4L,
            ["reserved_pico"] = 1000L,
            ["cost_pico"] = 55L,
            ["discount_pico"] = -6L,
            ["state"] = 1L,
            ["ended"] = "ClientLeft",
            ["status"] = 200L,
            ["finish_reason"] = "stop",
            ["first_token_us"] = 123_456L,
            ["ended_at"] = Now.AddSeconds(2).ToUnixTimeMilliseconds(),
            ["closed_at"] = Now.AddSeconds(3).ToUnixTimeMilliseconds(),
            ["asked"] = 2L,
            ["ask_at"] = Now.AddSeconds(4).ToUnixTimeMilliseconds(),
            ["is_counted"] = 1L,
            ["upstream_cost_pico"] = 66L,
            ["held_pico"] = 77L,
            ["is_error"] = 1L,
            ["limit_tokens"] = 88L,
            ["answered_ms"] = 9000L,
            ["asked_at"] = Now.AddSeconds(5).ToUnixTimeMilliseconds(),
            ["request_id"] = "0af7651916cd43dd8448eb211c80319c",
            ["upstream_key"] = "env:OPENROUTER_API_KEY_EU",
            ["region"] = "europe",
            ["service_tier"] = "flex",
        };
        foreach (var (name, value) in expected)
        {
            Assert.Equal(value, row[name] is int or short ? Number(row[name]) : row[name]);
        }

        Assert.Equal(expected.Keys.Append("id").Append("node").Append("reason").Order(), row.Keys.Order());
    }

    [Fact]
    public async Task Ended_LeavesWhatItDoesNotSay()
    {
        var id = NewId();
        await ApplyAsync(
            Began(id),
            Provisional(id) with
            {
                End = "ClientLeft",
                Status = 200,
                Provider = "Azure",
                Asked = 3,
                Usage = new Usage { PromptTokens = 7 },
            },
            new LedgerEntry.Ended(id) { State = GenerationState.Settled, Usage = new Usage { Cost = new PicoDollars(5) } });

        var row = await RowAsync(id);
        Assert.Equal("ClientLeft", row["ended"]);
        Assert.Equal("Azure", row["provider"]);
        Assert.Equal(200, Number(row["status"]));
        Assert.Equal(3, Number(row["asked"]));
        Assert.Equal(7, Number(row["prompt_tokens"]));
        Assert.Equal(5, Number(row["cost_pico"]));
        Assert.Null(row["ask_at"]);
    }

    [Fact]
    public async Task Row_TakesOnlyStatesThatSayMore()
    {
        (GenerationState From, GenerationState To, bool IsTaken)[] pairs =
        [
            (GenerationState.Reserved, GenerationState.Settled, true),
            (GenerationState.Reserved, GenerationState.Provisional, true),
            (GenerationState.Reserved, GenerationState.Unresolvable, true),
            (GenerationState.Provisional, GenerationState.Provisional, true),
            (GenerationState.Provisional, GenerationState.Settled, true),
            (GenerationState.Provisional, GenerationState.Unresolvable, true),
            (GenerationState.Unresolvable, GenerationState.Settled, true),
            (GenerationState.Unresolvable, GenerationState.Provisional, true),
            (GenerationState.Unresolvable, GenerationState.Unresolvable, false),
            (GenerationState.WrittenOff, GenerationState.Settled, true),
            (GenerationState.WrittenOff, GenerationState.Provisional, false),
            (GenerationState.WrittenOff, GenerationState.Unresolvable, false),
            (GenerationState.Settled, GenerationState.Settled, false),
            (GenerationState.Settled, GenerationState.Provisional, false),
            (GenerationState.Settled, GenerationState.Unresolvable, false),
        ];
        foreach (var (from, to, isTaken) in pairs)
        {
            var id = NewId();
            await ApplyAsync(Began(id));
            if (from != GenerationState.Reserved)
            {
                await ApplyAsync(new LedgerEntry.Ended(id) { State = from, End = "First" });
            }

            await ApplyAsync(new LedgerEntry.Ended(id) { State = to, End = "Second", GenerationId = $"gen-late-{id:N}" });

            var row = await RowAsync(id);
            var end = isTaken ? "Second" : from == GenerationState.Reserved ? null : "First";
            Assert.Equal((from, to, end), (from, to, (string?)row["ended"]));
            Assert.Equal((from, to, (long)(isTaken ? to : from)), (from, to, Number(row["state"])));
            Assert.Equal($"gen-late-{id:N}", row["generation_id"]);
        }
    }

    [Fact]
    public async Task RowThatWasGivenUp_IsAskedForOnlyOnce()
    {
        var id = NewId();
        await ApplyAsync(Began(id), new LedgerEntry.Named(id, "gen-1763871234-known"));
        await ApplyAsync(new LedgerEntry.Ended(id) { State = GenerationState.Unresolvable });

        await ApplyAsync(new LedgerEntry.Ended(id) { State = GenerationState.Provisional, GenerationId = "gen-1763871234-known" });

        Assert.Equal((int)GenerationState.Unresolvable, Number((await RowAsync(id))["state"]));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task AdoptedRow_IsAskedForOnceItsOwnNodeNamesIt(bool isEnded)
    {
        // A node that cannot renew its lock counts as dead.
        var id = NewId();
        var node = await OpenAsync();
        await node.ApplyAsync([Began(id)], Cancel);
        await DieAsync(node);
        await Eventually.TrueAsync(async () => await _store.AdoptOrphansAsync(Now, Cancel) == (0, 1), "the row to be adopted");

        await ApplyAsync(new LedgerEntry.Named(id, "gen-1763871234-late", "eu"));
        var named = await RowAsync(id);
        Assert.Equal(((int)GenerationState.Provisional, null), (Number(named["state"]), named["closed_at"]));
        Assert.Equal(("gen-1763871234-late", "eu"), (named["generation_id"], named["destination"]));
        if (isEnded)
        {
            await ApplyAsync(Provisional(id, Now.AddSeconds(-1)) with { End = "ClientLeft" });
            Assert.Equal("ClientLeft", (await RowAsync(id))["ended"]);
        }

        Assert.Equal(id, Assert.Single(await _store.TakeDueAsync(["search"], Now, Now.AddMinutes(1), 10, Cancel)).Id);

        // It is named once.
        await ApplyAsync(Unresolvable(id), new LedgerEntry.Named(id, "gen-1763871234-other"));
        Assert.Equal((int)GenerationState.Unresolvable, Number((await RowAsync(id))["state"]));
        Assert.Equal("gen-1763871234-late", (await RowAsync(id))["generation_id"]);
    }

    [Fact]
    public async Task WaitingRow_IsNotWrittenOff()
    {
        var (waiting, unresolvable) = (NewId(), NewId());
        await ApplyAsync(
            Began(waiting), Provisional(waiting) with { GenerationId = "gen-1763871234-x" },
            Began(unresolvable), Unresolvable(unresolvable));

        Assert.Equal([unresolvable], (await _store.WriteOffAsync(new WriteOffQuery("search", null, null), "an outage", Now, Cancel)).Select(row => row.Id));

        Assert.Equal((int)GenerationState.Provisional, Number((await RowAsync(waiting))["state"]));
    }

    [Fact]
    public async Task GenerationId_StaysTheFirst()
    {
        var id = NewId();
        await ApplyAsync(
            Began(id),
            new LedgerEntry.Named(id, "gen-1"),
            new LedgerEntry.Named(id, "gen-2"),
            Settled(id, 1) with { GenerationId = "gen-3" });
        Assert.Equal("gen-1", (await RowAsync(id))["generation_id"]);
    }

    [Fact]
    public async Task EntryOfUnknownRow_IsIgnored()
    {
        var id = NewId();
        await ApplyAsync(Settled(id, 5), new LedgerEntry.Named(id, "gen-1"), Settled(id, 5) with { GenerationId = "gen-1" });
        Assert.Empty(await _store.ReadChargesAsync([id], Cancel));
    }

    [Fact]
    public async Task BeganTwice_IsThereOnce()
    {
        var id = NewId();
        await ApplyAsync(Began(id, reserved: 10), Settled(id, 3));
        await ApplyAsync(Began(id, reserved: 20));
        Assert.Equal(3, (long)(await _store.ReadChargesAsync([id], Cancel))[id].Charge.Value);
    }

    [Fact]
    public async Task TextThatStoresRefuse_IsMadeFit()
    {
        var id = NewId();
        await ApplyAsync(
            Began(id) with { AskedModel = "a\0b\ud800c", SentModel = new string('x', 10_000), KeyLabel = "" },
            Settled(id, 1) with { GenerationId = new string('g', 10_000) });
        var row = await RowAsync(id);
        Assert.Equal("a\ufffdb\ufffdc", row["model_asked"]);
        Assert.Equal(256, ((string)row["model_sent"]!).Length);
        Assert.Equal("", row["key_label"]);
        Assert.False(await _store.HasGenerationAsync("search", new string('g', 10_000), Cancel));
    }

    [Fact]
    public async Task OrphansOfDeadNode_AreAdopted_ThoseOfLiveOnesAreNot()
    {
        var dying = await OpenAsync();
        var alive = await OpenAsync();
        var (named, unnamed, done, own, others) = (NewId(), NewId(), NewId(), NewId(), NewId());
        await dying.ApplyAsync(
            [Began(named), new LedgerEntry.Named(named, "gen-1"), Began(unnamed) with { IsCounted = false }, Began(done), Settled(done, 1)],
            Cancel);
        await alive.ApplyAsync([Began(others)], Cancel);
        await ApplyAsync(Began(own));

        Assert.Equal((0, 0), await _store.AdoptOrphansAsync(Now.AddMinutes(1), Cancel));
        await DieAsync(dying);

        // A database server notices a moment later that a connection has ended.
        (int Provisional, int Unresolvable) adopted = default;
        await Eventually.TrueAsync(
            async () => (adopted = await _store.AdoptOrphansAsync(Now.AddMinutes(1), Cancel)) != default,
            "the dead node to be noticed");
        Assert.Equal((1, 1), adopted);
        Assert.Equal((0, 0), await alive.AdoptOrphansAsync(Now.AddMinutes(2), Cancel));

        var asked = await RowAsync(named);
        Assert.Equal(1, Number(asked["state"]));
        Assert.Equal("GatewayDied", asked["ended"]);
        Assert.Equal(Now.AddMinutes(1).ToUnixTimeMilliseconds(), asked["ask_at"]);
        Assert.Equal(Now.AddMinutes(1).ToUnixTimeMilliseconds(), asked["ended_at"]);
        Assert.Null(asked["closed_at"]);
        var givenUp = await RowAsync(unnamed);
        Assert.Equal(3, Number(givenUp["state"]));
        Assert.Equal("GatewayDied", givenUp["ended"]);
        Assert.Equal(Now.AddMinutes(1).ToUnixTimeMilliseconds(), givenUp["closed_at"]);
        Assert.Equal(unnamed, Assert.Single(await _store.ReadUncountedAsync(10, Cancel)).Id);
        foreach (var id in new[] { own, others })
        {
            Assert.Equal(0, Number((await RowAsync(id))["state"]));
        }
    }

    [Fact]
    public async Task ClosedStore_LeavesOrphansToTheOthers()
    {
        var closing = await OpenAsync();
        var id = NewId();
        await closing.ApplyAsync([Began(id)], Cancel);
        await closing.DisposeAsync();

        // A server notices a moment later that a connection is closed.
        await Eventually.TrueAsync(
            async () => await _store.AdoptOrphansAsync(Now, Cancel) == (0, 1), "the row to be adopted");
    }

    [Fact]
    public async Task DueRows_ComeOldestFirst_AndAreLeased()
    {
        var (late, early, future, settled) = (NewId(), NewId(), NewId(), NewId());
        await ApplyAsync(
            Began(late, reserved: 7) with { IsCounted = false, Endpoint = "/responses", SentModel = "openai/gpt-4o" },
            Provisional(late, Now) with
            {
                GenerationId = "gen-late",
                UpstreamKey = "env:KEY",
                Asked = 4,
                IsCounted = false,
                IsError = true,
                LimitTokens = 12,
                AnsweredTime = TimeSpan.FromMinutes(7),
                AskedAt = Now.AddSeconds(-1),
            },
            Began(early, team: "other"), Provisional(early, Now.AddSeconds(-5)) with { GenerationId = "gen-early", UpstreamKey = $"file:{new string('x', 300)}" },
            Began(future), Provisional(future, Now.AddSeconds(1)),
            Began(settled), Provisional(settled, Now), Settled(settled, 1));

        var due = await _store.TakeDueAsync(["search", "other"], Now, Now.AddMinutes(1), 10, Cancel);
        Assert.Equal(
            [
                new PendingGeneration(early, "other", "gen-early", Now, Now, new PicoDollars(1000), 0, true, KeyLabel: "ci", Endpoint: "/chat/completions"),
                new PendingGeneration(late, "search", "gen-late", Now, Now, new PicoDollars(7), 4, false)
                {
                    KeyLabel = "ci",
                    IsError = true,
                    LimitTokens = 12,
                    AnsweredTime = TimeSpan.FromMinutes(7),
                    AskedAt = Now.AddSeconds(-1),
                    UpstreamKey = "env:KEY",
                    Endpoint = "/responses",
                    SentModel = "openai/gpt-4o",
                },
            ],
            due);
        Assert.Empty(await _store.TakeDueAsync(["search", "other"], Now, Now.AddMinutes(1), 10, Cancel));
        Assert.Equal(3, (await _store.TakeDueAsync(["search", "other"], Now.AddMinutes(1), Now.AddMinutes(2), 10, Cancel)).Count);
    }

    [Fact]
    public async Task DueRows_OfSeveralTeams_AreTakenInTurn()
    {
        await ApplyAsync([.. Due("search", 6, Now.AddMinutes(-5)), .. Due("other", 2, Now.AddMinutes(-2)), .. Due("third", 1, Now.AddMinutes(-1))]);

        Assert.Equal(["search-0", "other-0", "third-0", "search-1"], await TakeAsync(4));
        Assert.Equal(["search-2", "other-1", "search-3"], await TakeAsync(3));

        // More teams than rows to take: those that have waited longest.
        await ApplyAsync([.. Due("other", 1, Now.AddMinutes(-6))]);
        Assert.Equal(["other-0"], await TakeAsync(1));
        Assert.Equal(["search-4", "search-5"], await TakeAsync(9));

        IEnumerable<LedgerEntry> Due(string team, int rows, DateTimeOffset first) => Enumerable.Range(0, rows).SelectMany(row =>
        {
            var id = NewId();
            return new LedgerEntry[]
            {
                Began(id, team: team), Provisional(id, first.AddSeconds(row)) with { GenerationId = $"{team}-{row}" },
            };
        });

        async Task<IEnumerable<string?>> TakeAsync(int max) =>
            (await _store.TakeDueAsync(["search", "other", "third"], Now, Now.AddMinutes(1), max, Cancel)).Select(row => row.GenerationId);
    }

    [Fact]
    public async Task DueRows_OfOtherTeams_WaitUntouched_AndTakeNobodysPlace()
    {
        var gone = Enumerable.Range(0, 20).Select(i => NewId()).ToArray();
        var here = NewId();
        await ApplyAsync([
            .. gone.SelectMany(id => new LedgerEntry[]
            {
                Began(id, team: "gone"), Provisional(id, Now.AddMinutes(-5)) with { GenerationId = "gen-gone" },
            }),
            Began(here), Provisional(here, Now) with { GenerationId = "gen-here" },
        ]);

        Assert.Equal(here, Assert.Single(await _store.TakeDueAsync(["search"], Now, Now.AddMinutes(1), 10, Cancel)).Id);
        Assert.Empty(await _store.TakeDueAsync([], Now, Now.AddMinutes(1), 10, Cancel));

        // Not leased by either.
        Assert.Equal(20, (await _store.TakeDueAsync(["search", "gone"], Now, Now.AddMinutes(1), 50, Cancel)).Count);
    }

    [Fact]
    public async Task Destination_IsKeptWithTheNameOrTheEnd()
    {
        var (named, ended, both, neither) = (NewId(), NewId(), NewId(), NewId());
        await ApplyAsync(
            Began(named), new LedgerEntry.Named(named, "gen-1", "eu"), Provisional(named, Now),
            Began(ended), Provisional(ended, Now.AddSeconds(-1)) with { GenerationId = "gen-2", Destination = "us" },
            Began(both), new LedgerEntry.Named(both, "gen-3", "eu"), Provisional(both, Now.AddSeconds(-2)) with { Destination = "us" },
            Began(neither), Provisional(neither, Now.AddSeconds(-3)) with { GenerationId = "gen-4" });

        var due = await _store.TakeDueAsync(["search", "other"], Now, Now.AddMinutes(1), 10, Cancel);

        Assert.Equal([(neither, null), (both, "us"), (ended, "us"), (named, "eu")], due.Select(row => (row.Id, row.Destination)));
    }

    [Fact]
    public async Task EarlierSchema_IsBroughtUpToDate()
    {
        for (var version = 1; version <= LedgerSchema.Version(IsSqlite); version++)
        {
            var id = NewId();
            await CreateSchemaAsync(version);
            await ExecuteAsync(
                $"""
                INSERT INTO generations (id, started_at, node, team, key_label, settings_version, endpoint, streams, reserved_pico, state, is_counted)
                VALUES ({Literal(id)}, {Now.ToUnixTimeMilliseconds()}, {Literal(Guid.NewGuid())}, 'search', 'ci', 'v', '/chat/completions', 0, 1000, 0, 1)
                """);

            _store = await OpenAsync();

            await ApplyAsync(
                new LedgerEntry.Named(id, "gen-1", "eu", "env:KEY"), Provisional(id) with { LimitTokens = 5, ServiceTier = "flex" });
            var due = Assert.Single(await _store.TakeDueAsync(["search", "other"], Now, Now.AddMinutes(1), 10, Cancel));
            Assert.Equal(("eu", 5, TimeSpan.Zero, false), (due.Destination, due.LimitTokens, due.AnsweredTime, due.IsError));
            var row = await RowAsync(id);
            Assert.Equal(((object?)null, (object?)"env:KEY", (object?)"flex"), (row["request_id"], row["upstream_key"], row["service_tier"]));
        }
    }

    /// <summary>A ledger as a program of each schema version left it: a removed, a settled and an open row.</summary>
    [Fact]
    public async Task EverySchema_KeepsItsTotals()
    {
        // Before the sums of days, the cost of removed rows was kept by team.
        var lastTotals = IsSqlite ? 5 : 4;
        for (var version = 1; version <= LedgerSchema.Version(IsSqlite); version++)
        {
            var (settled, open) = (NewId(Now.AddDays(-10)), NewId());
            var removed = version <= lastTotals ? 5_000_007 : 0;
            await CreateSchemaAsync(version);
            if (removed > 0)
            {
                await ExecuteAsync(
                    "INSERT INTO removed_totals (team, requests, charged_micro, charged_pico) VALUES ('search', 3, 5, 7), ('other', 1, 2, 0)");
            }

            await ExecuteAsync(
                $"""
                INSERT INTO generations (id, started_at, node, team, key_label, settings_version, endpoint, streams, reserved_pico, cost_pico, state,
                    is_counted, closed_at, ask_at, generation_id)
                VALUES ({Literal(settled)}, {Now.AddDays(-10).ToUnixTimeMilliseconds()}, {Literal(Guid.Empty)}, 'search', 'ci', 'v', '/chat/completions', 0,
                    1000, 11, {(int)GenerationState.Settled}, 1, {Now.AddDays(-10).ToUnixTimeMilliseconds()}, NULL, 'gen-1763871234-a'),
                    ({Literal(open)}, {Now.ToUnixTimeMilliseconds()}, {Literal(Guid.Empty)}, 'search', 'ci', 'v', '/chat/completions', 1,
                    1000, NULL, {(int)GenerationState.Provisional}, 1, NULL, {Now.ToUnixTimeMilliseconds()}, 'gen-1763871234-b')
                """);

            var store = await OpenAsync();

            var report = Assert.Single(await store.ReadUsageAsync(new UsageSelection { Groups = [UsageGroup.Team, UsageGroup.Key] }, Cancel));
            Assert.Equal(["search", "search/ci"], report.Names);
            Assert.Equal((2, 1011, 1), (report.Requests, (long)report.Cost.Value, report.Unresolved));
            var charges = await ChargesOfAsync(store, "search");
            Assert.Equal((removed + 11 + 1000, 0), ((long)charges.Charged.Value, (long)charges.UpstreamCost.Value));
            Assert.Equal(new PicoDollars(removed > 0 ? 2_000_000 : 0), (await ChargesOfAsync(store, "other")).Charged);
            Assert.Equal([open], charges.Open.Keys);
            Assert.Equal(open, Assert.Single(await store.TakeDueAsync(["search"], Now, Now.AddMinutes(1), 10, Cancel)).Id);

            // The rows that this version settles and removes are added to those that the earlier one has removed.
            var usage = new Usage { Cost = new PicoDollars(13), UpstreamCost = new PicoDollars(17) };
            await store.ApplyAsync([Settled(open, 0) with { Usage = usage }], Cancel);
            Assert.Equal(2, await store.RemoveBeforeAsync(Now.AddDays(1), Now.AddDays(2), Cancel));
            Assert.Equal(new PicoDollars(11 + 13), (await KeyChargesAsync(store, "ci", DateTimeOffset.MinValue)).Charged);
            Assert.Equal(new PicoDollars(13), (await KeyChargesAsync(store, "ci", Day(Now))).Charged);
            Assert.Equal(PicoDollars.Zero, (await KeyChargesAsync(store, "laptop", DateTimeOffset.MinValue)).Charged);
            charges = await ChargesOfAsync(store, "search");
            Assert.Equal((removed + 11 + 13, 17), ((long)charges.Charged.Value, (long)charges.UpstreamCost.Value));
            Assert.Equal(new PicoDollars(removed + 11 + 13), await store.ReadCostsAsync("search", Cancel));
        }

        static Task<TeamCharges> KeyChargesAsync(ILedgerStore store, string label, DateTimeOffset from) =>
            store.ReadChargesAsync("search", label, from, DateTimeOffset.MaxValue, DateTimeOffset.MinValue, Cancel);

        static Task<TeamCharges> ChargesOfAsync(ILedgerStore store, string team) =>
            store.ReadChargesAsync(team, null, DateTimeOffset.MinValue, DateTimeOffset.MaxValue, DateTimeOffset.MinValue, Cancel);
    }

    [Fact]
    public async Task NothingProvisional_NothingIsDue()
    {
        await ApplyAsync(Began(NewId()));
        Assert.Empty(await _store.TakeDueAsync(["search", "other"], Now.AddDays(1), Now.AddDays(2), 10, Cancel));
    }

    [Fact]
    public async Task RacingStores_NeverTakeTheSameRow()
    {
        var ids = Enumerable.Range(0, 200).Select(_ => NewId()).ToList();
        await ApplyAsync([.. ids.SelectMany(id => new LedgerEntry[] { Began(id), Provisional(id) with { GenerationId = "gen-x" } })]);
        var other = await OpenAsync();
        var taken = await Task.WhenAll(new[] { _store, other, _store, other }.Select(store => Task.Run(
            async () =>
            {
                var mine = new List<Guid>();
                while (await store.TakeDueAsync(["search", "other"], Now, Now.AddHours(1), 7, Cancel) is { Count: > 0 } some)
                {
                    mine.AddRange(some.Select(row => row.Id));
                }

                return mine;
            },
            Cancel)));
        Assert.Equal(ids.Order(), taken.SelectMany(mine => mine).Order());
    }

    [Fact]
    public async Task Usage_IsSummedUpByGroup_BeyondSixtyFourBits()
    {
        var ids = Enumerable.Range(0, 6).Select(_ => NewId()).ToArray();
        await ApplyAsync(
            Began(ids[0], reserved: long.MaxValue) with { Rule = "eu", AskedModel = "m-asked" },
            Began(ids[1], reserved: long.MaxValue) with { Rule = "eu", SentModel = "m-sent", AskedModel = "m-asked" },
            Began(ids[2]) with { KeyLabel = "laptop" },
            Settled(ids[2], long.MaxValue) with
            {
                AnsweredModel = "m-answered",
                Provider = "Azure",
                Usage = new Usage { PromptTokens = 5, CompletionTokens = 6, Cost = new PicoDollars(long.MaxValue) },
            },
            Began(ids[3], reserved: 10), Unresolvable(ids[3]),
            Began(ids[4], team: "a", reserved: 20), Provisional(ids[4]) with { Usage = new Usage { Cost = new PicoDollars(3) } },
            Began(ids[5], team: "a", reserved: 30), Settled(ids[5], 0));

        var huge = new PicoDollars((Int128)long.MaxValue * 3);
        Assert.Equal(
            [new Row("a", 2, 0, 0, new PicoDollars(20), 1), new Row("search", 4, 5, 6, huge + new PicoDollars(10), 3)],
            await UsageAsync(UsageGroup.Team));
        Assert.Equal(["a/ci", "search/ci", "search/laptop"], (await UsageAsync(UsageGroup.Key)).Select(row => row.Name));
        Assert.Equal(["", "m-answered", "m-asked", "m-sent"], (await UsageAsync(UsageGroup.Model)).Select(row => row.Name));
        Assert.Equal(["", "Azure"], (await UsageAsync(UsageGroup.Provider)).Select(row => row.Name));
        Assert.Equal(
            [
                new Row("", 4, 5, 6, new PicoDollars((Int128)long.MaxValue + 30), 2),
                new Row("eu", 2, 0, 0, new PicoDollars((Int128)long.MaxValue * 2), 2),
            ],
            await UsageAsync(UsageGroup.Rule));
    }

    [Fact]
    public async Task Usage_IsOfItsTime_UpperBoundExclusive()
    {
        foreach (var offset in new[] { -7200, -1, 0, 1, 3599, 3600, 7200 })
        {
            var at = Now.AddSeconds(offset);
            await ApplyAsync(Began(NewId(at), reserved: 1, at: at));
        }

        Assert.Equal(3, Assert.Single(await UsageAsync(UsageGroup.Team, Now, Now.AddHours(1))).Requests);
        Assert.Equal(2, Assert.Single(await UsageAsync(UsageGroup.Team, null, Now)).Requests);
        Assert.Equal(5, Assert.Single(await UsageAsync(UsageGroup.Team, Now, null)).Requests);
        Assert.Equal(7, Assert.Single(await UsageAsync(UsageGroup.Team)).Requests);
        Assert.Empty(await UsageAsync(UsageGroup.Team, Now.AddDays(1), Now.AddDays(2)));
    }

    [Fact]
    public async Task Charges_AreSumsWithOpenRows()
    {
        var (reserved, provisional, settled, unresolvable, before) = (NewId(), NewId(), NewId(), NewId(), NewId(Now.AddDays(-2)));
        await ApplyAsync(
            Began(reserved, reserved: 1),
            Began(provisional, reserved: 20), Provisional(provisional),
            Began(settled, reserved: 999), Settled(settled, 300),
            Began(unresolvable, reserved: 4000), Unresolvable(unresolvable),
            Began(before, reserved: 50_000, at: Now.AddDays(-2)), Settled(before, 60_000),
            Began(NewId(), team: "other"));

        var charges = await ChargesAsync("search", Day(Now));
        Assert.Equal(new PicoDollars(4321), charges.Charged);
        Assert.Equal(
            new Dictionary<Guid, PicoDollars> { [reserved] = new(1), [provisional] = new(20), [unresolvable] = new(4000) }.OrderBy(row => row.Key),
            charges.Open.OrderBy(row => row.Key));
        Assert.Equal(new PicoDollars(64_321), (await ChargesAsync("search")).Charged);
        Assert.Equal(PicoDollars.Zero, (await ChargesAsync("nobody")).Charged);

        var rows = await _store.ReadChargesAsync([provisional, settled, NewId()], Cancel);
        Assert.Equal(2, rows.Count);
        Assert.Equal(new RowCharge(provisional, "search", Now, true, new PicoDollars(20), KeyLabel: "ci"), rows[provisional]);
        Assert.Equal(new RowCharge(settled, "search", Now, false, new PicoDollars(300), ClosedAt: Now, KeyLabel: "ci"), rows[settled]);
    }

    [Fact]
    public async Task UnresolvableRows_AreChargedSinceATime_AndReportedUntilTheyAreWrittenOff()
    {
        var (early, late, named, others) = (NewId(), NewId(), NewId(), NewId());
        await ApplyAsync(
            Began(early, reserved: 1), Unresolvable(early) with { ClosedAt = Now.AddMinutes(-61) },
            Began(late, reserved: 20), Unresolvable(late) with { ClosedAt = Now.AddMinutes(-59) },
            Began(named, reserved: 300, at: Now.AddDays(-1)), Unresolvable(named) with { GenerationId = "gen-1763871234-x" },
            Began(others, team: "other", reserved: 4000), Unresolvable(others));

        var charges = await ChargesAsync("search", heldSince: Now.AddHours(-1));
        Assert.Equal((new PicoDollars(320), 2), (charges.Charged, charges.Open.Count));
        Assert.Equal(new PicoDollars(321), (await ChargesAsync("search")).Charged);
        Assert.Equal(new Row("search", 3, 0, 0, new PicoDollars(321), 3), (await UsageAsync(UsageGroup.Team)).Single(row => row.Name == "search"));

        var query = new WriteOffQuery("search", Now, null);
        Assert.Equal([named], (await _store.ReadUnresolvedAsync(query, Cancel)).Select(row => row.Id));
        Assert.Equal([named], (await _store.WriteOffAsync(query with { Until = null, Id = "gen-1763871234-x" }, "an outage", Now, Cancel)).Select(row => row.Id));
        Assert.Equal([early], (await _store.WriteOffAsync(query with { Until = null, Id = early.ToString() }, "an outage", Now, Cancel)).Select(row => row.Id));
        Assert.Empty(await _store.WriteOffAsync(query with { Until = null, Id = "gen-1" }, "an outage", Now, Cancel));
        var written = Assert.Single(await _store.WriteOffAsync(query with { Until = null }, "the rest", Now.AddHours(1), Cancel));
        Assert.Equal(new UnresolvedRow(late, Now, "ci", "", null, new PicoDollars(20)), written);
        Assert.Empty(await _store.ReadUnresolvedAsync(query with { Until = null }, Cancel));

        var row = await RowAsync(late);
        Assert.Equal((4L, "the rest"), (Number(row["state"]), (string?)row["reason"]));
        Assert.Equal(Now.AddHours(1).ToUnixTimeMilliseconds(), row["closed_at"]);
        Assert.Equal(PicoDollars.Zero, (await ChargesAsync("search")).Charged);
        Assert.Equal(
            [new Row("other", 1, 0, 0, new PicoDollars(4000), 1), new Row("search", 3, 0, 0, PicoDollars.Zero, 0)],
            await UsageAsync(UsageGroup.Team));
    }

    [Fact]
    public async Task HeldAmount_ReplacesTheReservationUntilTheBill()
    {
        var id = NewId();
        await ApplyAsync(Began(id, reserved: 100), Provisional(id) with { Held = PicoDollars.Zero });
        Assert.Equal(PicoDollars.Zero, (await ChargesAsync("search")).Charged);
        Assert.Equal(PicoDollars.Zero, (await ChargesAsync("search")).Open[id]);
        Assert.Equal(PicoDollars.Zero, (await _store.ReadChargesAsync([id], Cancel))[id].Charge);
        Assert.Equal(new PicoDollars(100), Assert.Single(await UsageAsync(UsageGroup.Team)).Cost);

        // Once no bill is to come, the reservation counts.
        await ApplyAsync(Unresolvable(id));
        var unknown = await ChargesAsync("search");
        Assert.Equal((new PicoDollars(100), new PicoDollars(100)), (unknown.Charged, unknown.Open[id]));
        Assert.Equal(new PicoDollars(100), (await _store.ReadChargesAsync([id], Cancel))[id].Charge);

        await ApplyAsync(Settled(id, 7));
        Assert.Equal(new PicoDollars(7), (await ChargesAsync("search")).Charged);
    }

    [Fact]
    public async Task ProvidersOwnAmounts_AreSummedApart_AlsoOfRemovedRows()
    {
        var (old, recent) = (NewId(Now.AddDays(-10)), NewId());
        var byok = new Usage { Cost = new PicoDollars(1), UpstreamCost = new PicoDollars(50) };
        await ApplyAsync(
            Began(old, at: Now.AddDays(-10)), Settled(old, 0) with { Usage = byok },
            Began(recent), Settled(recent, 0) with { Usage = byok with { UpstreamCost = new PicoDollars(long.MaxValue) } });
        Assert.Equal(new PicoDollars(50), (await _store.ReadChargesAsync([old], Cancel))[old].UpstreamCost);
        var sum = new PicoDollars((Int128)long.MaxValue + 50);
        var before = await ChargesAsync("search");
        Assert.Equal((new PicoDollars(2), sum), (before.Charged, before.UpstreamCost));

        Assert.Equal(1, await _store.RemoveBeforeAsync(Now.AddDays(-5), Now, Cancel));

        var after = await ChargesAsync("search");
        Assert.Equal((new PicoDollars(2), sum), (after.Charged, after.UpstreamCost));
        Assert.Equal(new PicoDollars(2), await _store.ReadCostsAsync("search", Cancel));
        Assert.Equal(new PicoDollars(2), Assert.Single(await UsageAsync(UsageGroup.Team)).Cost);
        Assert.Equal(new PicoDollars(1), Assert.Single(await UsageAsync(UsageGroup.Rule)).Cost);
    }

    [Fact]
    public async Task OldRowsThatStillWait_AreRemoved_ThoseInFlightAreNot()
    {
        var at = Now.AddDays(-10);
        var (waiting, flying, unresolvable, young) = (NewId(at), NewId(at), NewId(at), NewId());
        await ApplyAsync(
            Began(waiting, team: "gone", at: at), Provisional(waiting) with { GenerationId = "gen-gone" },
            Began(flying, team: "gone", at: at),
            Began(unresolvable, team: "gone", at: at), Unresolvable(unresolvable),
            Began(young, team: "gone"), Provisional(young));

        Assert.Equal(2, await _store.RemoveBeforeAsync(Now.AddDays(-5), Now, Cancel));
        Assert.Equal(0, await _store.RemoveBeforeAsync(Now.AddDays(-5), Now, Cancel));

        Assert.Equal(
            new[] { flying, young }.Order(), (await _store.ReadChargesAsync([waiting, flying, unresolvable, young], Cancel)).Keys.Order());

        // Nothing of unknown calls is kept: the budget has stopped counting them long ago.
        Assert.Equal(new PicoDollars(2000), (await ChargesAsync("gone")).Charged);
    }

    [Fact]
    public async Task Value_IsKeptUntilTheNext()
    {
        Assert.Null(await _store.ReadValueAsync("drift:a", Cancel));
        await _store.WriteValueAsync("drift:a", "1", Cancel);
        await _store.WriteValueAsync("drift:a", "2", Cancel);
        var text = new string('x', 10_000);
        await _store.WriteValueAsync("drift:b", text, Cancel);
        Assert.Equal(text, await _store.ReadValueAsync("drift:b", Cancel));
        Assert.Equal("2", await _store.ReadValueAsync("drift:a", Cancel));
        Assert.Equal("2", await (await OpenAsync()).ReadValueAsync("drift:a", Cancel));
    }

    [Fact]
    public async Task SettledRowWithoutCost_IsChargedAtItsReservation()
    {
        var id = NewId();
        await ApplyAsync(Began(id, reserved: 9), new LedgerEntry.Ended(id) { State = GenerationState.Settled });
        Assert.Equal(new PicoDollars(9), (await ChargesAsync("search")).Charged);
    }

    [Fact]
    public async Task UncountedRows_AreClosedOnes_UntilMarked()
    {
        var (open, closed, counted) = (NewId(), NewId(), NewId());
        await ApplyAsync(
            Began(open) with { IsCounted = false },
            Began(closed), Settled(closed, 5) with { IsCounted = false },
            Began(counted), Settled(counted, 5));
        Assert.Equal([new RowCharge(closed, "search", Now, false, new PicoDollars(5), ClosedAt: Now, KeyLabel: "ci")], await _store.ReadUncountedAsync(10, Cancel));
        await _store.MarkCountedAsync([closed], Cancel);
        Assert.Empty(await _store.ReadUncountedAsync(10, Cancel));
    }

    [Fact]
    public async Task UncountedRowsOfABudget_AreThoseOfItsTeamKeyAndPeriod_PageByPage()
    {
        var from = Now.AddMinutes(-10);
        var sameStart = new[] { NewId(), NewId(), NewId() }.Order().ToArray();
        Guid[] expected = [NewId(), .. sameStart, NewId()];
        DateTimeOffset[] starts = [from, from.AddMinutes(1), from.AddMinutes(1), from.AddMinutes(1), from.AddMinutes(2)];
        var otherKey = NewId();
        var entries = new List<LedgerEntry>();
        for (var i = 0; i < 5; i++)
        {
            Add(Began(NewId(), team: "other", at: from));
            Add(Began(NewId(), at: from.AddMilliseconds(-1)));
        }

        Add(Began(otherKey, at: from) with { KeyLabel = "laptop" });
        foreach (var (id, at) in expected.Zip(starts).Reverse())
        {
            Add(Began(id, at: at));
        }

        await ApplyAsync([.. entries, Began(NewId(), at: from) with { IsCounted = false }]);

        Guid[][] pages = [expected[..2], expected[2..4], expected[4..]];
        Assert.Equal(pages, await PagesAsync("ci"));
        Assert.Equal([otherKey], Assert.Single(await PagesAsync("laptop")));
        Assert.Equal(expected.Append(otherKey).Order(), (await PagesAsync(null)).SelectMany(page => page).Order());

        await _store.MarkCountedAsync(expected, Cancel);
        Assert.Empty(await PagesAsync("ci"));

        void Add(LedgerEntry.Began began) => entries.AddRange([began, Settled(began.Id, 5) with { IsCounted = false }]);

        async Task<List<Guid[]>> PagesAsync(string? keyLabel)
        {
            var read = new List<Guid[]>();
            var next = new UncountedPage("search", keyLabel, from, Guid.Empty, 2);
            while (await _store.ReadUncountedAsync(next, Cancel) is { Count: > 0 } rows)
            {
                read.Add([.. rows.Select(row => row.Id)]);
                next = next with { From = rows[^1].StartedAt, After = rows[^1].Id };
            }

            return read;
        }
    }

    [Fact]
    public async Task Generation_IsKnownToItsTeamAlone()
    {
        var id = NewId();
        await ApplyAsync(Began(id), new LedgerEntry.Named(id, "gen-1763871234-abc"), Began(NewId(), team: "other"));
        Assert.True(await _store.HasGenerationAsync("search", "gen-1763871234-abc", Cancel));
        Assert.False(await _store.HasGenerationAsync("search", "gen-1763871234-abd", Cancel));
        Assert.False(await _store.HasGenerationAsync("other", "gen-1763871234-abc", Cancel));
        Assert.False(await _store.HasGenerationAsync("search", "gen-1763871234", Cancel));
    }

    [Fact]
    public async Task RemovedRows_StayInTheirTeamsTotals()
    {
        var old = Now.AddDays(-10);
        var entries = new List<LedgerEntry>();
        for (var i = 0; i < 1200; i++)
        {
            var id = NewId(old);
            entries.AddRange([Began(id, team: i % 2 == 0 ? "a" : "b", at: old), Settled(id, long.MaxValue)]);
        }

        var (openOld, recent) = (NewId(old), NewId());
        entries.AddRange([Began(openOld, team: "a", reserved: 5, at: old), Began(recent, team: "a", at: Now), Settled(recent, 7)]);
        await _store.ApplyAsync(entries, Cancel);

        var removed = new List<int>();
        do
        {
            removed.Add(await _store.RemoveBeforeAsync(Now.AddDays(-5), Now, Cancel));
        }
        while (removed[^1] > 0 && removed.Count < 10);

        Assert.Equal([1000, 200, 0], removed);
        var huge = new PicoDollars((Int128)long.MaxValue * 600);
        Assert.Equal(huge + new PicoDollars(12), (await ChargesAsync("a")).Charged);
        Assert.Equal(huge, (await ChargesAsync("b")).Charged);
        Assert.Equal(new PicoDollars(7), (await ChargesAsync("a", Day(Now))).Charged);

        // Reports of days and keys reach further back than rows.
        Assert.Equal([602, 600], (await UsageAsync(UsageGroup.Team)).Select(row => row.Requests));
        Assert.Equal(2, Assert.Single(await UsageAsync(UsageGroup.Rule)).Requests);
    }

    [Fact]
    public async Task OpenedAgain_KeepsItsIdAndRows()
    {
        var id = NewId();
        await ApplyAsync(Began(id));
        var again = await OpenAsync();
        Assert.NotEmpty(again.LedgerId);
        Assert.Equal(_store.LedgerId, again.LedgerId);
        Assert.Single(await again.ReadChargesAsync([id], Cancel));
    }

    [Fact]
    public async Task StoresThatOpenAtOnce_AgreeOnTheLedger()
    {
        await ForgetAsync();
        var stores = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(OpenAsync, Cancel)));
        Assert.Single(stores.Select(store => store.LedgerId).Distinct());
    }

    [Fact]
    public async Task NewerSchema_IsRefused()
    {
        await ExecuteAsync("UPDATE meta SET value = '99' WHERE key = 'schema_version'");
        var failure = await Assert.ThrowsAsync<LedgerException>(OpenAsync);
        Assert.Contains("schema version 99", failure.Message, StringComparison.Ordinal);
    }

    /// <summary>Makes an empty place for stores.</summary>
    protected abstract Task PrepareAsync();

    protected abstract Task CleanUpAsync();

    /// <summary>Makes the place empty again.</summary>
    protected abstract Task ForgetAsync();

    [Fact]
    public async Task InventedModels_ShareARow()
    {
        var answered = Enumerable.Range(0, 20).Select(_ => NewId()).ToArray();
        await ApplyAsync([.. answered.SelectMany((id, i) => new LedgerEntry[]
        {
            Began(id, reserved: 1), Settled(id, 5) with { AnsweredModel = $"real-{i}" },
        })]);
        await ApplyAsync([.. Enumerable.Range(0, UsageSql.MaxModels + 30).Select(i =>
            Began(NewId(), reserved: 1_000_000_000) with { SentModel = $"invented-{i}" })]);

        var rows = await UsageAsync(UsageGroup.Model);

        Assert.Equal(UsageSql.MaxModels + 1, rows.Count);
        Assert.Equal(20, rows.Count(row => row.Name.StartsWith("real-", StringComparison.Ordinal)));
        Assert.Equal(
            (50, new PicoDollars(50_000_000_000)),
            rows.Where(row => row.Name == UsageSql.OtherModels).Select(row => (row.Requests, row.Cost)).Single());
        Assert.Equal(UsageSql.MaxModels + 50, rows.Sum(row => row.Requests));
    }

    /// <summary>Another store in the same place.</summary>
    private protected abstract ILedgerStore Create();

    /// <summary>Ends a store as the death of its process does.</summary>
    private protected abstract Task DieAsync(ILedgerStore store);

    protected abstract Task<DbConnection> ConnectAsync();

    protected abstract object Key(Guid id);

    private bool IsSqlite => Key(Guid.Empty) is byte[];

    private static DateTimeOffset Day(DateTimeOffset moment) => new(moment.UtcDateTime.Date, TimeSpan.Zero);

    private static long Number(object? value) => Convert.ToInt64(value, CultureInfo.InvariantCulture);

    private async Task<ILedgerStore> OpenAsync()
    {
        var store = Create();
        lock (_stores)
        {
            _stores.Add(store);
        }

        await store.OpenAsync(Cancel);
        return store;
    }

    private Task<TeamCharges> ChargesAsync(
        string team, DateTimeOffset? from = null, DateTimeOffset? recent = null, DateTimeOffset? heldSince = null) =>
        _store.ReadChargesAsync(
            team, null, from ?? DateTimeOffset.MinValue, recent ?? DateTimeOffset.MaxValue, heldSince ?? DateTimeOffset.MinValue, Cancel);

    private Task ApplyAsync(params LedgerEntry[] entries) => _store.ApplyAsync(entries, Cancel);

    private async Task<List<Row>> UsageAsync(UsageGroup group, DateTimeOffset? from = null, DateTimeOffset? to = null) =>
        [.. (await _store.ReadUsageAsync(new UsageSelection { Groups = [group], From = from, To = to }, Cancel))
            .Select(row => new Row(row.Names.Single(), row.Requests, row.PromptTokens, row.CompletionTokens, row.Cost, row.Unresolved))
            .OrderBy(row => row.Name, StringComparer.Ordinal)];

    private string Literal(Guid id) => Key(id) is byte[] bytes ? $"X'{Convert.ToHexString(bytes)}'" : $"'{id}'";

    /// <summary>Makes an empty ledger of an earlier schema version.</summary>
    private async Task CreateSchemaAsync(int version)
    {
        await ForgetAsync();
        var later = LedgerSchema.Upgrade(version.ToString(CultureInfo.InvariantCulture), IsSqlite).Count();
        foreach (var statement in LedgerSchema.Upgrade(null, IsSqlite).SkipLast(later).Prepend(LedgerSchema.CreateMeta))
        {
            await ExecuteAsync(statement);
        }

        await ExecuteAsync($"INSERT INTO meta (key, value) VALUES ('{LedgerSchema.VersionKey}', '{version}')");
    }

    private async Task ExecuteAsync(string sql)
    {
        await using var connection = await ConnectAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        await command.ExecuteNonQueryAsync(Cancel);
    }

    // With plain SQL, past the store; which has put it there when it was asked for it.
    private async Task<Dictionary<string, object?>> RowAsync(Guid id)
    {
        Assert.Single(await _store.ReadChargesAsync([id], Cancel));
        await using var connection = await ConnectAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = "SELECT * FROM generations WHERE id = @id";
        var parameter = command.CreateParameter();
        parameter.ParameterName = "@id";
        parameter.Value = Key(id);
        command.Parameters.Add(parameter);
        await using var reader = await command.ExecuteReaderAsync(Cancel);
        Assert.True(await reader.ReadAsync(Cancel));
        return Enumerable.Range(0, reader.FieldCount).ToDictionary(reader.GetName, i => reader.IsDBNull(i) ? null : reader.GetValue(i));
    }

    /// <summary>A row of a report with one member.</summary>
    private sealed record Row(string Name, long Requests, long PromptTokens, long CompletionTokens, PicoDollars Cost, long Unresolved);
}
