using Microsoft.Extensions.Time.Testing;
using OpenRouterGateway.Transforms.RequestBody;
using Xunit;

namespace Gateway.Tests.Transforms.RequestBody;

public sealed class RequestBodyMemoryTests : IDisposable
{
    private const int Block = RequestBodyMemory.BlockSize;

    private readonly FakeTimeProvider _time = new();
    private readonly RequestBodyMemory _memory;
    private long _capacity;

    public RequestBodyMemoryTests() => _memory = new RequestBodyMemory(() => _capacity, () => 256, _time);

    public void Dispose() => _memory.Dispose();

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

        // So few that they are given back without a collection, which would be one of the whole test run's heap.
        byte[][] rented = [.. Enumerable.Range(0, 30).Select(_ => _memory.RentBlock())];
        Array.ForEach(rented, _memory.ReturnBlock);
        _time.Advance(RequestBodyMemory.IdleTime);
        Assert.Equal(30, _memory.IdleBlocks);

        // Of thirty, ten were wanted in this period.
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
}
