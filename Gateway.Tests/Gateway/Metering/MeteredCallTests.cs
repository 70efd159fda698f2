using System.Net.Http.Headers;
using Gateway.Billing;
using Gateway.Ledger;
using Gateway.Limits;
using Gateway.Metering;
using Gateway.Primitives;
using Gateway.Tests.Gateway.Configuration;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Gateway.Tests.Gateway.Metering;

/// <summary>Promise: a call settles exactly once, however it ends, and nothing that it has acquired is left behind.</summary>
public sealed class MeteredCallTests
{
    private static readonly PicoDollars Reserved = new(1000);
    private static readonly PicoDollars Limit = new(100_000);
    private static readonly ResponseFacts Billed =
        new() { Id = "gen-1", Usage = new Usage { PromptTokens = 3, CompletionTokens = 4, Cost = new(7) }, IsComplete = true };

    private readonly FakeTimeProvider _time = new();
    private readonly Stores _stores = new();
    private readonly ListLogger<MeteredCall> _logs = new();

    /// <summary>Every way in which a call can end, with the state, the charge and the tokens that its lease returns.</summary>
    public static TheoryData<string, object, long, long?, string> Ends => new()
    {
        { "disposed unsent", GenerationState.Settled, 0, 0, "Failed" },
        { "unsent", GenerationState.Settled, 0, 0, "UpstreamUnreachable" },
        { "answered and reset", GenerationState.Unresolvable, 1000, 3, "UpstreamBroke" },
        { "named and refused stream", GenerationState.Provisional, 1000, null, "UpstreamBroke" },
        { "no answer", GenerationState.Unresolvable, 1000, null, "UpstreamTimedOut" },
        { "disposed without an answer", GenerationState.Unresolvable, 1000, null, "Failed" },
        { "refused", GenerationState.Settled, 0, 0, "Completed" },
        { "completed", GenerationState.Settled, 7, 7, "Completed" },
        { "named and cut", GenerationState.Provisional, 1000, 3, "ClientLeft" },
        { "named and disposed", GenerationState.Provisional, 1000, null, "Failed" },
        { "named and refused", GenerationState.Provisional, 0, 0, "Completed" },
        { "named and read", GenerationState.Provisional, 1000, 3 + 9, "UpstreamBroke" },
        { "named with interim usage", GenerationState.Provisional, 1000, 20 + 4, "ClientLeft" },
        { "complete with early usage", GenerationState.Provisional, 1000, 20 + 9, "Completed" },
        { "complete with usage at its end", GenerationState.Provisional, 1000, 20 + 4, "Completed" },
    };

    [Theory]
    [MemberData(nameof(Ends))]
    public async Task Call_SettlesOnceHoweverItEnds(string way, object state, long charge, long? tokens, string end)
    {
        var call = await AdmitAsync();
        await using (call)
        {
            await EndAsync(call, way);
        }

        // Later reports change nothing.
        await call.CompletedAsync(Billed with { Usage = new Usage { Cost = new(99) } });
        await call.EndedAsync(RequestEnd.Failed);
        await call.CancelAsync();
        await call.DisposeAsync();

        var settlement = call.Settlement!.Value;
        Assert.Equal(((GenerationState)state, new PicoDollars(charge)), (settlement.Decision.State, settlement.Decision.Charge));
        Assert.Equal(end, settlement.End.ToWord());
        Assert.Equal([$"return {tokens?.ToString(System.Globalization.CultureInfo.InvariantCulture)}"], _stores.Leases);
        Assert.Equal((GenerationState)state == GenerationState.Settled ? [new PicoDollars(charge)] : [], _stores.Charges);
        Assert.Equal(charge == 0 && (GenerationState)state == GenerationState.Provisional ? [PicoDollars.Zero] : [], _stores.Held);
        var ended = Assert.Single(_stores.Entries.OfType<LedgerEntry.Ended>());
        Assert.Equal(((GenerationState)state, end), (ended.State, ended.End));
        Assert.Equal((GenerationState)state == GenerationState.Provisional, ended.AskAt is not null && ended.ClosedAt is null);
    }

