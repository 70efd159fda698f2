using System.Buffers;
using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Microsoft.AspNetCore.Connections;

namespace Gateway.Hosting;

/// <summary>
/// Memory for Kestrel's connections, in blocks of 64 KB. With Kestrel's blocks of 4 KB a large body takes sixteen times as many socket
/// reads, and these dominate the cost of proxying. An idle connection holds no block.
/// </summary>
internal sealed class ConnectionMemory : MemoryPool<byte>, IMemoryPoolFactory<byte>
{
    private const int BlockSize = 64 * 1024;

    /// <summary>Keeps up to 16 MB for reuse. Further blocks are left to the garbage collector.</summary>
    public const int MaxIdleBlocks = 256;

    private readonly ConcurrentQueue<Block> _idle = new();
    private int _idleCount;

    public override int MaxBufferSize => BlockSize;

    /// <summary>One pool for all of Kestrel's threads: they share free blocks.</summary>
    public MemoryPool<byte> Create(MemoryPoolOptions? options = null) => this;

    public override IMemoryOwner<byte> Rent(int minBufferSize = -1)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(minBufferSize, BlockSize);
        if (_idle.TryDequeue(out var block))
        {
            Interlocked.Decrement(ref _idleCount);
            return block;
        }

        return new Block(this);
    }

    // Kestrel disposes its pools when it stops. This pool holds only managed memory.
    protected override void Dispose(bool disposing)
    {
    }

    private void Return(Block block)
    {
        if (Interlocked.Increment(ref _idleCount) > MaxIdleBlocks)
        {
            Interlocked.Decrement(ref _idleCount);
            return;
        }

        _idle.Enqueue(block);
    }

    private sealed class Block : IMemoryOwner<byte>
    {
        private readonly ConnectionMemory _pool;

        public Block(ConnectionMemory pool)
        {
            // Allocated pinned: socket reads and writes need not pin the array.
            var bytes = GC.AllocateUninitializedArray<byte>(BlockSize, pinned: true);
            Memory = MemoryMarshal.CreateFromPinnedArray(bytes, 0, bytes.Length);
            _pool = pool;
        }

        public Memory<byte> Memory { get; }

        public void Dispose() => _pool.Return(this);
    }
}
