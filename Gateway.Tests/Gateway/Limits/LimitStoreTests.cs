using Gateway.Limits;
using Gateway.Teams;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.Gateway.Limits;

/// <summary>Promise: limits hold, all of a request's or none, wherever they are counted.</summary>
public abstract class LimitStoreTests
{
    private static readonly LimitScope Unlimited = new("team:a", null, null, null);

    private ILimitStore? _store;

    private protected ILimitStore Store => _store ??= Create();

    private protected abstract ILimitStore Create();

    /// <summary>The store's own clock. A real one runs on while a test is at work, and buckets drain by it.</summary>
    private protected abstract Task<TimeSpan> NowAsync();

    /// <summary>Lets so much time pass on that clock.</summary>
    private protected abstract Task PassAsync(TimeSpan time);

    /// <summary>Lets the buckets of a holder drain as if so much time had passed, and moves <see cref="NowAsync"/> on by it.</summary>
    private protected abstract Task DrainAsync(string holder, TimeSpan time);

    [Fact]
    public async Task Requests_AreRefusedBeyondTheLimitAndComeBack()
    {
        // One each second.
        var scope = Unlimited with { RequestsPerMinute = 60 };
        var start = await NowAsync();
        Taken result;
        var granted = 0;
        while ((result = await TakeAsync(0, scope)).Lease is not null)
        {
            granted++;
            Assert.InRange(granted, 1, 2000);
        }

        Assert.InRange(granted, 60, 60 + (await NowAsync() - start).TotalSeconds);
        Assert.Equal((LimitKind.Requests, "team:a"), (result.RefusedBy, result.Holder));
        Assert.InRange(result.RetryAfter.TotalMilliseconds, 1, 1000);
        Assert.Equal((60, 0), (result.Requests!.Value.Limit, result.Requests.Value.Remaining));
        Assert.InRange(result.Requests.Value.Reset.TotalSeconds, 59, 60);

        await PassAsync(result.RetryAfter);
        Assert.NotNull((await TakeAsync(0, scope)).Lease);
    }

    [Fact]
    public async Task Tokens_AreCountedAtTheEstimateAndThenAtTheTruth()
    {
        var scope = Unlimited with { TokensPerMinute = 1000 };
        var start = await NowAsync();
        var first = await TakeAsync(1000, scope);
        var second = await TakeAsync(1000, scope);
        var passed = await NowAsync() - start;
        Assert.Equal(LimitKind.Tokens, second.RefusedBy);
        Assert.InRange(second.RetryAfter.TotalSeconds, 60 - passed.TotalSeconds, 60);
        Assert.InRange(second.Tokens!.Value.Remaining, 0, Refill(1000, passed));

        await first.Lease!.ReturnAsync(100);
        Assert.NotNull((await TakeAsync(900, scope)).Lease);
    }

    [Fact]
    public async Task Bill_ThatComesLater_CorrectsTheTokens()
    {
        var scope = Unlimited with { TokensPerMinute = 1000 };
        var start = await NowAsync();
        await (await TakeAsync(100, scope)).Lease!.ReturnAsync(200);
        await Store.CorrectAsync([scope], 700);
        var taken = await TakeAsync(0, scope);
        Assert.InRange(taken.Tokens!.Value.Remaining, 100, 100 + Refill(1000, await NowAsync() - start));

        await Store.CorrectAsync([scope], -900);
        Assert.Equal(1000, (await TakeAsync(0, scope)).Tokens!.Value.Remaining);

        // Without a limit of tokens there is nothing to correct.
        await Store.CorrectAsync([Unlimited with { Holder = "team:b", RequestsPerMinute = 5 }], 700);
        Assert.Equal(4, (await TakeAsync(0, Unlimited with { Holder = "team:b", RequestsPerMinute = 5 })).Requests!.Value.Remaining);
    }

    [Fact]
    public async Task Correction_IsThatOfEachScope()
    {
        var team = new LimitScope("team:a", 100, 1000, null);
        var counted = new LimitScope("key:a/counted", 50, null, null);
        var key = new LimitScope("key:a/ci", null, 500, 3);
        var start = await NowAsync();
        await (await TakeAsync(100, team, counted, key)).Lease!.ReturnAsync(100);

        await Store.CorrectAsync([team, counted, key], 200);

        var (ofTeam, ofCounted, ofKey) = (await TakeAsync(0, team), await TakeAsync(0, counted), await TakeAsync(0, key));
        var passed = await NowAsync() - start;
        Assert.InRange(ofTeam.Requests!.Value.Remaining, 98, 98 + Refill(100, passed));
        Assert.InRange(ofTeam.Tokens!.Value.Remaining, 700, 700 + Refill(1000, passed));
        Assert.InRange(ofCounted.Requests!.Value.Remaining, 48, 48 + Refill(50, passed));
        Assert.InRange(ofKey.Tokens!.Value.Remaining, 200, 200 + Refill(500, passed));
    }

