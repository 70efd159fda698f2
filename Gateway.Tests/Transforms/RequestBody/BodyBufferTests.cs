using System.Buffers;
using Gateway.Transforms.RequestBody;
using Xunit;

namespace Gateway.Tests.Transforms.RequestBody;

public class BodyBufferTests
{
    [Fact]
    public void Memory_FollowsArrivalAndNotThePromise()
    {
        var buffer = new BodyBuffer();
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
        foreach (var isAnnounced in new[] { true, false })
        {
            foreach (var readSize in new[] { 1_000_000, 4095, 7 })
            {
                if (readSize == 7 && length > 100_000)
                {
                    continue;
                }

                var buffer = new BodyBuffer();
                while (true)
                {
                    var memory = buffer.GetMemory(isAnnounced ? length - buffer.Length : null);
                    Assert.False(memory.IsEmpty, "a read into nothing looks like the end of the body");
                    var count = Math.Min(Math.Min(memory.Length, readSize), length - buffer.Length);
                    if (count == 0)
                    {
                        break;
                    }

                    for (var i = 0; i < count; i++)
                    {
                        memory.Span[i] = Expected(buffer.Length + i);
                    }

                    buffer.Advance(count);
                }

                Assert.Equal(length, buffer.Length);
                Assert.Equal(length, buffer.Bytes.Length);
                var at = 0;
                foreach (var segment in buffer.Bytes)
                {
                    foreach (var b in segment.Span)
                    {
                        Assert.Equal(Expected(at++), b);
                    }
                }

                Assert.Equal(length, at);
                buffer.Release();
            }
        }

        static byte Expected(int i) => (byte)(i * 31 >> 3);
    }

    [Fact]
    public void Release_MayBeCalledAgain()
    {
        var buffer = new BodyBuffer();
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
    public void Release_OfNothingIsFine() => new BodyBuffer().Release();

    [Fact]
    public void Bytes_AreNotHandedOutOnceTheirBlocksAreGone()
    {
        var buffer = new BodyBuffer();
        buffer.GetMemory(null);
        buffer.Advance(1);
        buffer.Release();
        Assert.Throws<ObjectDisposedException>(() => buffer.Bytes);
    }
}
