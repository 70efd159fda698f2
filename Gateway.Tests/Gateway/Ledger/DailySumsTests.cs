using System.Data.Common;
using System.Globalization;
using Gateway.Billing;
using Gateway.Ledger;
using Gateway.Primitives;
using Gateway.Tests.Support;
using Xunit;
using static Gateway.Tests.Gateway.Ledger.LedgerSamples;

namespace Gateway.Tests.Gateway.Ledger;

/// <summary>
/// Promise: the sums of days equal the settled rows, those that were removed included, after any sequence of events on two nodes. Charges
/// equal those of the rows. Run for each kind of store.
/// </summary>
public abstract class DailySumsTests : IAsyncLifetime
{
    private static readonly string[] Teams = ["a", "b"];
    private static readonly string[] Labels = ["ci", "laptop"];

    private readonly List<ILedgerStore> _stores = [];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        await PrepareAsync();
        for (var i = 0; i < 2; i++)
        {
            _stores.Add(Create());
            await _stores[i].OpenAsync(Cancel);
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var store in _stores)
        {
            await store.DisposeAsync();
        }

        CleanUp();
        GC.SuppressFinalize(this);
    }

    [Theory]
    [InlineData(3)]
    [InlineData(1204)]
    [InlineData(77_041)]
    public async Task SumsAndCharges_AreThoseOfTheRows(ulong seed)
    {
        var random = new TestRandom(seed);
        var ids = new List<Guid>();
        var everSettled = new Dictionary<Guid, Row>();
        for (var step = 0; step < 60; step++)
        {
            var store = _stores[random.Next(2)];
            switch (random.Next(12))
            {
                case 0:
                    await store.WriteOffAsync(new WriteOffQuery(Teams[random.Next(2)], null, null), "an outage", Now, Cancel);
                    break;
                case 1:
                    // The node dies, and the other one adopts its rows.
                    await store.DisposeAsync();
                    _stores[_stores.IndexOf(store)] = store = Create();
                    await store.OpenAsync(Cancel);
                    await _stores[random.Next(2)].AdoptOrphansAsync(Now, Cancel);
                    break;
                case 2 when step > 30:
                    await store.RemoveBeforeAsync(Now.AddDays(-random.Next(40)), Now, Cancel);
                    break;
                default:
                    await store.ApplyAsync([.. Enumerable.Range(0, 1 + random.Next(6)).SelectMany(_ => Events(random, ids))], Cancel);
                    break;
            }

            await _stores[0].ReadChargesAsync([], Cancel);
            await _stores[1].ReadChargesAsync([], Cancel);
            var rows = await ReadRowsAsync();
            foreach (var row in rows.Where(row => row.State == GenerationState.Settled))
            {
                everSettled.TryAdd(row.Id, row);
            }

            Assert.Equal(SumsOf(everSettled.Values), await ReadSumsAsync());
            await AssertChargesAsync(random, rows, everSettled.Values);
        }

        Assert.True(everSettled.Count > 20, $"{everSettled.Count} rows were settled");
    }

    [Fact]
    public async Task Period_BeginsWithADay()
    {
        var failure = await Assert.ThrowsAsync<ArgumentException>(() => ChargesAsync("a", null, Now, Now, Now));
        Assert.Contains("not the start of a UTC day", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task StoresThatSettleAtOnce_LoseNothing()
    {
        // Each in an order of its own: a shared row of sums would be waited for, and two of them would deadlock.
        const int Batches = 40;
        await Task.WhenAll(_stores.Select((store, index) => Task.Run(
            async () =>
            {
                for (var i = 0; i < Batches; i++)
                {
                    string[] teams = index == 0 ? ["a", "b"] : ["b", "a"];
                    await store.ApplyAsync(
                        [.. teams.SelectMany(team =>
                        {
                            var id = NewId();
                            return (LedgerEntry[])[Began(id, team), Settled(id, 7)];
                        })],
                        Cancel);
                }
            },
            Cancel)));

        var expected = new PicoDollars(7 * 2 * Batches);
        Assert.Equal(expected, (await ChargesAsync("a", null, DateTimeOffset.MinValue, Now, Now)).Charged);
        Assert.Equal(expected, (await ChargesAsync("b", null, DateTimeOffset.MinValue, Now, Now)).Charged);
    }

    /// <summary>Makes an empty place for stores.</summary>
    protected abstract Task PrepareAsync();

    protected abstract void CleanUp();

    /// <summary>Another store in the same place.</summary>
    private protected abstract ILedgerStore Create();

    protected abstract Task<DbConnection> ConnectAsync();

    private static IEnumerable<LedgerEntry> Events(TestRandom random, List<Guid> ids)
    {
        if (ids.Count == 0 || random.Next(2) == 0)
        {
            var at = Now.AddMinutes(-random.Next(45 * 24 * 60));
            var id = NewId(at);
            ids.Add(id);
            yield return Began(id, Teams[random.Next(2)], random.Next(int.MaxValue), at) with { KeyLabel = Labels[random.Next(2)] };
            if (random.Next(2) == 0)
            {
                yield break;
            }
        }

        var known = ids[random.Next(ids.Count)];
        switch (random.Next(6))
        {
            case 0:
                yield return new LedgerEntry.Named(known, $"gen-1763871234-{random.Next(1000)}");
                break;
            case 1:
                yield return Provisional(known) with
                {
                    Held = random.Next(2) == 0 ? PicoDollars.Zero : null,
                    GenerationId = random.Next(2) == 0 ? "gen-1763871234-p" : null,
                };
                break;
            case 2:
                yield return Unresolvable(known) with { ClosedAt = Now.AddMinutes(-random.Next(200)) };
                break;
            default:
                yield return new LedgerEntry.Ended(known)
                {
                    State = GenerationState.Settled,
                    GenerationId = random.Next(2) == 0 ? "gen-1763871234-s" : null,
                    ClosedAt = Now,
                    Usage = new Usage
                    {
                        PromptTokens = random.Next(2) == 0 ? null : random.Next(1000),
                        CompletionTokens = random.Next(1000),
                        Cost = random.Next(8) == 0 ? null : new PicoDollars(random.Next(int.MaxValue) * 1_000L),
                        UpstreamCost = random.Next(2) == 0 ? null : new PicoDollars(random.Next(int.MaxValue)),
                    },
                };
                break;
        }
    }

    private async Task AssertChargesAsync(TestRandom random, List<Row> rows, IEnumerable<Row> everSettled)
    {
        var (team, label) = (Teams[random.Next(2)], random.Next(2) == 0 ? null : Labels[random.Next(2)]);
        var from = random.Next(4) == 0 ? DateTimeOffset.MinValue : new DateTimeOffset(Now.UtcDateTime.Date.AddDays(-random.Next(45)), TimeSpan.Zero);
        var (recent, heldSince) = (Now.AddMinutes(-random.Next(20 * 24 * 60)), Now.AddMinutes(-random.Next(200)));

        var charges = await ChargesAsync(team, label, from, recent, heldSince);

        var inPeriod = rows.Where(IsIncluded).ToList();
        var open = inPeriod.Where(row => row.IsOpen || row.IsHeld(heldSince)).ToDictionary(row => row.Id, row => row.OpenCharge);
        var settled = everSettled.Where(IsIncluded).ToList();
        var firstRecent = LedgerKeys.FirstAt(recent);
        Assert.Equal(open.OrderBy(row => row.Key), charges.Open.OrderBy(row => row.Key));
        Assert.Equal(Sum(settled.Select(row => row.Charge)) + Sum(open.Values), charges.Charged);
        Assert.Equal(Sum(settled.Select(row => new PicoDollars(row.Upstream))), charges.UpstreamCost);
        Assert.Equal(
            inPeriod.Where(row => row.Id.CompareTo(firstRecent) >= 0).Select(row => row.Id).Order(), charges.Recent.Order());
        Assert.Equal(
            inPeriod.Where(row => row.State > GenerationState.Settled && !row.IsHeld(heldSince) && (row.WasAdopted || row.Id.CompareTo(firstRecent) >= 0))
                .Select(row => row.Id).Order(),
            charges.Expired.Order());

        bool IsIncluded(Row row) => row.Team == team && (label is null || row.Label == label) && row.StartedAt >= from;
    }

    private Task<TeamCharges> ChargesAsync(string team, string? label, DateTimeOffset from, DateTimeOffset recent, DateTimeOffset heldSince) =>
        _stores[0].ReadChargesAsync(team, label, from, recent, heldSince, Cancel);

    private static PicoDollars Sum(IEnumerable<PicoDollars> amounts) => amounts.Aggregate(PicoDollars.Zero, static (sum, amount) => sum + amount);

    private static IEnumerable<string> SumsOf(IEnumerable<Row> rows) => rows
        .GroupBy(row => (row.Team, row.Label, Day: (long)(row.StartedAt - DateTimeOffset.UnixEpoch).TotalDays))
        .Select(day => Line(
            day.Key.Team, day.Key.Label, day.Key.Day, day.Count(), day.Sum(row => row.Prompt), day.Sum(row => row.Completion),
            Sum(day.Select(row => row.Charge)), Sum(day.Select(row => new PicoDollars(row.Upstream)))))
        .Order(StringComparer.Ordinal);

    private static string Line(
        string team, string label, long day, long requests, long prompt, long completion, PicoDollars charged, PicoDollars upstream) =>
        string.Create(CultureInfo.InvariantCulture, $"{team}/{label} {day}: {requests} {prompt} {completion} {charged} {upstream}");

    private async Task<IEnumerable<string>> ReadSumsAsync()
    {
        await using var connection = await ConnectAsync();
        await using var command = connection.CreateCommand();
        command.CommandText =
            """
            SELECT team, key_label, day, SUM(requests), SUM(prompt_tokens), SUM(completion_tokens), SUM(charged_micro), SUM(charged_pico),
                SUM(upstream_micro), SUM(upstream_pico)
            FROM daily_sums GROUP BY team, key_label, day
            """;
        await using var reader = await command.ExecuteReaderAsync(Cancel);
        var lines = new List<string>();
        while (await reader.ReadAsync(Cancel))
        {
            lines.Add(Line(
                reader.GetString(0), reader.GetString(1), Number(2), Number(3), Number(4), Number(5),
                LedgerSums.FromSums(Number(6), Number(7)), LedgerSums.FromSums(Number(8), Number(9))));
        }

        return lines.Order(StringComparer.Ordinal);

        long Number(int ordinal) => Convert.ToInt64(reader.GetValue(ordinal), CultureInfo.InvariantCulture);
    }

    private async Task<List<Row>> ReadRowsAsync()
    {
        await using var connection = await ConnectAsync();
        await using var command = connection.CreateCommand();
        command.CommandText =
            """
            SELECT id, team, key_label, started_at, state, prompt_tokens, completion_tokens, cost_pico, reserved_pico, upstream_cost_pico, held_pico,
                closed_at, ended
            FROM generations
            """;
        await using var reader = await command.ExecuteReaderAsync(Cancel);
        var rows = new List<Row>();
        while (await reader.ReadAsync(Cancel))
        {
            rows.Add(new Row(
                reader.GetValue(0) is byte[] bytes ? LedgerKeys.FromBytes(bytes) : reader.GetGuid(0),
                reader.GetString(1),
                reader.GetString(2),
                LedgerKeys.FromStored(Number(3)!.Value),
                (GenerationState)Number(4)!.Value,
                Number(5) ?? 0,
                Number(6) ?? 0,
                Number(7),
                Number(8)!.Value,
                Number(9) ?? 0,
                Number(10),
                LedgerKeys.FromStored(Number(11) ?? Number(3)!.Value),
                !await reader.IsDBNullAsync(12, Cancel) && reader.GetString(12) == "GatewayDied"));
        }

        return rows;

        long? Number(int ordinal) => reader.IsDBNull(ordinal) ? null : Convert.ToInt64(reader.GetValue(ordinal), CultureInfo.InvariantCulture);
    }

    private sealed record Row(
        Guid Id,
        string Team,
        string Label,
        DateTimeOffset StartedAt,
        GenerationState State,
        long Prompt,
        long Completion,
        long? Cost,
        long Reserved,
        long Upstream,
        long? Held,
        DateTimeOffset ClosedAt,
        bool WasAdopted)
    {
        public bool IsOpen => State < GenerationState.Settled;

        public PicoDollars Charge => new(Cost ?? Reserved);

        public PicoDollars OpenCharge => new(IsOpen ? Held ?? Reserved : Reserved);

        public bool IsHeld(DateTimeOffset since) => State == GenerationState.Unresolvable && ClosedAt >= since;
    }
}