    [Fact]
    public async Task Cancel_ReleasesWhatWasAcquiredAndClosesARowThatMayExist()
    {
        var call = Create();
        await call.TakeLeaseAsync(_stores, 5, 3);
        await call.ReserveAsync(Budget, Limit, includesByok: true);
        _stores.IsLedgerFailing = true;
        await Assert.ThrowsAsync<LedgerException>(async () => await call.BeginAsync(Row(call)));

        await call.CancelAsync();
        await call.CancelAsync();
        await call.DisposeAsync();

        Assert.Equal(["cancel"], _stores.Leases);
        Assert.Equal([PicoDollars.Zero], _stores.Charges);
        var ended = Assert.IsType<LedgerEntry.Ended>(Assert.Single(_stores.Entries));
        Assert.Equal((GenerationState.Settled, PicoDollars.Zero), (ended.State, ended.Usage!.Cost));
        Assert.Null(call.Settlement);
    }

    /// <summary>During an outage, the entries of refused calls would push out the ends of others.</summary>
    [Fact]
    public async Task RowThatWasNotTried_NeedsNoEnd()
    {
        var call = Create();
        _stores.IsLedgerFailing = _stores.IsUntried = true;
        await Assert.ThrowsAsync<LedgerException>(async () => await call.BeginAsync(Row(call)));

        await call.CancelAsync();

        Assert.Empty(_stores.Entries);
    }

    /// <summary>The policy lets calls pass without a reservation while the store fails.</summary>
    [Theory]
    [InlineData("named and cut")]
    [InlineData("no answer")]
    public async Task CallWithoutAReservation_IsHeldAtItsEnd_AndItsRowIsCounted(string way)
    {
        var call = Create();
        _stores.ReservationFault = new LimitStoreException("It has an outage.");
        await Assert.ThrowsAsync<LimitStoreException>(async () => await call.ReserveAsync(Budget, Limit, includesByok: true));
        await call.BeginAsync(Row(call));

        await EndAsync(call, way);

        Assert.Equal([Reserved], _stores.Held);
        Assert.True(Assert.Single(_stores.Entries.OfType<LedgerEntry.Ended>()).IsCounted);
    }

    /// <summary>The late reply to the reservation would undo the held amount, too.</summary>
    [Fact]
    public async Task ReservationThatMayExist_IsNotHeld_AndTheRowIsNotCounted()
    {
        var call = Create();
        _stores.ReservationFault = new LimitStoreException("It is slow.") { MayHaveTakenEffect = true };
        await Assert.ThrowsAsync<LimitStoreException>(async () => await call.ReserveAsync(Budget, Limit, includesByok: true));
        await call.BeginAsync(Row(call));
        call.Sent("a", null);

        await call.EndedAsync(RequestEnd.UpstreamTimedOut);

        Assert.Empty(_stores.Held);
        Assert.False(Assert.Single(_stores.Entries.OfType<LedgerEntry.Ended>()).IsCounted);
    }

    [Fact]
    public async Task Cancel_TouchesNothingThatWasNotAcquired()
    {
        var call = Create();
        await call.TakeLeaseAsync(_stores, 5, 3);
        _stores.IsBudgetSpent = true;
        Assert.False((await call.ReserveAsync(Budget, Limit, includesByok: true)).IsGranted);

        await call.CancelAsync();

        Assert.Equal(["cancel"], _stores.Leases);
        Assert.Empty(_stores.Charges);
        Assert.Empty(_stores.Entries);
    }

    [Fact]
    public async Task Name_IsDurableBeforeTheFirstByteAndTheSettlementBeforeTheLastOne()
    {
        await using var call = await AdmitAsync();
        call.Sent("primary", "env:KEY");
        var answer = call.Answered(200, isEventStream: true, namesJob: false, Headers());

        await answer.ObserveAsync("data: {\"id\":\"gen-1\",\"choices\":[]}\n\n"u8.ToArray());
        var named = Assert.Single(_stores.Written.OfType<LedgerEntry.Named>());
        Assert.Equal(("gen-1", "primary", "env:KEY"), (named.GenerationId, named.Destination, named.UpstreamKey));
        Assert.Null(call.Settlement);

        await answer.ObserveAsync("data: {\"id\":\"gen-1\",\"usage\":{\"cost\":0.000000000007}}\n\ndata: [DONE]\n\n"u8.ToArray());
        Assert.Equal(new PicoDollars(7), call.Settlement!.Value.Decision.Charge);
        Assert.Single(_stores.Written.OfType<LedgerEntry.Named>());
    }

