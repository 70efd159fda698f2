using System.Buffers;
using System.Numerics;

namespace OpenRouterGateway.Transforms.RequestBody;

/// <summary>
/// The bytes of one request body, in pooled blocks. The first block is small and later ones large, so that memory follows what
/// has arrived and not what a Content-Length promises; nothing is ever copied from block to block. Beyond the first block it holds a
/// place in the memory that all bodies share.
/// </summary>
internal sealed class BodyBuffer(RequestBodyMemory memory)
{
    private const int FirstBlock = RequestBodyMemory.FreeSize;
    private const int LaterBlock = RequestBodyMemory.BlockSize;

    private Block? _first;
    private Block? _last;
    private int _used; // of the last block
    private volatile int _length;
    private int _released;

    /// <summary>Bytes held.</summary>
    public int Length => _length;

    /// <summary>Bytes of its blocks.</summary>
    public long Capacity { get; private set; }

    /// <summary>How large a place it holds; 0 for none.</summary>
    public long Place { get; private set; }

    /// <summary>Takes the place for all of a body that is larger than <see cref="RequestBodyMemory.FreeSize"/>, at most once.</summary>
    /// <param name="length">How long the body is, or may be at most.</param>
    /// <param name="cancellationToken">Gives up the wait.</param>
    public async ValueTask TakePlaceAsync(long length, CancellationToken cancellationToken)
    {
        var place = MemoryFor(length);
        await memory.TakeAsync(place, cancellationToken);
        Place = place;
    }

    /// <summary>Gives back what was taken beyond the blocks in use: the end of the body is known.</summary>
    public void ShrinkPlace()
    {
        if (Capacity < Place)
        {
            memory.Release(Place - Capacity);
            Place = Capacity;
        }
    }

    /// <summary>Free memory for the next read.</summary>
    /// <param name="expected">How many bytes are still announced, or <see langword="null"/> when nobody said.</param>
    public Memory<byte> GetMemory(long? expected)
    {
        if (_last is null || _used == _last.Capacity)
        {
            var block = _last is null ? FirstBlock : LaterBlock;
            // One byte more than announced: the read that finds the end of the body needs somewhere to look.
            var size = (int)Math.Min(block, (expected ?? block) + 1);
            var next = new Block(size > LaterBlock / 2 ? memory.RentBlock() : ArrayPool<byte>.Shared.Rent(size));
            _first ??= next;
            _last?.LinkTo(next);
            _last = next;
            _used = 0;
            Capacity += next.Capacity;
        }

        return _last.FreeFrom(_used);
    }

    /// <summary>Counts bytes that were read into the memory of <see cref="GetMemory"/>.</summary>
    public void Advance(int count)
    {
        _used += count;
        _length += count;
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

    /// <summary>
    /// Gives blocks and place back. Safe to call again: the end of the upload and the end of the request both do.
    /// </summary>
    public void Release()
    {
        if (Interlocked.Exchange(ref _released, 1) == 0)
        {
            for (var block = _first; block is not null; block = block.Following)
            {
                block.ReturnTo(memory);
            }

            _first = _last = null;
            if (Place > 0)
            {
                // Last, so that who is let in finds the blocks.
                memory.Release(Place);
            }
        }
    }

    /// <summary>What the blocks of a body take, which is more than its length: the last block is a power of two.</summary>
    internal static long MemoryFor(long length)
    {
        var (full, rest) = Math.DivRem(Math.Max(0, length - FirstBlock), LaterBlock);
        return FirstBlock + (full * LaterBlock) + Math.Max(16, (long)BitOperations.RoundUpToPowerOf2((ulong)rest + 1));
    }

    private sealed class Block(byte[] array) : ReadOnlySequenceSegment<byte>
    {
        public int Capacity => array.Length;

        public Block? Following => (Block?)Next;

        public Memory<byte> FreeFrom(int used) => array.AsMemory(used);

        public void SetLength(int length) => Memory = array.AsMemory(0, length);

        public void LinkTo(Block next)
        {
            next.RunningIndex = RunningIndex + Memory.Length;
            Next = next;
        }

        public void ReturnTo(RequestBodyMemory memory)
        {
            if (array.Length == LaterBlock)
            {
                memory.ReturnBlock(array);
            }
            else
            {
                ArrayPool<byte>.Shared.Return(array);
            }
        }
    }
}
