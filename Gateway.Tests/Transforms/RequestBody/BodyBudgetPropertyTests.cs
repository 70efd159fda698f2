using Gateway.Tests.Support;
using OpenRouterGateway.Transforms.RequestBody;
using Xunit;

namespace Gateway.Tests.Transforms.RequestBody;

/// <summary>Promise: in any order of events the budget keeps its rules and loses no reservation.</summary>
public sealed class BodyBudgetPropertyTests
{
    private const long Megabyte = 1024 * 1024;

    private readonly BodyBudget _budget;
    private long _capacity = 800 * Megabyte;
    private int _maxWaiting;

    public BodyBudgetPropertyTests() => _budget = new BodyBudget(() => _capacity, () => _maxWaiting);

    /// <summary>Random arrivals, releases and departures: the rules hold at each step, and at the end everything has been served.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task RandomSteps_KeepTheRules(ulong seed)
    {
        var random = new TestRandom(seed);
        _maxWaiting = 24;
        var open = new List<(string Owner, long Bytes, Task<BodyReservation?> Task, CancellationTokenSource Leaving)>();
        var served = 0;
        var refused = 0;
        for (var step = 0; step < 4000; step++)
        {
            // The second half only ends the bodies that are there.
            var isDraining = step >= 2000;
            var waitedBefore = Waiting().Select(body => body.Owner).ToHashSet();
            var completedBefore = open.Where(body => body.Task.IsCompleted).ToHashSet();
            switch (random.Next(8))
            {
                case < 4 when !isDraining:
                    var owner = $"team-{random.Next(6)}";
                    var bytes = 1 + random.Next(random.Next(20) == 0 ? 900 : 200);
                    var leaving = new CancellationTokenSource();
                    open.Add((owner, bytes * Megabyte, _budget.ReserveAsync(owner, bytes * Megabyte, leaving.Token).AsTask(), leaving));
                    break;
                case < 7:
                    var held = open.Where(body => body.Task.IsCompletedSuccessfully).ToList();
                    if (held.Count > 0)
                    {
                        var body = held[random.Next(held.Count)];
                        var reservation = (await body.Task)!;
                        _budget.Release(reservation, reservation.Bytes);
                        open.Remove(body);
                        served++;
                    }

                    break;
                default:
                    if (Waiting() is { Count: > 0 } all && random.Next(3) == 0)
                    {
                        var body = all[random.Next(all.Count)];
                        await body.Leaving.CancelAsync();
                        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => body.Task);
                        open.Remove(body);
                    }

                    break;
            }

            refused += open.RemoveAll(body => IsRefused(body.Task));
            var reserved = open.Where(body => body.Task.IsCompleted).ToList();
            var waiting = Waiting();
            Assert.Equal((reserved.Sum(body => body.Bytes), waiting.Count), (_budget.HeldBytes, _budget.WaitingBodies));
            Assert.True(waiting.Count <= _maxWaiting);
            Assert.True(reserved.Count > 0 || waiting.Count == 0);
            if (waitedBefore.Count > 1)
            {
                foreach (var admitted in reserved.Except(completedBefore).Where(body => waiting.Any(other => other.Owner != body.Owner)))
                {
                    var share = reserved.Where(body => body.Owner == admitted.Owner).ToList();
                    Assert.True(share.Count == 1 || share.Sum(body => body.Bytes) <= _capacity / 2, $"step {step}");
                }
            }
        }

        Assert.Empty(open);
        Assert.Equal((0, 0), (_budget.HeldBytes, _budget.WaitingBodies));
        Assert.Equal(0, _budget.OwnerCount);
        Assert.True(served > 500 && refused > 10, $"{served} served, {refused} refused");

        List<(string Owner, long Bytes, Task<BodyReservation?> Task, CancellationTokenSource Leaving)> Waiting() =>
            open.Where(body => !body.Task.IsCompleted).ToList();
    }

    [Fact]
    public async Task ManyThreads_LoseNoReservation()
    {
        _capacity = 100;
        _maxWaiting = 20;
        var inside = 0L;
        var most = 0L;
        var counts = new int[3];
        await Parallel.ForEachAsync(
            Enumerable.Range(1, 3000),
            new ParallelOptions { MaxDegreeOfParallelism = 32, CancellationToken = TestContext.Current.CancellationToken },
            async (i, _) =>
            {
                var random = new TestRandom((ulong)i);
                long bytes = 1 + random.Next(60);
                using var leaving = new CancellationTokenSource();
                var taking = _budget.ReserveAsync(random.Next(5), bytes, leaving.Token).AsTask();
                if (random.Next(4) == 0)
                {
                    await leaving.CancelAsync();
                }

                try
                {
                    if (await taking is not { } reservation)
                    {
                        Interlocked.Increment(ref counts[0]);
                        return;
                    }

                    InterlockedMax(ref most, Interlocked.Add(ref inside, bytes));
                    await Task.Yield();
                    Interlocked.Add(ref inside, -bytes);
                    _budget.Release(reservation, bytes / 2);
                    _budget.Release(reservation, bytes - (bytes / 2));
                    Interlocked.Increment(ref counts[1]);
                }
                catch (OperationCanceledException)
                {
                    Interlocked.Increment(ref counts[2]);
                }
            }).GuardAsync();

        Assert.Equal(3000, counts.Sum());
        Assert.InRange(most, 1, 100);
        Assert.Equal((0, 0), (_budget.HeldBytes, _budget.WaitingBodies));
        Assert.Equal(0, _budget.OwnerCount);
    }

    private static void InterlockedMax(ref long most, long value)
    {
        for (var seen = Volatile.Read(ref most); value > seen;)
        {
            seen = Interlocked.CompareExchange(ref most, value, seen) is var before && before == seen ? value : before;
        }
    }

    private static bool IsRefused(Task<BodyReservation?> task) => task.IsCompletedSuccessfully && task.Result is null;
}