    [Fact]
    public async Task Lease_TellsTheTokensThatItHasTaken()
    {
        var team = Unlimited with { TokensPerMinute = 1000 };
        var key = new LimitScope("key:a/one", null, 400, null);

        Assert.Equal(300, (await TakeAsync(300, team)).Lease!.TakenTokens);
        Assert.Equal(400, (await TakeAsync(1_000_000, team with { Holder = "team:b" }, key)).Lease!.TakenTokens);
        Assert.Null((await TakeAsync(300, Unlimited with { Holder = "team:c", RequestsPerMinute = 5 })).Lease!.TakenTokens);
        var refused = await Store.EnterAsync([key]);
        Assert.Equal(LimitKind.Tokens, (await refused.Lease!.ChargeAsync(400)).RefusedBy);
        Assert.Null(refused.Lease.TakenTokens);
    }

    [Fact]
    public async Task Truth_MayExceedTheLimitAndIsPaidBack()
    {
        var scope = Unlimited with { TokensPerMinute = 1000 };
        var start = await NowAsync();
        await (await TakeAsync(10, scope)).Lease!.ReturnAsync(3000);

        var result = await TakeAsync(0, scope);
        var passed = (await NowAsync() - start).TotalSeconds;

        Assert.Equal(LimitKind.Tokens, result.RefusedBy);
        Assert.Equal(0, result.Tokens!.Value.Remaining);
        Assert.InRange(result.RetryAfter.TotalSeconds, 120 - passed, 120);
        Assert.InRange(result.Tokens.Value.Reset.TotalSeconds, 180 - passed, 180);
    }

    [Fact]
    public async Task UnknownTruth_LeavesTheEstimate()
    {
        var scope = Unlimited with { TokensPerMinute = 1000 };
        await (await TakeAsync(1000, scope)).Lease!.ReturnAsync(null);

        Assert.Equal(LimitKind.Tokens, (await TakeAsync(1000, scope)).RefusedBy);
    }

    [Fact]
    public async Task EstimateBeyondTheLimit_PassesAFullBucket()
    {
        var scope = Unlimited with { TokensPerMinute = 1000 };
        var start = await NowAsync();
        var result = await TakeAsync(50_000, scope);
        Assert.Equal(0, result.Tokens!.Value.Remaining);

        // It was counted as the limit: its truth leaves 900, not 50,900.
        await result.Lease!.ReturnAsync(100);
        var left = (await TakeAsync(0, scope)).Tokens!.Value.Remaining;
        Assert.InRange(left, 900, 900 + Refill(1000, await NowAsync() - start));
    }

    [Fact]
    public async Task Concurrency_IsOfRequestsInFlight()
    {
        var scope = Unlimited with { ConcurrentRequests = 2 };
        var first = await TakeAsync(0, scope);
        await TakeAsync(0, scope);

        var result = await TakeAsync(0, scope);
        Assert.Equal((LimitKind.Concurrency, TimeSpan.FromSeconds(1)), (result.RefusedBy, result.RetryAfter));

        await first.Lease!.ReturnAsync(null);
        Assert.NotNull((await TakeAsync(0, scope)).Lease);
    }

    [Fact]
    public async Task ReturnAndCancel_CountOnce()
    {
        var scope = new LimitScope("team:a", 60, 60_000, 3);
        var start = await NowAsync();
        var lease = (await TakeAsync(30_000, scope)).Lease!;
        await TakeAsync(30_000, scope);
        await lease.ReturnAsync(20_000);
        await lease.ReturnAsync(0);
        await lease.CancelAsync();

        var result = await TakeAsync(0, scope);

        Assert.InRange(result.Tokens!.Value.Remaining, 10_000, 10_000 + Refill(60_000, await NowAsync() - start));
        Assert.InRange(result.Requests!.Value.Remaining, 57, 60);
        Assert.NotNull((await TakeAsync(0, scope)).Lease);
        Assert.Equal(LimitKind.Concurrency, (await TakeAsync(0, scope)).RefusedBy);
    }

