using System.Globalization;
using Gateway.Billing;
using Gateway.Ledger;
using Gateway.Primitives;
using Xunit;
using static Gateway.Tests.Gateway.Ledger.LedgerSamples;

namespace Gateway.Tests.Gateway.Ledger;

/// <summary>The records that the look-up finds in a ledger; run for each kind of store.</summary>
public abstract class LedgerLookupTests : IAsyncLifetime
{
    private ILedgerStore _store = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private ILedgerLookup Lookup => (ILedgerLookup)_store;

    public async ValueTask InitializeAsync()
    {
        _store = await CreateAsync();
        await _store.OpenAsync(Cancel);
    }

    public async ValueTask DisposeAsync()
    {
        await _store.DisposeAsync();
        await CleanUpAsync();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task Request_IsFoundByItsIdAndByUpstreams_WithAllThatIsKnown()
    {
        var (row, id) = (NewId(), RequestIds.Create(Now));
        await ApplyAsync(
            Began(row) with { RequestId = id, AskedModel = "gpt-4o", SentModel = "openai/gpt-4o", Rule = "eu", Streams = true },
            new LedgerEntry.Named(row, "gen-1763871234-abc", "eu", "env:KEY_EU"),
            new LedgerEntry.Ended(row)
            {
                State = GenerationState.Settled,
                End = "ClientLeft",
                Status = 200,
                AnsweredModel = "openai/gpt-4o-2024",
                Provider = "Azure",
                Usage = new Usage { PromptTokens = 11, CompletionTokens = 22, Cost = new PicoDollars(55), UpstreamCost = new PicoDollars(9) },
                TimeToFirstToken = TimeSpan.FromMicroseconds(123_456),
                EndedAt = Now.AddSeconds(2),
                ClosedAt = Now.AddSeconds(3),
            });

        var found = await Lookup.FindRequestAsync(id, Cancel);

        Assert.Equal(
            new RequestRecord
            {
                Row = row,
                Time = Now,
                RequestId = id,
                GenerationId = "gen-1763871234-abc",
                Team = "search",
                Key = "ci",
                Path = "/chat/completions",
                Status = 200,
                Model = "gpt-4o",
                SentModel = "openai/gpt-4o",
                AnsweredModel = "openai/gpt-4o-2024",
                Provider = "Azure",
                Rule = "eu",
                IsStream = true,
                PromptTokens = 11,
                CompletionTokens = 22,
                Cost = new PicoDollars(55),
                State = GenerationState.Settled,
                FirstTokenMs = 123.456,
                DurationMs = 2000,
                End = "ClientLeft",
                Destination = "eu",
                UpstreamKey = "env:KEY_EU",
                SettingsVersion = "1a2b3c4d",
            },
            found);
        Assert.Equal(found, await Lookup.FindRequestAsync("gen-1763871234-abc", Cancel));
        Assert.Equal([found!], await Lookup.ReadRequestsAsync([NewId(), row], Cancel));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(9)]
    [InlineData(55)]
    public async Task RequestThatWasAdmittedLate_IsFound(int minutes)
    {
        var (row, id) = (NewId(Now.AddMinutes(minutes)), RequestIds.Create(Now));
        await ApplyAsync(Began(row) with { RequestId = id });

        Assert.Equal(row, (await Lookup.FindRequestAsync(id, Cancel))?.Row);
    }

    [Fact]
    public async Task OfSeveralAttempts_TheLastIsTheRequest()
    {
        var id = RequestIds.Create(Now);
        var (first, last) = (NewId(), NewId(Now.AddSeconds(3)));
        await ApplyAsync(Began(first) with { RequestId = id }, Settled(first, 0), Began(last) with { RequestId = id }, Settled(last, 7));

        var found = await Lookup.FindRequestAsync(id, Cancel);
        Assert.Equal((last, new PicoDollars(7)), (found!.Row!.Value, found.Cost!.Value));
        Assert.Equal([last], (await LatestAsync(new() { Limit = 10 })).Rows.Select(row => row.Row!.Value));
    }

    /// <summary>The client has seen the status of the last attempt only.</summary>
    [Fact]
    public async Task StatusOfADroppedResponse_SelectsNoRequest()
    {
        var id = RequestIds.Create(Now);
        var (first, last, unended) = (NewId(), NewId(Now.AddSeconds(3)), NewId(Now.AddSeconds(4)));
        await ApplyAsync(
            Began(first) with { RequestId = id },
            Settled(first, 0) with { Status = 503, End = "Dropped" },
            Began(last) with { RequestId = id },
            Settled(last, 7) with { Status = 200 },
            Began(unended) with { RequestId = RequestIds.Create(Now) },
            Settled(unended, 0) with { Status = 503, End = null });

        Assert.Equal([last], (await LatestAsync(new() { Limit = 10, Status = 200 })).Rows.Select(row => row.Row!.Value));
        Assert.Equal([unended], (await LatestAsync(new() { Limit = 10, Status = 503 })).Rows.Select(row => row.Row!.Value));
    }

    /// <summary>A row of an earlier attempt, or of a request that the caller knows, takes no place in the list.</summary>
    [Fact]
    public async Task List_HasAsManyRequestsAsItsLimit_HoweverManyRowsTheyHave()
    {
        await ApplyAsync(
            [.. Enumerable.Range(0, 12).SelectMany(i => Enumerable.Range(0, 3).Select(attempt =>
                Began(Row((4 * i) + attempt), at: Now.AddMinutes((4 * i) + attempt)) with { RequestId = "request-" + i }))]);

        Assert.Equal([11], await NumbersAsync(1, since: 0, known: 12));
        Assert.Equal([11, 10, 9, 8], await NumbersAsync(4, since: 0, known: 12));
        Assert.Equal(Enumerable.Range(0, 12).Reverse(), await NumbersAsync(12, since: 0, known: 12));
        Assert.Equal([11, 10, 9, 8, 7, 6, 5], await NumbersAsync(3, since: 0, known: 8));
        Assert.Equal(Enumerable.Range(6, 6).Reverse(), await NumbersAsync(3, since: 6, known: 8));

        async Task<IEnumerable<int>> NumbersAsync(int limit, int since, int known) =>
            (await Lookup.ReadLatestAsync(
                new() { Limit = limit, Team = "search", Since = Now.AddMinutes(4 * since) }, row => row.Time >= Now.AddMinutes(4 * known), Cancel))
            .Rows.Select(static row => int.Parse(row.RequestId!["request-".Length..], CultureInfo.InvariantCulture));
    }

    [Theory]
    [InlineData("gen-1763871234-xyz")]
    [InlineData("019ac0a1b2c3d3dd8448eb211c80319c")]
    [InlineData("0af7651916cd43dd8448eb211c80319c")]
    [InlineData("' OR 1=1 --")]
    [InlineData("a\0b")]
    [InlineData("%")]
    public async Task UnknownId_IsNotFound(string id)
    {
        var row = NewId();
        await ApplyAsync(Began(row) with { RequestId = RequestIds.Create(Now) }, new LedgerEntry.Named(row, "gen-1763871234-abc"));

        Assert.Null(await Lookup.FindRequestAsync(id, Cancel));
    }

    [Fact]
    public async Task List_HasTheLatestFirst_AndWhatItsFiltersSelect()
    {
        await ApplyAsync(
            [.. Enumerable.Range(0, 40).SelectMany(i => (LedgerEntry[])[
                Began(Row(i), i % 2 == 0 ? "search" : "ads", at: Now.AddMinutes(i)) with
                {
                    RequestId = RequestIds.Create(Now.AddMinutes(i)), AskedModel = i % 4 == 0 ? "GPT_4o" : "mistral", SentModel = "x/" + i,
                },
                Settled(Row(i), i) with { Status = i % 5 == 0 ? 429 : 200, AnsweredModel = i == 7 ? "openai/o3" : null },
            ])]);

        Assert.Equal([39, 38, 37], await NumbersAsync(new() { Limit = 3 }));
        Assert.Equal([38, 36], await NumbersAsync(new() { Limit = 2, Team = "search" }));
        Assert.Equal([36, 32, 28, 24, 20, 16, 12, 8, 4, 0], await NumbersAsync(new() { Limit = 100, Model = "gpt_4O" }));
        Assert.Equal([], await NumbersAsync(new() { Limit = 100, Model = "gptX4o" }));
        Assert.Equal([7], await NumbersAsync(new() { Limit = 100, Model = "openai/*" }));
        Assert.Equal([30, 20, 10, 0], await NumbersAsync(new() { Limit = 100, Team = "search", Status = 429 }));
        Assert.Equal([39, 38], await NumbersAsync(new() { Limit = 100, Since = Now.AddMinutes(38) }));
        Assert.Equal([], await NumbersAsync(new() { Limit = 100, Team = "nobody" }));
        Assert.Null((await LatestAsync(new() { Limit = 100, Team = "nobody" })).SearchedSince);

        async Task<IEnumerable<int>> NumbersAsync(RequestSelection selection) =>
            (await LatestAsync(selection)).Rows.Select(row => (int)(row.Time - Now).TotalMinutes);
    }

    [Fact]
    public async Task KeyUses_AreTheLatestOfEveryKey()
    {
        await ApplyAsync(
            [.. Enumerable.Range(0, 6).Select(i => Began(Row(i), i % 3 == 0 ? "search" : "ads", at: Now.AddMinutes(i)) with { KeyLabel = i < 4 ? "ci" : "new" })]);

        Assert.Equal(
            [("ads", "ci", 2), ("ads", "new", 5), ("search", "ci", 3)], await UsesAsync(null));
        Assert.Equal([("ads", "new", 5)], await UsesAsync(Now.AddMinutes(4)));

        async Task<IEnumerable<(string, string, int)>> UsesAsync(DateTimeOffset? since) => (await Lookup.ReadKeyUsesAsync(since, Cancel))
            .Select(use => (use.Team, use.Key, (int)(use.At - Now).TotalMinutes))
            .Order();
    }

    [Fact]
    public async Task FilteredList_SaysHowFarItHasSearched()
    {
        await ApplyAsync(Began(Row(0), "rare", at: Now));
        await FillAsync(LookupSql.MaxSearched + 100, Now.AddMinutes(10));
        await ApplyAsync(Began(NewId(Now.AddDays(2)), "rare", at: Now.AddDays(2)));

        var rare = await LatestAsync(new() { Limit = 10, Team = "rare" });
        var all = await LatestAsync(new() { Limit = 10 });

        Assert.Equal(Now.AddDays(2), Assert.Single(rare.Rows).Time);
        Assert.InRange(rare.SearchedSince!.Value, Now.AddMinutes(10), Now.AddDays(2));
        Assert.Equal((10, null), (all.Rows.Count, all.SearchedSince));
        Assert.Null((await LatestAsync(new() { Limit = 1, Team = "other" })).SearchedSince);
        Assert.Null((await LatestAsync(new() { Limit = 10, Team = "rare", Since = Now.AddDays(1) })).SearchedSince);
    }

    private protected abstract Task<ILedgerStore> CreateAsync();

    private protected abstract Task CleanUpAsync();

    /// <summary>Inserts settled rows of team <c>other</c>, a millisecond apart, by SQL: as entries they would take long.</summary>
    private protected abstract Task FillAsync(int rows, DateTimeOffset from);

    /// <summary>The statement that does so, with the stores' own spelling of an id and of the numbers from 1.</summary>
    private protected static string Fill(string id, string node, string numbers) =>
        $"""
        INSERT INTO generations (id, started_at, node, team, key_label, settings_version, endpoint, streams, reserved_pico, state, is_counted)
        SELECT {id}, $1 + n, {node}, 'other', 'ci', '1a2b3c4d', '/chat/completions', 0, 1, 2, 1 FROM {numbers}
        """;

    private static Guid Row(int minute) => new(
        LedgerKeys.ToBytes(LedgerKeys.FirstAt(Now.AddMinutes(minute))), bigEndian: true);

    private Task ApplyAsync(params LedgerEntry[] entries) => _store.ApplyAsync(entries, Cancel);

    private Task<LatestRequests> LatestAsync(RequestSelection selection) => Lookup.ReadLatestAsync(selection, static _ => false, Cancel);
}