    [Fact]
    public async Task AnswerInOnePiece_IsNamedAndSettledByOneWrite()
    {
        await using var call = await AdmitAsync();
        call.Sent("primary", "env:KEY");
        var body = "{\"id\":\"gen-1\",\"usage\":{\"cost\":0.000000000007}}"u8.ToArray();
        var answer = call.Answered(200, isEventStream: false, namesJob: false, Headers(body.Length));

        await answer.ObserveAsync(body);

        var ended = Assert.IsType<LedgerEntry.Ended>(_stores.Written[^1]);
        Assert.Equal(
            ("gen-1", "primary", "env:KEY", GenerationState.Settled),
            (ended.GenerationId, ended.Destination, ended.UpstreamKey, ended.State));
        Assert.Empty(_stores.Entries.OfType<LedgerEntry.Named>());
    }

    [Fact]
    public async Task LedgerThatFailsUnderWay_QueuesTheEntries()
    {
        await using var call = await AdmitAsync();
        call.Sent("primary", "env:KEY");
        _ = call.Answered(200, isEventStream: true, namesJob: false, Headers());
        call.Named("gen-1");
        _stores.IsLedgerFailing = true;

        await call.KeepNameAsync();
        await call.CompletedAsync(Billed);

        Assert.Equal(2, _stores.Entries.Count(entry => entry is LedgerEntry.Named or LedgerEntry.Ended));
    }

    // The stores declare other exceptions: these stand for their defects.
    [Theory]
    [InlineData("lease")]
    [InlineData("reservation")]
    [InlineData("row")]
    [InlineData("lease reservation")]
    [InlineData("queue")]
    [InlineData("lease reservation row")]
    [InlineData("lease reservation row queue")]
    public async Task StepThatFails_DoesNotKeepTheOthersFromRunning(string steps)
    {
        var failing = steps.Split(' ');
        foreach (var way in (string[])["completed", "named and cut", "disposed unsent", "cancelled"])
        {
            var stores = new Stores();
            var logs = new ListLogger<MeteredCall>();
            var call = new MeteredCall(stores, stores, _time, _time.GetTimestamp(), logs) { Id = Guid.CreateVersion7(), Reserved = Reserved };
            await call.TakeLeaseAsync(stores, 5, 3);
            Assert.True((await call.ReserveAsync(Budget, Limit, includesByok: true)).IsGranted);
            await call.BeginAsync(Row(call));
            stores.Failing = [.. failing];

            // An exception of the body is not replaced by one of the release.
            await Assert.ThrowsAsync<TimeoutException>(async () =>
            {
                await using (call)
                {
                    if (way == "cancelled")
                    {
                        await call.CancelAsync();
                    }
                    else
                    {
                        await EndAsync(call, way);
                    }

                    throw new TimeoutException();
                }
            });

            var isOpen = way == "named and cut";
            Assert.Equal(failing.Contains("lease") ? 0 : 1, stores.Leases.Count);
            Assert.Equal(failing.Contains("reservation") || isOpen ? 0 : 1, stores.Charges.Count);
            if (!failing.Contains("queue"))
            {
                // A write that fails is queued.
                var ended = Assert.Single(stores.Entries.OfType<LedgerEntry.Ended>());
                Assert.Equal(isOpen || !failing.Contains("reservation"), ended.IsCounted);
            }

            Assert.Equal(failing.Contains("lease"), logs.At(LogLevel.Error).Any(line => line.StartsWith("The lease of call", StringComparison.Ordinal)));
        }
    }

