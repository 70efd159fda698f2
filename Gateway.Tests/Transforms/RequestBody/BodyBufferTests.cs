using System.Buffers;
using OpenRouterGateway.Transforms.RequestBody;
using Xunit;

namespace Gateway.Tests.Transforms.RequestBody;

public sealed class BodyBufferTests : IDisposable
{
    private readonly RequestBodyMemory _memory = new(() => 256 * 1024 * 1024, () => 256, TimeProvider.System);

    public void Dispose() => _memory.Dispose();

    [Fact]
    public void Memory_FollowsArrivalAndNotThePromise()
    {
        var buffer = new BodyBuffer(_memory);
        var memory = buffer.GetMemory(100_000_000);
        Assert.InRange(memory.Length, 1, 64 * 1024);
        buffer.Advance(10);
        Assert.InRange(buffer.GetMemory(100_000_000 - 10).Length, 1, (64 * 1024) - 10);
        Assert.Equal(10, buffer.Length);
        buffer.Release();
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(4096)]
    [InlineData(65_535)]
    [InlineData(65_536)]
    [InlineData(65_537)]
    [InlineData(1_114_112)]
    [InlineData(3_000_000)]
    public void Bytes_AreThoseThatWereRead(int length)
    {
        var expected = Enumerable.Range(0, length).Select(static i => (byte)(i * 31 >> 3)).ToArray();
        foreach (var isAnnounced in new[] { true, false })
        {
            foreach (var readSize in new[] { 1_000_000, 4095, 7 })
            {
                if (readSize == 7 && length > 100_000)
                {
                    continue;
                }

                var buffer = new BodyBuffer(_memory);
                while (true)
                {
                    var memory = buffer.GetMemory(isAnnounced ? length - buffer.Length : null);
                    Assert.False(memory.IsEmpty, "a read into nothing looks like the end of the body");
                    var count = Math.Min(Math.Min(memory.Length, readSize), length - buffer.Length);
                    if (count == 0)
                    {
                        break;
                    }

                    expected.AsSpan(buffer.Length, count).CopyTo(memory.Span);

                    buffer.Advance(count);
                }

                Assert.Equal(length, buffer.Length);
                Assert.Equal(length, buffer.Bytes.Length);
                var at = 0;
                foreach (var segment in buffer.Bytes)
                {
                    Assert.True(expected.AsSpan(at, segment.Length).SequenceEqual(segment.Span));
                    at += segment.Length;
                }

                Assert.Equal(length, at);
                buffer.Release();
            }
        }
    }

    [Fact]
    public void Release_MayBeCalledAgain()
    {
        var buffer = new BodyBuffer(_memory);
        buffer.GetMemory(null);
        buffer.Advance(1);
        buffer.Release();
        buffer.Release();

        // Had the second call returned the block again, two renters would now hold the same one.
        var rented = Enumerable.Range(0, 64).Select(_ => ArrayPool<byte>.Shared.Rent(64 * 1024)).ToList();
        Assert.Equal(rented.Count, rented.Distinct(ReferenceEqualityComparer.Instance).Count());
        rented.ForEach(block => ArrayPool<byte>.Shared.Return(block));
    }

    [Fact]
    public void Release_OfNothingIsFine() => new BodyBuffer(_memory).Release();

    [Fact]
    public void Bytes_AreNotHandedOutOnceTheirBlocksAreGone()
    {
        var buffer = new BodyBuffer(_memory);
        buffer.GetMemory(null);
        buffer.Advance(1);
        buffer.Release();
        Assert.Throws<ObjectDisposedException>(() => buffer.Bytes);
    }

    [Theory]
    [InlineData(65_537)]
    [InlineData(65_552)]
    [InlineData(600_000)]
    [InlineData(1_114_111)]
    [InlineData(1_114_112)]
    [InlineData(1_114_113)]
    [InlineData(5_000_000)]
    public async Task Place_IsWhatTheBlocksTake(int length)
    {
        var buffer = new BodyBuffer(_memory);
        await buffer.TryReserveAsync("owner", length, TestContext.Current.CancellationToken);
        var place = buffer.Reserved;
        Assert.Equal(place, _memory.HeldBytes);
        Assert.InRange(place, length, length + (1024 * 1024));

        while (buffer.Length < length)
        {
            var memory = buffer.GetMemory(length - buffer.Length);
            buffer.Advance(Math.Min(memory.Length, length - buffer.Length));
        }

        // The look for the end may want a block of its own.
        buffer.GetMemory(0);
        Assert.Equal(place, buffer.Capacity);
        buffer.ReleaseSurplus();
        Assert.Equal(place, _memory.HeldBytes);
        buffer.Release();
        buffer.Release();
        Assert.Equal(0, _memory.HeldBytes);
    }

    [Fact]
    public async Task Place_ShrinksToTheBlocksOnceTheEndIsKnown()
    {
        var buffer = new BodyBuffer(_memory);
        await buffer.TryReserveAsync("owner", 100_000_000, TestContext.Current.CancellationToken);
        buffer.GetMemory(null);
        buffer.Advance(65_536);
        buffer.GetMemory(null);
        buffer.Advance(10);

        buffer.ReleaseSurplus();

        Assert.Equal(65_536 + (1024 * 1024), _memory.HeldBytes);
        buffer.Release();
        Assert.Equal(0, _memory.HeldBytes);
    }
}