    [Fact]
    public async Task Cancel_GivesEverythingBack()
    {
        var scope = new LimitScope("team:a", 1, 1000, 1);
        var first = await TakeAsync(1000, scope);
        Assert.Null((await TakeAsync(1000, scope)).Lease);

        await first.Lease!.CancelAsync();

        Assert.NotNull((await TakeAsync(1000, scope)).Lease);
    }

    [Theory]
    [InlineData(60)]
    [InlineData(3600)]
    public async Task DrainedTokens_AreNotGivenBack(int seconds)
    {
        var scope = Unlimited with { TokensPerMinute = 1000 };
        var stashed = await TakeAsync(1000, scope);
        await DrainAsync(scope.Holder, TimeSpan.FromSeconds(seconds));
        var start = await NowAsync();
        Assert.NotNull((await TakeAsync(1000, scope)).Lease);

        await stashed.Lease!.ReturnAsync(0);

        Assert.InRange((await TakeAsync(0, scope)).Tokens!.Value.Remaining, 0, Refill(1000, await NowAsync() - start));
    }

    [Fact]
    public async Task DrainedCharge_IsNotUndone()
    {
        var scope = new LimitScope("team:a", 1, 1000, null);
        var stashed = await TakeAsync(1000, scope);
        await DrainAsync(scope.Holder, TimeSpan.FromMinutes(1));
        var start = await NowAsync();
        Assert.NotNull((await TakeAsync(1000, scope)).Lease);

        await stashed.Lease!.CancelAsync();

        var result = (await TakeAsync(0, scope)).Result;
        Assert.Equal(LimitKind.Requests, result.RefusedBy);
        Assert.InRange(result.Tokens!.Value.Remaining, 0, Refill(1000, await NowAsync() - start));
    }

    [Fact]
    public async Task PartThatHasNotDrained_IsGivenBack()
    {
        var scope = Unlimited with { TokensPerMinute = 60_000 };
        var start = await NowAsync();
        var first = await TakeAsync(40_000, scope);
        await DrainAsync(scope.Holder, TimeSpan.FromSeconds(30));
        var second = await TakeAsync(50_000, scope);
        var passed = await NowAsync() - start - TimeSpan.FromSeconds(30);
        Assert.InRange(second.Tokens!.Value.Remaining, 0, Refill(60_000, passed));

        // The bucket was at 10,000 before the second charge: so much of the first one was left.
        await first.Lease!.ReturnAsync(0);
        Assert.InRange(await RemainingAsync(), 10_000 - Refill(60_000, passed), 10_000 + Refill(60_000, await PassedAsync()));

        // Of the second one everything is left.
        await second.Lease!.ReturnAsync(0);
        Assert.Equal(60_000, await RemainingAsync());

        async Task<long> RemainingAsync() => (await TakeAsync(0, scope)).Tokens!.Value.Remaining;

        async Task<TimeSpan> PassedAsync() => await NowAsync() - start - TimeSpan.FromSeconds(30);
    }

    /// <summary>A stash that is renewed before it has drained carries nothing over to the next minute either.</summary>
    [Fact]
    public async Task EstimatesThatAreRenewed_SaveNothingUp()
    {
        var scope = Unlimited with { TokensPerMinute = 60_000 };
        var stash = new List<ILimitLease>();
        for (var minute = 0; minute < 10; minute++)
        {
            await DrainAsync(scope.Holder, TimeSpan.FromSeconds(59));
            await RenewAsync();
        }

        var start = await NowAsync();
        long used = 0;
        while (stash.Count > 0)
        {
            await stash[0].ReturnAsync(0);
            stash.RemoveAt(0);
            while ((await TakeAsync(1000, scope)).Lease is not null)
            {
                used += 1000;
            }
        }

        Assert.InRange(used, 0, 60_000 + Refill(60_000, await NowAsync() - start));

        // Ends each estimate only when the next one is charged, and charges as many as there is room for.
        async Task RenewAsync()
        {
            var old = stash.ToArray();
            stash.Clear();
            await ChargeAsync();
            foreach (var lease in old)
            {
                await lease.ReturnAsync(0);
                await ChargeAsync();
            }
        }

        async Task ChargeAsync()
        {
            while ((await TakeAsync(5000, scope)).Lease is { } lease)
            {
                stash.Add(lease);
            }
        }
    }