    [Fact]
    public async Task CallWithADeferredRow_WritesNothingPastItsQueue()
    {
        var call = Create();
        _stores.IsLedgerFailing = true;
        await Assert.ThrowsAsync<LedgerException>(async () => await call.BeginAsync(Row(call)));
        call.BeginDeferred(Row(call));
        _stores.IsLedgerFailing = false;
        call.Sent("primary", "env:KEY");
        call.Named("gen-1");

        await call.KeepNameAsync();
        await call.DisposeAsync();

        Assert.Empty(_stores.Written);
        Assert.Equal(3, _stores.Entries.Count);
    }

    private static BudgetKey Budget => new("a", BudgetPeriod.Total, DateTimeOffset.MinValue);

    private static HttpContentHeaders Headers(long? length = null)
    {
        var headers = new ByteArrayContent([]).Headers;
        headers.ContentLength = length;
        return headers;
    }

    private static async Task EndAsync(MeteredCall call, string way)
    {
        switch (way)
        {
            case "disposed unsent":
                return;
            case "unsent":
                call.Sent("primary", "env:KEY");
                call.Unsent();
                await call.EndedAsync(RequestEnd.UpstreamUnreachable);
                return;
            case "answered and reset":
                call.Sent("primary", "env:KEY");
                call.Answered(200, isEventStream: true, namesJob: false, Headers());
                call.Unsent();
                await call.EndedAsync(RequestEnd.UpstreamBroke);
                return;
            case "named and refused stream":
                call.Sent("primary", "env:KEY");
                call.Named("gen-1");
                call.Unsent();
                await call.EndedAsync(RequestEnd.UpstreamBroke);
                return;
            case "no answer":
                call.Sent("primary", "env:KEY");
                await call.EndedAsync(RequestEnd.UpstreamTimedOut);
                return;
            case "disposed without an answer":
                call.Sent("primary", "env:KEY");
                return;
            case "refused":
                call.Sent("primary", "env:KEY");
                _ = call.Answered(400, isEventStream: false, namesJob: false, Headers());
                await call.EndedAsync(RequestEnd.Completed);
                return;
            case "completed":
                call.Sent("primary", "env:KEY");
                _ = call.Answered(200, isEventStream: false, namesJob: false, Headers());
                call.Named("gen-1");
                await call.CompletedAsync(Billed);
                return;
            case "named and cut":
                call.Sent("primary", "env:KEY");
                _ = call.Answered(200, isEventStream: true, namesJob: false, Headers());
                call.Named("gen-1");
                await call.KeepNameAsync();
                await call.EndedAsync(RequestEnd.ClientLeft);
                return;
            case "named and refused":
                call.Sent("primary", "env:KEY");
                _ = call.Answered(429, isEventStream: false, namesJob: false, Headers());
                call.Named("gen-1");
                await call.EndedAsync(RequestEnd.Completed);
                return;
            case "named and read":
                call.Sent("primary", "env:KEY");
                var read = call.Answered(200, isEventStream: true, namesJob: false, Headers());
                call.Named("gen-1");
                for (var i = 0; i < 9; i++)
                {
                    await read.ObserveAsync("data: {\"choices\":[{\"delta\":{\"content\":\"word\"}}]}\n\n"u8.ToArray());
                }

                await call.EndedAsync(RequestEnd.UpstreamBroke);
                return;
            case "named with interim usage":
                call.Sent("primary", "env:KEY");
                var interim = call.Answered(200, isEventStream: true, namesJob: false, Headers());
                call.Named("gen-1");
                await interim.ObserveAsync("data: {\"choices\":[],\"usage\":{\"prompt_tokens\":20,\"completion_tokens\":4,\"cost\":1}}\n\n"u8.ToArray());
                await call.EndedAsync(RequestEnd.ClientLeft);
                return;
            case "complete with early usage" or "complete with usage at its end":
                call.Sent("primary", "env:KEY");
                var told = call.Answered(200, isEventStream: true, namesJob: false, Headers());
                call.Named("gen-1");
                var usage = "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":20,\"completion_tokens\":4}}\n\n"u8.ToArray();
                await told.ObserveAsync(way.EndsWith("early usage", StringComparison.Ordinal) ? usage : default);
                for (var i = 0; i < 9; i++)
                {
                    await told.ObserveAsync("data: {\"choices\":[{\"delta\":{\"content\":\"word\"}}]}\n\n"u8.ToArray());
                }

                await told.ObserveAsync(way.EndsWith("early usage", StringComparison.Ordinal) ? default : usage);
                await told.ObserveAsync("data: [DONE]\n\n"u8.ToArray());
                await call.EndedAsync(RequestEnd.Completed);
                return;
            case "named and disposed":
                call.Sent("primary", "env:KEY");
                call.Named("gen-1");
                return;
            default:
                throw new ArgumentOutOfRangeException(nameof(way), way, null);
        }
    }

