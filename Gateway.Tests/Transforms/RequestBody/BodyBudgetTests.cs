using OpenRouterGateway.Transforms.RequestBody;
using Xunit;

namespace Gateway.Tests.Transforms.RequestBody;

/// <summary>Promise: owners share the memory of bodies fairly, a large body is never starved, and the number of waiting bodies is bounded.</summary>
public sealed class BodyBudgetTests
{
    private const long Megabyte = 1024 * 1024;
    private const long Buffered = RequestBodyMemory.BufferedWhileWaiting;

    private readonly BodyBudget _budget;
    private long _capacity = 800 * Megabyte;
    private int _maxWaiting = 256;

    public BodyBudgetTests() => _budget = new BodyBudget(() => Volatile.Read(ref _capacity), () => _maxWaiting);

    private (long Held, int Waiting) State => (_budget.HeldBytes / Megabyte, _budget.WaitingBodies);

    [Fact]
    public void BodyThatFits_IsReservedAtOnce()
    {
        Assert.True(Reserve("a", 400).IsCompletedSuccessfully);
        Assert.True(Reserve("a", 300).IsCompletedSuccessfully);
        Assert.Equal((700, 0), State);
    }

    [Fact]
    public async Task OwnerOfMuch_LeavesAnEighthFreeForTheOthers()
    {
        await Reserve("a", 700);
        var more = Reserve("a", 1);
        Assert.False(more.IsCompleted);

        Assert.True(Reserve("b", 60).IsCompletedSuccessfully);
        Assert.True(Reserve("b", 40).IsCompletedSuccessfully);
        Assert.Equal((800, 1), State);
    }

    [Fact]
    public async Task WaitingOwners_TakeTurns()
    {
        var holder = await Held("x", 700);
        var order = new List<string>();
        (string Name, Task<BodyReservation?> Task)[] waiting =
        [
            ("a1", Reserve("a", 150)), ("a2", Reserve("a", 150)), ("a3", Reserve("a", 150)), ("b1", Reserve("b", 150)), ("b2", Reserve("b", 150)),
        ];
        for (var i = 0; i < 4; i++)
        {
            _budget.Release(holder, 151 * Megabyte);
            order.AddRange(waiting.Where(body => body.Task.IsCompletedSuccessfully).Select(body => body.Name).Except(order));
            Assert.Equal(i + 1, order.Count);
        }

        Assert.Equal(["a1", "b1", "a2", "b2"], order);
    }

    [Fact]
    public async Task WhileOthersWait_AnOwnerGetsNoMoreThanHalf_ButOneBodyOfAnySize()
    {
        var first = await Held("a", 300);
        var large = Reserve("b", 500);
        Assert.False(large.IsCompleted);

        // There is room for it, but it is more than half for its owner.
        var more = Reserve("a", 150);
        Assert.False(more.IsCompleted);
        Assert.True(Reserve("c", 150).IsCompletedSuccessfully);

        _budget.Release(first, first.Bytes);
        Assert.True(large.IsCompletedSuccessfully);
        Assert.False(more.IsCompleted);
        Assert.Equal((650, 1), State);
    }

    [Fact]
    public async Task OwnerAlone_GetsMoreThanHalf()
    {
        await Reserve("a", 300);
        Assert.True(Reserve("a", 400).IsCompletedSuccessfully);
    }

    [Fact]
    public async Task BodyLargerThanAll_IsAdmittedWhenTheOthersHoldAnEighth()
    {
        var first = await Held("a", 150);
        var small = await Held("b", 100);
        var giant = Reserve("c", 5000);
        Assert.False(giant.IsCompleted);

        _budget.Release(first, first.Bytes);
        var admitted = (await giant)!;
        Assert.Equal((5100, 0), State);

        var next = Reserve("d", 1);
        _budget.Release(small, small.Bytes);
        Assert.False(next.IsCompleted);
        _budget.Release(admitted, admitted.Bytes);
        Assert.NotNull(await next);
    }

