using Gateway.Admin;
using Gateway.Billing;
using Gateway.Ledger;
using Gateway.Observability;
using Gateway.Primitives;
using Xunit;

namespace Gateway.Tests.Gateway.Admin;

/// <summary>
/// Promise: a look-up finds what memory or the ledger knows, each request once, and never says otherwise than the ledger about a bill.
/// </summary>
public sealed class RequestLookupTests
{
    private static readonly DateTimeOffset Start = new(2026, 11, 28, 23, 0, 0, TimeSpan.Zero);

    private readonly FakeLedgerLookup _ledger = new();
    private RecentRequests _recent = new(10);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private RequestLookup Lookup => new(_recent, () => new ValueTask<ILedgerLookup?>(_ledger));

    [Fact]
    public async Task SettledCall_IsAnsweredWithoutTheLedger()
    {
        _ledger.Fault = "it is down";
        Add(1, GenerationState.Settled);

        Assert.Equal(GenerationState.Settled, (await Lookup.FindAsync("r1", Stop))?.State);
        Assert.Equal(GenerationState.Settled, (await Lookup.FindAsync("gen-1", Stop))?.State);
        Assert.Equal(0, _ledger.Reads);
    }

    [Theory]
    [InlineData(nameof(GenerationState.Provisional))]
    [InlineData(nameof(GenerationState.Unresolvable))]
    public async Task BillOfAnOpenCall_IsTheLedgers(string state)
    {
        var id = Add(1, Enum.Parse<GenerationState>(state));
        _ledger.Rows.Add(Row(1, id) with { State = GenerationState.Settled, Cost = new PicoDollars(7), CompletionTokens = 25 });

        var found = await Lookup.FindAsync("r1", Stop);
        var (listed, _, _) = await Lookup.ListAsync(new() { Limit = 1 }, Stop);

        Assert.Equal(
            (GenerationState.Settled, new PicoDollars(7), 25L, "/v1/chat/completions"),
            (found!.State!.Value, found.Cost!.Value, found.CompletionTokens!.Value, found.Path));
        Assert.Equal([found], listed);
    }

    [Fact]
    public async Task WithoutTheLedger_AnOpenBillIsNotTold()
    {
        Add(1, GenerationState.Provisional);
        Add(2, GenerationState.Settled);
        _ledger.Fault = "it is down";

        await Assert.ThrowsAsync<LedgerException>(() => Lookup.FindAsync("r1", Stop));
        await Assert.ThrowsAsync<LedgerException>(() => Lookup.FindAsync("unknown", Stop));
        var (listed, _, fault) = await Lookup.ListAsync(new() { Limit = 2 }, Stop);

        Assert.Equal([("r2", GenerationState.Settled), ("r1", null)], listed.Select(request => (request.RequestId, request.State)));
        Assert.NotNull(fault);
    }

    [Theory]
    [InlineData(10, null)]
    [InlineData(1000, 8)]
    [InlineData(1000, 16)]
    public async Task CallsOfOtherNodesAndInFlight_AreListed_HoweverFarMemoryReaches(int limit, int? since)
    {
        for (var i = 1; i <= 15; i++)
        {
            _ledger.Rows.Add(Row(i, Add(i, GenerationState.Settled)));
        }

        _ledger.Rows.Add(Row(16, Guid.CreateVersion7(Start.AddSeconds(16))));
        _ledger.Rows.Add(Row(17, Guid.CreateVersion7(Start.AddSeconds(17))) with { State = GenerationState.Reserved });

        var (listed, _, _) = await Lookup.ListAsync(new() { Limit = limit, Since = since is { } second ? Start.AddSeconds(second) : null }, Stop);

        var oldest = since ?? 8;
        Assert.Equal(Enumerable.Range(oldest, 18 - oldest).Reverse().Select(i => $"r{i}"), listed.Select(request => request.RequestId));
        Assert.Equal(1, _ledger.Reads);
    }

    [Fact]
    public async Task WhatOnlyMemoryKnows_IsListedWithoutTheLedger()
    {
        for (var i = 1; i <= 15; i++)
        {
            Add(i, GenerationState.Settled);
        }

        var (refused, _, fault) = await Lookup.ListAsync(new() { Limit = 1000, Code = "model_not_allowed" }, Stop);
        var (all, _, _) = await new RequestLookup(_recent, static () => default).ListAsync(new() { Limit = 1000 }, Stop);

        Assert.Empty(refused);
        Assert.Null(fault);
        Assert.Equal(Enumerable.Range(6, 10).Reverse().Select(i => $"r{i}"), all.Select(request => request.RequestId));
        Assert.Equal(0, _ledger.Reads);
    }

    [Theory]
    [InlineData(10, true)]
    [InlineData(11, false)]
    public async Task ListWhoseRequestsAreAllSearched_IsComplete(int limit, bool isComplete)
    {
        for (var i = 1; i <= 10; i++)
        {
            Add(i, GenerationState.Settled);
        }

        _ledger.SearchedSince = Start;

        var (_, searchedSince, _) = await Lookup.ListAsync(new() { Limit = limit, Team = "search" }, Stop);

        Assert.Equal(isComplete, searchedSince is null);
    }

