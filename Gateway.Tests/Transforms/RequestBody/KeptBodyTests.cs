using System.Buffers;
using OpenRouterGateway.Transforms.RequestBody;
using Xunit;

namespace Gateway.Tests.Transforms.RequestBody;

/// <summary>
/// Promise: a body that was sent and is kept for another attempt blocks no other body, and its blocks are never reused while it is read.
/// </summary>
public sealed class KeptBodyTests : IDisposable
{
    private const int Size = 1024 * 1024;

    private readonly RequestBodyMemory _memory = new(() => 4 * Size, () => 256, TimeProvider.System);

    public void Dispose() => _memory.Dispose();

    [Fact]
    public async Task Reading_OutlivesTheRelease()
    {
        var body = await ReserveAsync("a");
        body.GetMemory(10).Span[..3].Fill(7);
        body.Advance(3);
        Assert.True(body.TryBeginReading(out var bytes));

        body.Release();
        body.Release();

        Assert.True(body.IsReleased);
        Assert.Throws<ObjectDisposedException>(() => body.Bytes);
        Assert.Equal([7, 7, 7], bytes.ToArray());
        Assert.True(_memory.HeldBytes > 0);
        body.EndReading();
        Assert.Equal(0, _memory.HeldBytes);
        Assert.False(body.TryBeginReading(out _));
    }

    [Fact]
    public async Task KeptBodies_GiveWayInTheOrderInWhichTheyWereSent()
    {
        BodyBuffer[] bodies = [await ReserveAsync("a"), await ReserveAsync("b"), await ReserveAsync("c")];
        foreach (var body in bodies)
        {
            body.Keep();
            body.Keep();
        }

        Assert.Equal(3, _memory.KeptBodies);

        await ReserveAsync("d");
        Assert.Equal([true, false, false], bodies.Select(body => body.IsReleased));
        Assert.False(bodies[0].TryTakeBack());
        await ReserveAsync("e");
        Assert.Equal([true, true, false], bodies.Select(body => body.IsReleased));
        Assert.Equal(1, _memory.KeptBodies);
        Assert.Equal(0, _memory.WaitingBodies);
    }

    [Fact]
    public async Task BodyThatWasTakenBack_StaysUntilItIsSentAgain()
    {
        BodyBuffer[] bodies = [await ReserveAsync("a"), await ReserveAsync("b"), await ReserveAsync("c")];
        bodies[0].Keep();
        Assert.True(bodies[0].TryTakeBack());

        var waiting = ReserveAsync("d");
        Assert.Equal(1, _memory.WaitingBodies);
        Assert.False(bodies[0].IsReleased);

        // While others wait, a body that was sent is released at once.
        bodies[0].Keep();
        Assert.True(bodies[0].IsReleased);
        await waiting;
    }

    [Fact]
    public async Task ReleasedBody_IsNotKept()
    {
        var before = await ReserveAsync("a");
        before.Release();
        before.Keep();
        var after = await ReserveAsync("a");
        after.Keep();
        after.Release();

        Assert.Equal(0, _memory.KeptBodies);
        Assert.Equal(0, _memory.HeldBytes);
        Assert.False(before.TryTakeBack());
        Assert.False(after.TryTakeBack());
    }

    [Fact]
    public void SmallBody_NeedsNoPlaceAmongTheKeptOnes()
    {
        var body = new BodyBuffer(_memory);
        Assert.True(body.TryHoldSmall(100));

        body.Keep();

        Assert.Equal(0, _memory.KeptBodies);
        Assert.True(body.TryTakeBack());
        body.Release();
        Assert.False(body.TryTakeBack());
    }

    [Fact]
    public async Task ReadersReleasesAndReservations_NeverShareABlock()
    {
        // Each body is filled with its own number; every reading must see that number only, also after a release in between.
        await Parallel.ForAsync(0, 400, async (number, cancellation) =>
        {
            var body = new BodyBuffer(_memory);
            if (!await body.TryReserveAsync(number % 7, 100_000, cancellation))
            {
                return;
            }

            for (var rest = 100_000; rest > 0;)
            {
                var free = body.GetMemory(rest);
                var count = Math.Min(free.Length, rest);
                free.Span[..count].Fill((byte)number);
                body.Advance(count);
                rest -= count;
            }

            var readings = Enumerable.Range(0, 3).Select(_ => Task.Run(() =>
            {
                if (body.TryBeginReading(out var bytes))
                {
                    foreach (var part in bytes)
                    {
                        Assert.Equal(-1, part.Span.IndexOfAnyExcept((byte)number));
                    }

                    body.Keep();
                    body.EndReading();
                }
            })).ToArray();
            if (number % 2 == 0)
            {
                body.Release();
            }

            await Task.WhenAll(readings);
            body.Release();
        });

        Assert.Equal(0, _memory.HeldBytes);
        Assert.Equal(0, _memory.KeptBodies);
    }

    private async Task<BodyBuffer> ReserveAsync(string owner)
    {
        var body = new BodyBuffer(_memory);
        Assert.True(await body.TryReserveAsync(owner, Size - (64 * 1024), CancellationToken.None));
        return body;
    }
}
