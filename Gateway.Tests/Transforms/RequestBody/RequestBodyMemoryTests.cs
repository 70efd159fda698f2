using Gateway.Tests.Support;
using Microsoft.Extensions.Time.Testing;
using OpenRouterGateway.Transforms.RequestBody;
using Xunit;

namespace Gateway.Tests.Transforms.RequestBody;

public sealed class RequestBodyMemoryTests : IDisposable
{
    private const int Block = RequestBodyMemory.BlockSize;

    private readonly FakeTimeProvider _time = new();
    private readonly RequestBodyMemory _memory;
    private long _capacity = 100;

    public RequestBodyMemoryTests() => _memory = new RequestBodyMemory(() => Volatile.Read(ref _capacity), _time);

    private static CancellationToken Never => CancellationToken.None;

    public void Dispose() => _memory.Dispose();

    [Fact]
    public void WhatFits_IsTakenAtOnce()
    {
        Assert.Same(Task.CompletedTask, _memory.ReserveAsync(60, Never));
        Assert.Same(Task.CompletedTask, _memory.ReserveAsync(40, Never));
        Assert.Equal((100, 0), (_memory.HeldBytes, _memory.WaitingBodies));
    }

    [Fact]
    public async Task LargeBody_IsNotPassedBySmallerOnes()
    {
        await _memory.ReserveAsync(50, Never);
        var large = _memory.ReserveAsync(90, Never);
        var small = _memory.ReserveAsync(10, Never);
        Assert.Equal((50, 2), (_memory.HeldBytes, _memory.WaitingBodies));
        Assert.False(large.IsCompleted || small.IsCompleted);

        _memory.Release(30);
        Assert.Equal((20, 2), (_memory.HeldBytes, _memory.WaitingBodies));
        _memory.Release(20);
        await Task.WhenAll(large, small);
        Assert.Equal((100, 0), (_memory.HeldBytes, _memory.WaitingBodies));
    }

    [Fact]
    public async Task BodyLargerThanAll_IsServedAlone()
    {
        await _memory.ReserveAsync(1, Never);
        var giant = _memory.ReserveAsync(1000, Never);
        var next = _memory.ReserveAsync(1, Never);
        Assert.False(giant.IsCompleted);

        _memory.Release(1);
        await giant;
        Assert.False(next.IsCompleted);
        Assert.Equal((1000, 1), (_memory.HeldBytes, _memory.WaitingBodies));

        _memory.Release(1000);
        await next;
    }