    /// <summary>"Refills continuously and holds one minute's worth": of any time, not of the whole run only.</summary>
    [Theory]
    [InlineData(2)]
    [InlineData(3)]
    public async Task TokensOfAnyTime_AreAtMostTheLimitAndTheRefill(int seed)
    {
        const int Limit = 6000;
        var random = new TestRandom(TestEffort.Seed(seed));
        var scope = Unlimited with { TokensPerMinute = Limit };
        var open = new List<(ILimitLease Lease, int Used)>();
        var calls = new List<(TimeSpan Before, TimeSpan After, int Used)>();
        for (var i = 0; i < TestEffort.Times(400); i++)
        {
            await DrainAsync(scope.Holder, TimeSpan.FromMilliseconds(random.Next(random.Next(2) == 0 ? 100 : 20_000)));
            var estimate = random.Next(4) == 0 ? Limit : random.Next(Limit);
            var before = await NowAsync();
            if ((await TakeAsync(estimate, scope)).Lease is { } lease)
            {
                // Never more than the estimate: what calls exceed their estimates by is a debt, which no limit can foresee.
                var used = random.Next(random.Next(2) == 0 ? Math.Min(10, estimate + 1) : estimate + 1);
                calls.Add((before, await NowAsync(), used));
                open.Add((lease, used));
            }

            while (open.Count > 12 || (open.Count > 0 && random.Next(3) == 0))
            {
                var ended = random.Next(open.Count);
                await open[ended].Lease.ReturnAsync(open[ended].Used);
                open.RemoveAt(ended);
            }
        }

        Assert.InRange(calls.Count, 50, int.MaxValue);
        for (var first = 0; first < calls.Count; first++)
        {
            long used = 0;
            for (var last = first; last < calls.Count; last++)
            {
                used += calls[last].Used;
                Assert.InRange(used, 0, Limit + Refill(Limit, calls[last].After - calls[first].Before));
            }
        }
    }

    [Theory]
    [InlineData(nameof(LimitKind.Requests))]
    [InlineData(nameof(LimitKind.Tokens))]
    [InlineData(nameof(LimitKind.Concurrency))]
    public async Task RefusalByTheKey_TakesNothingOfTheTeam(string name)
    {
        var kind = Enum.Parse<LimitKind>(name);
        var team = new LimitScope("team:a", 10, 10_000, 10);
        var key = new LimitScope(
            "key:a/ci",
            kind == LimitKind.Requests ? 1 : null,
            kind == LimitKind.Tokens ? 100 : null,
            kind == LimitKind.Concurrency ? 1 : null);
        Assert.NotNull((await TakeAsync(100, team, key)).Lease);

        for (var i = 0; i < 20; i++)
        {
            var refused = await TakeAsync(100, team, key);
            Assert.Equal((kind, "key:a/ci"), (refused.RefusedBy, refused.Holder));
        }

        for (var i = 0; i < 9; i++)
        {
            Assert.NotNull((await TakeAsync(0, team)).Lease);
        }
    }

    [Fact]
    public async Task Levels_AreOfTheTightestScope()
    {
        var result = await TakeAsync(100, new LimitScope("team:a", 100, 1000, null), new LimitScope("key:a/ci", 50, 5000, null));

        Assert.Equal((50, 49), (result.Requests!.Value.Limit, result.Requests.Value.Remaining));
        Assert.Equal((1000, 900), (result.Tokens!.Value.Limit, result.Tokens.Value.Remaining));
    }

    [Fact]
    public async Task RequestInFlight_CountsBeforeItIsCharged()
    {
        var team = new LimitScope("team:a", 60, 600, 2);
        var key = new LimitScope("key:a/ci", null, null, 1);
        var lease = (await Store.EnterAsync([team, key])).Lease!;

        var refusal = (await Store.EnterAsync([team, key])).Refusal!;

        Assert.Equal((LimitKind.Concurrency, "key:a/ci", TimeSpan.FromSeconds(1)), (refusal.RefusedBy, refusal.Holder, refusal.RetryAfter));
        Assert.Equal((60, 600), (refusal.Requests!.Value.Remaining, refusal.Tokens!.Value.Remaining));

        // The refusal has taken nothing of the team's second place.
        var second = (await Store.EnterAsync([team])).Lease!;
        Assert.Equal("team:a", (await Store.EnterAsync([team])).Refusal!.Holder);
        await second.CancelAsync();

        // A lease that ends before its charge changes no limit per minute.
        await lease.ReturnAsync(500);
        await lease.CancelAsync();
        var result = await TakeAsync(100, team, key);
        Assert.Equal((59, 500), (result.Requests!.Value.Remaining, result.Tokens!.Value.Remaining));
    }

