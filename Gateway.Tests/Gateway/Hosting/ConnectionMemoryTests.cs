using Gateway.Hosting;
using Xunit;

namespace Gateway.Tests.Gateway.Hosting;

public sealed class ConnectionMemoryTests
{
    [Fact]
    public void Blocks_HaveOneSizeWhateverIsAsked()
    {
        using var memory = new ConnectionMemory();
        using var small = memory.Rent(1);
        using var large = memory.Rent(memory.MaxBufferSize);

        Assert.Equal(memory.MaxBufferSize, small.Memory.Length);
        Assert.Equal(memory.MaxBufferSize, large.Memory.Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => memory.Rent(memory.MaxBufferSize + 1));
    }

    [Fact]
    public void ReturnedBlock_IsRentedAgain()
    {
        using var memory = new ConnectionMemory();
        var block = memory.Rent();
        using var other = memory.Rent();
        Assert.NotSame(block, other);

        block.Dispose();

        using var again = memory.Create().Rent();
        Assert.Same(block, again);
    }

    [Fact]
    public void BlocksOfABurst_AreNotAllKept()
    {
        using var memory = new ConnectionMemory();
        var burst = Enumerable.Range(0, ConnectionMemory.MaxIdleBlocks + 10).Select(_ => memory.Rent()).ToHashSet();
        foreach (var block in burst)
        {
            block.Dispose();
        }

        var next = Enumerable.Range(0, burst.Count).Select(_ => memory.Rent()).ToList();

        Assert.Equal(ConnectionMemory.MaxIdleBlocks, next.Count(burst.Contains));
    }
}