    /// <summary>Bodies that fit pass a blocked one, but only as long as the end of the older ones makes room for it.</summary>
    [Theory]
    [InlineData(500)]
    [InlineData(690)]
    [InlineData(5000)]
    public async Task LargeBody_IsNotStarvedBySmallerOnes(int size)
    {
        var older = new Queue<BodyReservation>();
        for (var i = 0; i < 4; i++)
        {
            older.Enqueue(await Held($"older-{i}", 150));
        }

        var large = Reserve("large", size);
        Assert.False(large.IsCompleted);
        var passed = 0;
        var open = new Queue<Task<BodyReservation?>>();
        while (older.TryDequeue(out var body))
        {
            _budget.Release(body, body.Bytes);
            for (var i = 0; i < 20 && !large.IsCompleted; i++)
            {
                // Many owners, so that no share but the large body's turn is in their way.
                var small = Reserve($"small-{older.Count}-{i}", 50);
                passed += small.IsCompleted ? 1 : 0;
                open.Enqueue(small);
            }
        }

        Assert.True(large.IsCompletedSuccessfully);
        Assert.True(passed >= 2);
    }

    [Fact]
    public async Task WaitingConnections_CountUpToAQuarter()
    {
        _capacity = 8 * Megabyte;
        await ReserveBytes("x", Megabyte * 7 / 2);
        var waiting = Enumerable.Range(0, 3).Select(_ => ReserveBytes("a", Megabyte * 18 / 5)).ToList();
        Assert.All(waiting, body => Assert.False(body.IsCompleted));

        // Seven eighths, less the held bytes and the bytes that three connections buffer.
        var room = (_capacity / 8 * 7) - (Megabyte * 7 / 2) - (3 * Buffered);
        Assert.False(ReserveBytes("b", room + 1).IsCompleted);
        _maxWaiting = 4;
        Assert.Null(await ReserveBytes("a", Megabyte * 18 / 5));
        _maxWaiting = 256;

        var limited = new BodyBudget(() => _capacity, () => 256);
        await limited.ReserveAsync("x", Megabyte * 7 / 2, CancellationToken.None);
        for (var i = 0; i < 100; i++)
        {
            Assert.False(limited.ReserveAsync("a", Megabyte * 18 / 5, CancellationToken.None).AsTask().IsCompleted);
        }

        // A quarter at most: a body that leaves the room of the blocked one free fits.
        room = (_capacity / 8 * 7) - (_capacity / 4) - (Megabyte * 18 / 5);
        Assert.True(limited.ReserveAsync("b", room, CancellationToken.None).AsTask().IsCompletedSuccessfully);
    }

    [Fact]
    public async Task WaitingBodies_AreBoundedInAllAndByOwner()
    {
        _maxWaiting = 8;
        await Reserve("x", 700);
        var alone = Enumerable.Range(0, 8).Select(_ => Reserve("a", 200)).ToList();
        Assert.Null(await Reserve("a", 200));
        Assert.All(alone, body => Assert.False(body.IsCompleted));

        // Another owner replaces the last one of the first, up to a quarter of all.
        var second = new[] { Reserve("b", 200), Reserve("b", 200) };
        Assert.Equal([false, false, false, false, false, false, true, true], alone.Select(body => body.IsCompleted));
        Assert.Null(await alone[6]);
        Assert.Null(await alone[7]);
        Assert.Null(await Reserve("b", 200));
        Assert.Null(await Reserve("a", 200));
        Assert.All(second, body => Assert.False(body.IsCompleted));
        Assert.Equal((700, 8), State);
    }

    [Fact]
    public async Task FullQueue_HasAPlaceForAnOwnerWithNone()
    {
        _maxWaiting = 8;
        await Reserve("x", 700);
        var waiting = new List<Task<BodyReservation?>>();
        foreach (var owner in (string[])["a", "b", "c", "d"])
        {
            waiting.AddRange([Reserve(owner, 200), Reserve(owner, 200)]);
        }

        var fifth = Reserve("e", 200);

        Assert.False(fifth.IsCompleted);
        Assert.Null(await Assert.Single(waiting, body => body.IsCompleted));
        Assert.Null(await Reserve("e", 200));
        Assert.Equal(8, _budget.WaitingBodies);
    }

    [Fact]
    public async Task NoBodyWaits_WhereNoneMay()
    {
        _maxWaiting = 0;
        await Reserve("a", 700);
        Assert.Null(await Reserve("a", 200));
        Assert.NotNull(await Reserve("b", 100));
        Assert.Equal((800, 0), State);
    }