    [Fact]
    public async Task RefusedCharge_LeavesTheRequestInFlight()
    {
        var scope = Unlimited with { RequestsPerMinute = 1, ConcurrentRequests = 2 };
        Assert.NotNull((await TakeAsync(0, scope)).Lease);
        var lease = (await Store.EnterAsync([scope])).Lease!;

        Assert.Equal(LimitKind.Requests, (await lease.ChargeAsync(0)).RefusedBy);
        Assert.Equal(LimitKind.Concurrency, (await Store.EnterAsync([scope])).Refusal!.RefusedBy);
        await lease.CancelAsync();

        Assert.True((await Store.EnterAsync([scope])).IsGranted);
        Assert.Equal(LimitKind.Concurrency, (await Store.EnterAsync([scope])).Refusal!.RefusedBy);
    }

    [Fact]
    public async Task RequestsInFlight_AreJudgedFirst()
    {
        var team = new LimitScope("team:a", 60, null, 1);
        var key = new LimitScope("key:a/ci", 2, null, null);
        await TakeAsync(0, team, key);
        await TakeAsync(0, key);

        Assert.Equal((LimitKind.Concurrency, "team:a"), (await TakeAsync(0, team, key)) is var result ? (result.RefusedBy, result.Holder) : default);
    }

    [Fact]
    public async Task RefusalThatLastsLongest_IsTheOneTold()
    {
        var team = new LimitScope("team:a", 60, 600, null);
        var key = new LimitScope("key:a/ci", 1, null, null);
        var start = await NowAsync();
        await TakeAsync(600, team, key);

        // The team refuses it for half a minute.
        var result = await TakeAsync(300, team, key);

        Assert.Equal((LimitKind.Requests, "key:a/ci"), (result.RefusedBy, result.Holder));
        Assert.InRange(result.RetryAfter.TotalSeconds, 60 - (await NowAsync() - start).TotalSeconds, 60);
    }

    [Fact]
    public async Task ChangedLimits_ForgetNothing()
    {
        var leases = new List<ILimitLease>();
        for (var i = 0; i < 4; i++)
        {
            leases.Add((await TakeAsync(0, new LimitScope("team:a", 4, null, 4))).Lease!);
        }

        // A limit lower than the number in flight, then a higher one, then the original one.
        Assert.Equal(LimitKind.Requests, (await TakeAsync(0, new LimitScope("team:a", 2, null, null))).RefusedBy);
        Assert.Equal(LimitKind.Concurrency, (await TakeAsync(0, new LimitScope("team:a", null, null, 2))).RefusedBy);
        leases.Add((await TakeAsync(0, new LimitScope("team:a", null, null, 5))).Lease!);
        await leases[0].ReturnAsync(null);
        await leases[1].ReturnAsync(null);
        Assert.Equal(LimitKind.Concurrency, (await TakeAsync(0, new LimitScope("team:a", null, null, 3))).RefusedBy);
        Assert.NotNull((await TakeAsync(0, new LimitScope("team:a", null, null, 4))).Lease);
    }

    [Fact]
    public async Task Hammering_NeverExceedsAnyLimit()
    {
        const int Concurrent = 7;
        const int Limit = 300;
        const int Estimate = 20;
        var team = new LimitScope("team:a", Limit, 100_000, 50);
        var key = new LimitScope("key:a/ci", null, 100_000, Concurrent);
        var inFlight = 0;
        var most = 0;
        var kept = 0;
        var start = await NowAsync();
        var store = Store;
        await Task.WhenAll(Enumerable.Range(1, 16).Select(seed => Task.Run(async () =>
        {
            var random = new TestRandom((ulong)seed);
            for (var i = 0; i < 60; i++)
            {
                if ((await TakeFromAsync(store, Estimate, team, key)).Lease is not { } lease)
                {
                    continue;
                }

                var now = Interlocked.Increment(ref inFlight);
                InterlockedMax(ref most, now);
                await Task.Yield();
                Interlocked.Decrement(ref inFlight);
                if (random.Next(3) == 0)
                {
                    await lease.CancelAsync();
                }
                else
                {
                    Interlocked.Increment(ref kept);
                    await lease.ReturnAsync(random.Next(2) == 0 ? random.Next(100) : null);
                }

                await lease.CancelAsync();
            }
        })));
        var refill = Refill(Limit, await NowAsync() - start);

        Assert.InRange(most, 1, Concurrent);
        Assert.InRange(kept, 1, Limit + refill);

        // Every place came back.
        for (var i = 0; i < Concurrent; i++)
        {
            Assert.NotNull((await TakeAsync(0, key)).Lease);
        }

        Assert.Equal(LimitKind.Concurrency, (await TakeAsync(0, key)).RefusedBy);
    }

