using System.Buffers;

namespace Gateway.Transforms.RequestBody;

/// <summary>
/// The bytes of one request body, in pooled blocks. The first block is small and later ones large, so that memory follows what
/// has arrived and not what a Content-Length promises; nothing is ever copied from block to block.
/// </summary>
internal sealed class BodyBuffer
{
    private const int FirstBlock = 64 * 1024;
    private const int LaterBlock = 1024 * 1024;

    // What a burst of large bodies took is kept for the next one, up to 384 MB: the shared pool keeps few arrays of this size, and the rest
    // would pile up as garbage to several times what is in use before the collector looks at it.
    private static readonly ArrayPool<byte> LaterBlocks = ArrayPool<byte>.Create(LaterBlock, maxArraysPerBucket: 384);

    private Block? _first;
    private Block? _last;
    private int _used; // of the last block
    private int _released;

    /// <summary>Bytes held.</summary>
    public int Length { get; private set; }

    /// <summary>Free memory for the next read.</summary>
    /// <param name="expected">How many bytes are still announced, or <see langword="null"/> when nobody said.</param>
    public Memory<byte> GetMemory(long? expected)
    {
        if (_last is null || _used == _last.Capacity)
        {
            var block = _last is null ? FirstBlock : LaterBlock;
            // One byte more than announced: the read that finds the end of the body needs somewhere to look.
            var size = (int)Math.Min(block, (expected ?? block) + 1);
            var next = new Block(size == LaterBlock ? LaterBlocks : ArrayPool<byte>.Shared, size);
            _first ??= next;
            _last?.LinkTo(next);
            _last = next;
            _used = 0;
        }

        return _last.FreeFrom(_used);
    }

    /// <summary>Counts bytes that were read into the memory of <see cref="GetMemory"/>.</summary>
    public void Advance(int count)
    {
        _used += count;
        Length += count;
        _last!.SetLength(_used);
    }

    /// <summary>All bytes held. Valid until <see cref="Release"/>.</summary>
    /// <exception cref="ObjectDisposedException">The buffer was released: an empty body would look like a short one.</exception>
    public ReadOnlySequence<byte> Bytes
    {
        get
        {
            ObjectDisposedException.ThrowIf(Volatile.Read(ref _released) == 1, this);
            return _first is null ? default : new ReadOnlySequence<byte>(_first, 0, _last!, _used);
        }
    }

    /// <summary>Gives the blocks back. Safe to call again: the end of the upload and the end of the request both do.</summary>
    public void Release()
    {
        if (Interlocked.Exchange(ref _released, 1) == 0)
        {
            for (var block = _first; block is not null; block = block.Following)
            {
                block.Return();
            }

            _first = _last = null;
        }
    }

    private sealed class Block(ArrayPool<byte> pool, int size) : ReadOnlySequenceSegment<byte>
    {
        private readonly byte[] _array = pool.Rent(size);

        public int Capacity => _array.Length;

        public Block? Following => (Block?)Next;

        public Memory<byte> FreeFrom(int used) => _array.AsMemory(used);

        public void SetLength(int length) => Memory = _array.AsMemory(0, length);

        public void LinkTo(Block next)
        {
            next.RunningIndex = RunningIndex + Memory.Length;
            Next = next;
        }

        public void Return() => pool.Return(_array);
    }
}