    [Fact]
    public async Task WhoLeaves_GivesUpTheWaitAtOnceAndLetsOthersPass()
    {
        await _memory.ReserveAsync(50, Never);
        using var leaving = new CancellationTokenSource();
        var large = _memory.ReserveAsync(90, leaving.Token);
        var small = _memory.ReserveAsync(10, Never);

        await leaving.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => large);
        await small;
        Assert.Equal((60, 0), (_memory.HeldBytes, _memory.WaitingBodies));
    }

    [Fact]
    public async Task WhoHasLeftBefore_TakesNothing()
    {
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => Task.Run(() => _memory.ReserveAsync(1, new CancellationToken(canceled: true)), TestContext.Current.CancellationToken));
        Assert.Equal((0, 0), (_memory.HeldBytes, _memory.WaitingBodies));
    }

    [Fact]
    public async Task WhoLeavesAfterBeingLetIn_HoldsItsPlace()
    {
        await _memory.ReserveAsync(100, Never);
        using var leaving = new CancellationTokenSource();
        var next = _memory.ReserveAsync(100, leaving.Token);
        _memory.Release(100);

        await leaving.CancelAsync();

        await next;
        Assert.Equal(100, _memory.HeldBytes);
    }

    [Fact]
    public async Task ChangedCapacity_CountsFromTheNextThatComesOrGoes()
    {
        await _memory.ReserveAsync(100, Never);
        var second = _memory.ReserveAsync(100, Never);
        _capacity = 300;
        var third = _memory.ReserveAsync(100, Never);
        await Task.WhenAll(second, third);

        _capacity = 50;
        var fourth = _memory.ReserveAsync(20, Never);
        _memory.Release(100);
        _memory.Release(100);
        Assert.False(fourth.IsCompleted);
        _memory.Release(100);
        await fourth;
        Assert.Equal(20, _memory.HeldBytes);
    }

    [Fact]
    public void Blocks_AreUsedAgainAndKeptUpToTheCapacity()
    {
        _capacity = 3 * Block;
        byte[][] rented = [.. Enumerable.Range(0, 5).Select(_ => _memory.RentBlock())];
        Assert.All(rented, block => Assert.Equal(Block, block.Length));
        Assert.Equal(5, rented.Distinct(ReferenceEqualityComparer.Instance).Count());

        Array.ForEach(rented, _memory.ReturnBlock);

        Assert.Equal(3, _memory.IdleBlocks);
        Assert.Contains(_memory.RentBlock(), rented);
        Assert.Equal(2, _memory.IdleBlocks);
    }

    [Fact]
    public void Blocks_ThatNobodyWantsAreGivenBack()
    {
        _capacity = 100 * Block;
        byte[][] rented = [.. Enumerable.Range(0, 50).Select(_ => _memory.RentBlock())];
        Array.ForEach(rented, _memory.ReturnBlock);
        _time.Advance(RequestBodyMemory.IdleTime);
        Assert.Equal(50, _memory.IdleBlocks);

        // Of fifty, ten were wanted in this period.
        rented = [.. Enumerable.Range(0, 10).Select(_ => _memory.RentBlock())];
        Array.ForEach(rented, _memory.ReturnBlock);
        _time.Advance(RequestBodyMemory.IdleTime);
        Assert.Equal(10, _memory.IdleBlocks);

        _time.Advance(RequestBodyMemory.IdleTime);
        Assert.Equal(0, _memory.IdleBlocks);

        // The next burst starts it all again.
        _memory.ReturnBlock(_memory.RentBlock());
        _time.Advance(RequestBodyMemory.IdleTime);
        Assert.Equal(1, _memory.IdleBlocks);
        _time.Advance(RequestBodyMemory.IdleTime);
        Assert.Equal(0, _memory.IdleBlocks);
    }

    /// <summary>One thread, a model beside it: after each step exactly those hold a place that should.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public void RandomSteps_DoWhatTheModelDoes(ulong seed)
    {
        var random = new TestRandom(seed);
        var holding = new List<long>();
        var waiting = new List<(long Bytes, Task Task, CancellationTokenSource Leaving)>();
        for (var step = 0; step < 3000; step++)
        {
            switch (random.Next(8))
            {
                case < 4:
                    var bytes = 1L + random.Next(random.Next(20) == 0 ? 250 : 60);
                    var leaving = new CancellationTokenSource();
                    waiting.Add((bytes, _memory.ReserveAsync(bytes, leaving.Token), leaving));
                    break;
                case < 6 when holding.Count > 0:
                    var place = random.Next(holding.Count);
                    var part = holding[place] > 1 && random.Next(3) == 0 ? holding[place] / 2 : holding[place];
                    _memory.Release(part);
                    holding[place] -= part;
                    holding.RemoveAll(held => held == 0);
                    break;
                case 6 when waiting.Count > 0:
                    var one = random.Next(waiting.Count);
                    waiting[one].Leaving.Cancel();
                    waiting.RemoveAt(one);
                    break;
                case 7:
                    // In force with the next step that is one.
                    _capacity = 50 + random.Next(100);
                    continue;
            }

            while (waiting is [var next, ..] && (holding.Count == 0 || holding.Sum() + next.Bytes <= _capacity))
            {
                holding.Add(next.Bytes);
                waiting.RemoveAt(0);
            }

            // Changing the capacity or leaving from behind wakes nobody, which the model need not know: it is made to happen here.
            _memory.Release(0);
            Assert.Equal((holding.Sum(), waiting.Count), (_memory.HeldBytes, _memory.WaitingBodies));
        }
    }

    /// <summary>Many threads: what is held never exceeds, nothing is lost, and everybody gets through.</summary>
    [Fact]
    public async Task ManyAtOnce_NeverExceedAndAllGetThrough()
    {
        var inside = 0L;
        var most = 0L;
        var served = 0;
        var left = 0;
        await Parallel.ForEachAsync(
            Enumerable.Range(1, 3000),
            new ParallelOptions { MaxDegreeOfParallelism = 32, CancellationToken = TestContext.Current.CancellationToken },
            async (i, _) =>
            {
                var random = new TestRandom((ulong)i);
                long bytes = 1 + random.Next(60);
                using var leaving = new CancellationTokenSource();
                var taking = _memory.ReserveAsync(bytes, leaving.Token);
                if (random.Next(4) == 0)
                {
                    await leaving.CancelAsync();
                }

                try
                {
                    await taking;
                }
                catch (OperationCanceledException)
                {
                    Interlocked.Increment(ref left);
                    return;
                }

                var now = Interlocked.Add(ref inside, bytes);
                InterlockedMax(ref most, now);
                await Task.Yield();
                Interlocked.Add(ref inside, -bytes);
                _memory.Release(bytes);
                Interlocked.Increment(ref served);
            }).GuardAsync();

        Assert.Equal(3000, served + left);
        Assert.InRange(most, 1, 100);
        Assert.Equal((0, 0), (_memory.HeldBytes, _memory.WaitingBodies));
    }

    private static void InterlockedMax(ref long target, long value)
    {
        for (var seen = Volatile.Read(ref target); value > seen;)
        {
            seen = Interlocked.CompareExchange(ref target, value, seen) is var before && before == seen ? value : before;
        }
    }
}