    private LedgerEntry.Began Row(MeteredCall call) => new(call.Id)
    {
        StartedAt = _time.GetUtcNow(),
        Team = "a",
        KeyLabel = "key-1",
        SettingsVersion = "v",
        Endpoint = "/chat/completions",
        Reserved = call.Reserved,
        IsCounted = call.IsCounted,
    };

    private MeteredCall Create() => new(_stores, _stores, _time, _time.GetTimestamp(), _logs) { Id = Guid.CreateVersion7(), Reserved = Reserved };

    private async Task<MeteredCall> AdmitAsync()
    {
        var call = Create();
        await call.TakeLeaseAsync(_stores, 5, 3);
        Assert.True((await call.ReserveAsync(Budget, Limit, includesByok: true)).IsGranted);
        await call.BeginAsync(Row(call));
        return call;
    }

    /// <summary>Records everything that a call does to the stores.</summary>
    private sealed class Stores : ILimitLease, IBudgetStore, ILedger
    {
        public List<string> Leases { get; } = [];

        public List<PicoDollars> Charges { get; } = [];

        public List<PicoDollars> Held { get; } = [];

        public List<LedgerEntry> Entries { get; } = [];

        public List<LedgerEntry> Written { get; } = [];

        public bool IsBudgetSpent { get; set; }

        public bool IsLedgerFailing { get; set; }

        public bool IsUntried { get; set; }

        public LimitStoreException? ReservationFault { get; set; }

        /// <summary>The resources whose store throws an exception that it does not declare.</summary>
        public HashSet<string> Failing { get; set; } = [];

        public ValueTask<LimitResult> ChargeAsync(long estimatedTokens) => new(new LimitResult());

        public long? TakenTokens => 5;

        public ValueTask ReturnAsync(long? tokens)
        {
            Fail("lease");
            Leases.Add($"return {tokens?.ToString(System.Globalization.CultureInfo.InvariantCulture)}");
            return default;
        }

        public ValueTask CancelAsync()
        {
            Fail("lease");
            Leases.Add("cancel");
            return default;
        }

        public ValueTask<BudgetResult> ReserveAsync(BudgetKey key, PicoDollars limit, Guid id, PicoDollars amount) =>
            ReservationFault is { } fault ? throw fault : new(new BudgetResult(!IsBudgetSpent, amount));

        public ValueTask<bool> SettleAsync(BudgetKey key, Guid id, PicoDollars reserved, PicoDollars charge, bool isCounted)
        {
            Fail("reservation");
            Charges.Add(charge);
            return new(true);
        }

        public ValueTask MarkAsync(BudgetKey key, Guid id, PicoDollars charge) => throw new NotSupportedException();

        public void Release(BudgetKey key, Guid id) => throw new NotSupportedException();

        public ValueTask<bool> HoldAsync(BudgetKey key, Guid id, PicoDollars amount, bool isCounted)
        {
            Fail("reservation");
            Held.Add(amount);
            return new(true);
        }

        public void Forget(BudgetKey key)
        {
        }

        public ValueTask<PicoDollars> ReadAsync(BudgetKey key) => new(PicoDollars.Zero);

        public ValueTask WriteAsync(LedgerEntry entry)
        {
            Fail("row");
            if (IsLedgerFailing)
            {
                throw new LedgerException("It is full.") { IsUntried = IsUntried };
            }

            Entries.Add(entry);
            Written.Add(entry);
            return default;
        }

        public void Post(LedgerEntry entry)
        {
            Fail("queue");
            Entries.Add(entry);
        }

        private void Fail(string resource)
        {
            if (Failing.Contains(resource))
            {
                throw new InvalidCastException(resource);
            }
        }
    }
}