    [Fact]
    public async Task BehindMemory_StandsTheLedger_WithoutTheSameRequestTwice()
    {
        for (var i = 1; i <= 15; i++)
        {
            _ledger.Rows.Add(Row(i, Add(i, GenerationState.Settled)));
        }

        // An earlier attempt at the latest request.
        _ledger.Rows.Add(Row(15, Guid.CreateVersion7(Start)));
        _ledger.SearchedSince = Start.AddDays(-1);

        var (listed, searchedSince, _) = await Lookup.ListAsync(new() { Limit = 100 }, Stop);

        Assert.Equal(Enumerable.Range(1, 15).Reverse().Select(i => $"r{i}"), listed.Select(request => request.RequestId));
        Assert.Equal(Start.AddDays(-1), searchedSince);
    }

    /// <summary>Memory has the client's status, the ledger upstream's: a row that the ledger selects may be that of a request that memory does not.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    [InlineData(100)]
    public async Task RowsOfRequestsThatMemoryDoesNotSelect_TakeNoPlaceInTheList(int limit)
    {
        for (var i = 1; i <= 15; i++)
        {
            _ledger.Rows.Add(Row(i, Add(i, GenerationState.Settled)));
        }

        var (listed, _, _) = await Lookup.ListAsync(new() { Limit = limit, Status = 502 }, Stop);

        Assert.Equal(Enumerable.Range(1, 5).Reverse().Take(limit).Select(i => $"r{i}"), listed.Select(request => request.RequestId));
    }

    [Fact]
    public async Task EarlierAttempts_TakeNoPlaceInTheList()
    {
        for (var i = 1; i <= 15; i++)
        {
            var last = Add(i, GenerationState.Settled);
            _ledger.Rows.AddRange([Row(i, last), Row(i, Guid.CreateVersion7(Start)), Row(i, Guid.CreateVersion7(Start))]);
        }

        var (listed, _, _) = await Lookup.ListAsync(new() { Limit = 12 }, Stop);

        Assert.Equal(Enumerable.Range(4, 12).Reverse().Select(i => $"r{i}"), listed.Select(request => request.RequestId));
    }

    [Fact]
    public async Task WithoutMemory_TheLedgerAnswers()
    {
        _recent = new RecentRequests(0);
        _ledger.Rows.Add(Row(1, Guid.CreateVersion7(Start)));

        Assert.Equal(_ledger.Rows, (await Lookup.ListAsync(new() { Limit = 100 }, Stop)).Requests);
        Assert.Equal(_ledger.Rows[0], await Lookup.FindAsync("r1", Stop));
        Assert.Null(await Lookup.FindAsync("r2", Stop));
    }

    [Theory]
    [InlineData("openai/*", 1)]
    [InlineData("OPENAI/GPT-4O", 1)]
    [InlineData("openai/gpt?4o", 0)]
    [InlineData("*", 1)]
    [InlineData("*4o", 1)]
    [InlineData("o*i/*4*", 1)]
    [InlineData("openai/gpt-4o*4o", 0)]
    [InlineData("*x*", 0)]
    [InlineData("gpt", 0)]
    [InlineData("a\\*", 0)]
    public async Task Model_IsAPatternInMemoryToo(string pattern, int found)
    {
        Add(1, GenerationState.Settled);

        Assert.Equal(found, (await Lookup.ListAsync(new() { Limit = 100, Model = pattern, Since = Start }, Stop)).Requests.Count);
    }

    [Fact]
    public async Task IdOfTheGateway_FindsACallWhoseResponseHasUpstreams()
    {
        Add(1, GenerationState.Settled, own: "own");

        Assert.Equal("r1", (await Lookup.FindAsync("own", Stop))?.RequestId);
    }

    private Guid Add(int second, GenerationState state, string? own = null)
    {
        var id = Guid.CreateVersion7(Start.AddSeconds(second));
        _recent.Add(
            new RequestLine
            {
                Method = "POST",
                Path = "/v1/chat/completions",
                Status = 200,
                End = RequestEnd.Completed,
                Elapsed = 0,
                Model = "openai/gpt-4o",
                RequestId = $"r{second}",
                GenerationId = $"gen-{second}",
                ConnectionId = "c",
                Team = new RequestLine.TeamPart { Id = "search", Key = "ci" },
            },
            new RequestDetails(Start.AddSeconds(second), own ?? $"r{second}", false) { Row = id, State = state, Cost = new PicoDollars(1000) });
        return id;
    }

    private static RequestRecord Row(int second, Guid id) => new()
    {
        Row = id,
        Time = Start.AddSeconds(second),
        RequestId = $"r{second}",
        State = GenerationState.Settled,
        Cost = new PicoDollars(1000),
    };
}