    [Fact]
    public async Task BodyThatLeaves_LetsTheOthersPass()
    {
        await Reserve("a", 400);
        using var leaving = new CancellationTokenSource();
        var large = ReserveUntilItLeaves("b", 600, leaving.Token);
        var next = Reserve("c", 250);
        Assert.False(large.IsCompleted || next.IsCompleted);

        await leaving.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => large);
        Assert.NotNull(await next);
        Assert.Equal((650, 0), State);
        Assert.Equal(2, _budget.OwnerCount);
    }

    [Fact]
    public async Task BodyThatHasLeft_ReservesNothing()
    {
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await ReserveUntilItLeaves("a", 1, new CancellationToken(canceled: true)));
        Assert.Equal((0, 0), State);
        Assert.Equal(0, _budget.OwnerCount);
    }

    [Fact]
    public async Task BodyThatLeavesAfterItsAdmission_HoldsItsReservation()
    {
        var first = await Held("a", 700);
        using var leaving = new CancellationTokenSource();
        var next = ReserveUntilItLeaves("a", 700, leaving.Token);
        _budget.Release(first, first.Bytes);

        await leaving.CancelAsync();

        Assert.NotNull(await next);
        Assert.Equal((700, 0), State);
    }

    [Fact]
    public async Task ChangedCapacity_CountsFromTheNextArrivalOrRelease()
    {
        var first = await Held("a", 700);
        var second = Reserve("a", 700);
        _capacity = 2400 * Megabyte;
        var third = Reserve("b", 700);
        Assert.NotNull(await second);
        Assert.NotNull(await third);

        _capacity = 400 * Megabyte;
        var fourth = Reserve("c", 200);
        _budget.Release(first, first.Bytes);
        _budget.Release((await second)!, 700 * Megabyte);
        Assert.False(fourth.IsCompleted);
        _budget.Release((await third)!, 700 * Megabyte);
        Assert.NotNull(await fourth);
    }

    [Fact]
    public void OptionalReservation_TakesNoMoreThanHalfForItsOwner()
    {
        var first = _budget.TryReserve("a", 300 * Megabyte)!;
        Assert.Null(_budget.TryReserve("a", 101 * Megabyte));
        Assert.NotNull(_budget.TryReserve("a", 100 * Megabyte));
        Assert.NotNull(_budget.TryReserve("b", 100 * Megabyte));
        Assert.Equal((500, 0), State);

        _budget.Release(first, first.Bytes);
        Assert.NotNull(_budget.TryReserve("a", 101 * Megabyte));
    }

    [Fact]
    public async Task OptionalReservation_LeavesTheRoomThatABodyWouldLeave()
    {
        await Reserve("a", 350);
        await Reserve("b", 300);

        Assert.Null(_budget.TryReserve("c", 101 * Megabyte));
        Assert.NotNull(_budget.TryReserve("c", 100 * Megabyte));
        Assert.Null(_budget.TryReserve("b", 1));
    }

    [Fact]
    public async Task OptionalReservation_IsNotMadeWhileABodyWaits()
    {
        var first = await Held("a", 600);
        var waiting = Reserve("b", 300);
        Assert.False(waiting.IsCompleted);

        Assert.Null(_budget.TryReserve("c", 1));

        _budget.Release(first, first.Bytes);
        Assert.NotNull(await waiting);
        Assert.NotNull(_budget.TryReserve("c", 1));
    }

    [Fact]
    public void OptionalReservation_LeavesNoOwnerBehind()
    {
        Assert.Null(_budget.TryReserve("a", 401 * Megabyte));
        Assert.Equal(0, _budget.OwnerCount);

        var made = _budget.TryReserve("a", 400 * Megabyte)!;
        _budget.Release(made, made.Bytes);
        Assert.Equal(0, _budget.OwnerCount);
    }

    private Task<BodyReservation?> Reserve(string owner, long megabytes) => ReserveBytes(owner, megabytes * Megabyte);

    private Task<BodyReservation?> ReserveBytes(string owner, long bytes) =>
        _budget.ReserveAsync(owner, bytes, CancellationToken.None).AsTask();

    private Task<BodyReservation?> ReserveUntilItLeaves(string owner, long megabytes, CancellationToken leaving) =>
        _budget.ReserveAsync(owner, megabytes * Megabyte, leaving).AsTask();

    private async Task<BodyReservation> Held(string owner, long megabytes) => (await Reserve(owner, megabytes))!;
}
