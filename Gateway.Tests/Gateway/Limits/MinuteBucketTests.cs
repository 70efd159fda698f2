using CsCheck;
using Gateway.Limits;
using Xunit;

namespace Gateway.Tests.Gateway.Limits;

/// <summary>Promise: a bucket never gives more than its limit and the refilled amount, and never loses or gains by rounding.</summary>
public sealed class MinuteBucketTests
{
    [Fact]
    public void AmountTakenAfterAPause_IsTakenAtItsTime()
    {
        var bucket = new MinuteBucket();
        bucket.Advance(0, 60);

        bucket.Take(60_000, 60);
        bucket.Advance(60_000, 60);

        Assert.Equal((0, 1000), (bucket.ToLevel().Remaining, bucket.WaitFor(1)));
    }

    [Fact]
    public void WhatItGives_IsAtMostTheLimitAndTheRefill() =>
        Gen.Select(Gen.Int[1, 5000], Gen.Select(Gen.Int[0, 700], Gen.Int[0, 6000]).Array[1, 200]).Sample((limit, steps) =>
        {
            var bucket = new MinuteBucket();
            long now = 0;
            long given = 0;
            foreach (var (passed, wanted) in steps)
            {
                now += passed;
                var amount = Math.Min(wanted, limit);
                bucket.Advance(now, limit);
                var wait = bucket.WaitFor(amount);
                if (wait > 0)
                {
                    // The wait that it names is exact to the millisecond: one less is in vain, as much is enough.
                    Assert.True(WaitAfter(bucket, now + wait - 1, limit, amount) > 0);
                    Assert.Equal(0, WaitAfter(bucket, now + wait, limit, amount));
                    continue;
                }

                bucket.Take(now, amount);
                given += amount;
                Assert.True(given * MinuteBucket.Parts <= (limit * MinuteBucket.Parts) + (now * limit));
            }
        });

    /// <summary>Whichever estimates were open at the same time: the level is that of a bucket which was charged the used amounts from the start.</summary>
    [Fact]
    public void EstimateThatIsGivenBack_LeavesTheLevelOfTheUsedAmount() => SampleHistory(
        LowLevels.MaxGroups, static (level, exact) => Assert.Equal(exact, level));

    [Fact]
    public void EstimateThatIsGivenBackLate_NeverLeavesLessThanTheUsedAmount() => SampleHistory(
        LowLevels.MaxGroups * 10, static (level, exact) => Assert.True(level >= exact));

    /// <summary>Charges and ends calls, and compares the time that the bucket takes to drain with that of one which knew the used amounts.</summary>
    private static void SampleHistory(int steps, Action<long, long> compare) =>
        Gen.Select(Gen.Int[100, 5000], Gen.Select(Gen.Int[0, 9000], Gen.Int[0, 100], Gen.Int[0, 100], Gen.Int[0, 3]).Array[1, steps]).Sample((limit, history) =>
        {
            var bucket = new MinuteBucket();
            var calls = new List<(long At, long Counted)>();
            var open = new List<(int Call, long Charge, long Estimate)>();
            long now = 0;
            foreach (var (passed, percent, usedPercent, ends) in history)
            {
                now += passed;
                var estimate = (long)limit * percent / 100;
                bucket.Advance(now, limit);
                if (bucket.WaitFor(estimate) == 0)
                {
                    open.Add((calls.Count, bucket.Charge(now, estimate), estimate));
                    calls.Add((now, estimate));
                }

                for (var i = 0; i < ends && open.Count > 0; i++)
                {
                    var (call, charge, charged) = open[(passed + i) % open.Count];
                    open.RemoveAt((passed + i) % open.Count);
                    var used = charged * usedPercent / 100;
                    bucket.GiveBack(now, charge, charged - used);
                    calls[call] = calls[call] with { Counted = used };
                }

                var exact = new MinuteBucket();
                foreach (var (at, counted) in calls)
                {
                    exact.Advance(at, limit);
                    exact.Take(at, counted);
                }

                exact.Advance(now, limit);
                bucket.Advance(now, limit);
                compare(bucket.WaitFor(limit), exact.WaitFor(limit));
            }
        });

    [Fact]
    public void TakingWhateverIsThere_GivesExactlyTheRateInTheLongRun()
    {
        // 7 a minute is no whole number of milliseconds each.
        var bucket = new MinuteBucket();
        var given = 0;
        for (long now = 0; now <= 60 * 60_000; now++)
        {
            bucket.Advance(now, 7);
            if (bucket.WaitFor(1) == 0)
            {
                bucket.Take(now, 1);
                given++;
            }
        }

        Assert.Equal(7 + (60 * 7), given);
    }

    [Fact]
    public void RaisedLimit_OpensAtOnceAndForgetsNothing()
    {
        var bucket = new MinuteBucket();
        bucket.Advance(0, 10);
        bucket.Take(0, 10);

        bucket.Advance(0, 15);

        Assert.Equal(new LimitLevel(15, 5, TimeSpan.FromSeconds(40)), bucket.ToLevel());
    }

    [Theory]
    [InlineData(1000, 1000, 10, 60_000)] // Full stays full, and no longer than before.
    [InlineData(1000, 5, 10, 30_000)] // What fits is kept.
    [InlineData(1000, 2000, 500, 120_000)] // A debt takes as long as before.
    public void LoweredLimit_NeitherForgetsNorShutsOut(int limit, int used, int lowered, int resetMilliseconds)
    {
        var bucket = new MinuteBucket();
        bucket.Advance(0, limit);
        bucket.Take(0, used);

        bucket.Advance(0, lowered);

        Assert.Equal(TimeSpan.FromMilliseconds(resetMilliseconds), bucket.ToLevel().Reset);
    }

    [Fact]
    public void Extremes_DoNotOverflow()
    {
        var bucket = new MinuteBucket();
        bucket.Advance(0, int.MaxValue);
        bucket.Take(0, long.MaxValue);
        bucket.Take(0, long.MaxValue);
        bucket.Advance(0, 1);
        Assert.Equal(0, bucket.ToLevel().Remaining);

        bucket.Advance(long.MaxValue / 2, int.MaxValue);
        Assert.Equal(new LimitLevel(int.MaxValue, int.MaxValue, TimeSpan.Zero), bucket.ToLevel());
        bucket.Take(long.MaxValue / 2, long.MinValue);
        Assert.True(bucket.IsEmptyAt(long.MaxValue / 2));
    }

    private static long WaitAfter(MinuteBucket bucket, long now, int limit, int amount)
    {
        bucket.Advance(now, limit);
        return bucket.WaitFor(amount);
    }
}