    [Fact]
    public async Task Preview_DecidesAsTheRequestAndCountsNothing()
    {
        var team = Unlimited with { RequestsPerMinute = 2, TokensPerMinute = 1000, ConcurrentRequests = 2 };
        var key = new LimitScope("key:a/ci", null, 500, null);
        var preview = (ILimitPreview)Store;
        for (var i = 0; i < 5; i++)
        {
            Assert.Null(await preview.PreviewEntryAsync([team, key]));
            var granted = await preview.PreviewChargeAsync([team, key], 500);
            Assert.Equal((null, 2, 500), (granted.RefusedBy, granted.Requests!.Value.Remaining, granted.Tokens!.Value.Remaining));
        }

        Assert.NotNull((await TakeAsync(500, team, key)).Lease);
        var tokens = await preview.PreviewChargeAsync([team, key], 400);
        Assert.Equal((LimitKind.Tokens, "key:a/ci"), (tokens.RefusedBy, tokens.Holder));
        Assert.InRange(tokens.RetryAfter.TotalSeconds, 0, 48);
        Assert.Null(await preview.PreviewEntryAsync([team, key]));

        Assert.NotNull((await TakeAsync(0, team)).Lease);
        var full = await preview.PreviewEntryAsync([team, key]);
        Assert.Equal((LimitKind.Concurrency, "team:a"), (full!.RefusedBy, full.Holder));
        Assert.Equal(LimitKind.Requests, (await preview.PreviewChargeAsync([team], 0)).RefusedBy);

        // Holders without limits, and holders that were never seen.
        Assert.Null((await preview.PreviewChargeAsync([Unlimited with { Holder = "team:b" }], 9)).RefusedBy);
        Assert.Null(await preview.PreviewEntryAsync([Unlimited with { Holder = "team:b", ConcurrentRequests = 1 }]));
    }

    [Fact]
    public async Task RequestsInFlight_AreCountedUntilTheyEnd()
    {
        var team = Unlimited with { ConcurrentRequests = 3 };
        var preview = (ILimitPreview)Store;
        Assert.Equal(0, await preview.CountInFlightAsync(team));

        var lease = (await TakeAsync(0, team)).Lease!;
        Assert.NotNull((await TakeAsync(0, team)).Lease);
        Assert.Equal(2, await preview.CountInFlightAsync(team));
        Assert.Equal(0, await preview.CountInFlightAsync(team with { Holder = "team:b" }));

        await lease.ReturnAsync(null);
        Assert.Equal(1, await preview.CountInFlightAsync(team));
    }

    private protected Task<Taken> TakeAsync(long tokens, params LimitScope[] scopes) => TakeFromAsync(Store, tokens, scopes);

    /// <summary>Acquires and charges a lease, as a request with a body does; a refused charge cancels it.</summary>
    private protected static async Task<Taken> TakeFromAsync(ILimitStore store, long tokens, params LimitScope[] scopes)
    {
        var entry = await store.EnterAsync(scopes);
        if (!entry.IsGranted)
        {
            return new Taken(null, entry.Refusal);
        }

        var result = await entry.Lease.ChargeAsync(tokens);
        if (result.RefusedBy is null)
        {
            return new Taken(entry.Lease, result);
        }

        await entry.Lease.CancelAsync();
        return new Taken(null, result);
    }

    private protected sealed record Taken(ILimitLease? Lease, LimitResult Result)
    {
        public LimitKind? RefusedBy => Result.RefusedBy;

        public string? Holder => Result.Holder;

        public TimeSpan RetryAfter => Result.RetryAfter;

        public LimitLevel? Requests => Result.Requests;

        public LimitLevel? Tokens => Result.Tokens;
    }

    /// <summary>The amount that drains meanwhile, including a request or token that is under way.</summary>
    private protected static long Refill(int perMinute, TimeSpan passed) => (long)Math.Ceiling(passed.TotalMinutes * perMinute);

    private static void InterlockedMax(ref int most, int value)
    {
        int seen;
        while (value > (seen = Volatile.Read(ref most)) && Interlocked.CompareExchange(ref most, value, seen) != seen)
        {
        }
    }
}
