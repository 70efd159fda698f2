using System.Buffers;
using System.Numerics;

namespace OpenRouterGateway.Transforms.RequestBody;

/// <summary>
/// The bytes of one request body, in pooled blocks. The first block is small and later ones are large: memory grows with the bytes that
/// have arrived, not with the announced Content-Length, and nothing is copied between blocks. The body counts among the small ones or has a
/// reservation in the memory budget of all bodies.
/// </summary>
internal sealed class BodyBuffer(RequestBodyMemory memory) : IUploadProgress
{
    private const int FirstBlock = RequestBodyMemory.SmallBodySize;
    private const int LaterBlock = RequestBodyMemory.BlockSize;

    private Block? _first;
    private Block? _last;
    private BodyReservation? _reservation;
    private int _small;
    private int _used; // of the last block
    private volatile int _length;
    private int _released;
    private int _references = 1; // the owner's, and one for each reading in progress

    /// <summary>The number of bytes read.</summary>
    public int Length => _length;

    /// <inheritdoc />
    long IUploadProgress.ReceivedBytes => _length;

    /// <summary>The size of its blocks in bytes.</summary>
    public long Capacity { get; private set; }

    /// <summary>The size of its reservation in bytes; 0 without one.</summary>
    public long Reserved { get; private set; }

    /// <summary>The reservation; <see langword="null"/> without one.</summary>
    internal BodyReservation? Reservation => _reservation;

    /// <summary>Whether the owner has released the bytes.</summary>
    public bool IsReleased => Volatile.Read(ref _released) == 1;

    /// <summary>The place among the kept bodies. Guarded by the lock of the <see cref="RequestBodyMemory"/>.</summary>
    internal LinkedListNode<BodyBuffer>? Kept { get; set; }

    /// <summary>Counts the body among the small ones, which need no reservation.</summary>
    /// <param name="length">The length of the body, up to <see cref="RequestBodyMemory.SmallBodySize"/>.</param>
    /// <returns>Whether it needs no reservation.</returns>
    public bool TryHoldSmall(int length)
    {
        var size = SmallMemoryFor(length);
        if (!memory.TryHoldSmall(size))
        {
            return false;
        }

        _small = size;
        return true;
    }

    /// <summary>
    /// Reserves memory for the whole body. A body of unknown length that turns out to be larger than its reservation reserves anew; it gives
    /// up the first reservation before it waits, since bodies that hold one and wait for another could deadlock.
    /// </summary>
    /// <param name="owner">The owner of the body.</param>
    /// <param name="length">The length of the body, or its maximum.</param>
    /// <param name="cancellationToken">Cancels the wait.</param>
    /// <returns>Whether the memory is reserved; if not, too many bodies wait.</returns>
    public async ValueTask<bool> TryReserveAsync(object owner, long length, CancellationToken cancellationToken)
    {
        var size = MemoryFor(length);
        if (_reservation is not null)
        {
            memory.Release(_reservation, Reserved);
            (_reservation, Reserved) = (null, 0);
        }

        _reservation = await memory.ReserveAsync(owner, size, cancellationToken);
        if (_reservation is null)
        {
            return false;
        }

        Reserved = size;
        return true;
    }

    /// <summary>Releases the part of the reservation that the complete body does not use.</summary>
    public void ReleaseSurplus()
    {
        if (Capacity < Reserved)
        {
            memory.Release(_reservation!, Reserved - Capacity);
            Reserved = Capacity;
        }
    }

    /// <summary>Memory for the next read.</summary>
    /// <param name="expected">The number of announced bytes still to read; <see langword="null"/> if the length is unknown.</param>
    public Memory<byte> GetMemory(long? expected)
    {
        if (_last is null || _used == _last.Capacity)
        {
            var block = _last is null ? FirstBlock : LaterBlock;
            // One byte more than announced: the read that detects the end of the body needs a buffer too.
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

    /// <summary>Adds bytes that were read into the memory of <see cref="GetMemory"/>.</summary>
    public void Advance(int count)
    {
        _used += count;
        _length += count;
        _last!.SetLength(_used);
    }

    /// <summary>The bytes read. Valid until <see cref="Release"/>.</summary>
    /// <exception cref="ObjectDisposedException">The buffer was released.</exception>
    public ReadOnlySequence<byte> Bytes
    {
        get
        {
            ObjectDisposedException.ThrowIf(IsReleased, this);
            return Sequence;
        }
    }

    private ReadOnlySequence<byte> Sequence => _first is null ? default : new ReadOnlySequence<byte>(_first, 0, _last!, _used);

    /// <summary>
    /// Begins a reading that may outlive the owner: the blocks are freed when the owner has released them and no reading is in progress.
    /// </summary>
    /// <param name="bytes">The bytes read, valid until <see cref="EndReading"/>.</param>
    /// <returns>Whether the bytes are still there.</returns>
    public bool TryBeginReading(out ReadOnlySequence<byte> bytes)
    {
        var references = Volatile.Read(ref _references);
        while (references > 0)
        {
            var seen = Interlocked.CompareExchange(ref _references, references + 1, references);
            if (seen == references)
            {
                bytes = Sequence;
                return true;
            }

            references = seen;
        }

        bytes = default;
        return false;
    }

    /// <summary>Ends a reading. The last one frees blocks and reservation.</summary>
    public void EndReading()
    {
        if (Interlocked.Decrement(ref _references) > 0)
        {
            return;
        }

        for (var block = _first; block is not null; block = block.Following)
        {
            block.ReturnTo(memory);
        }

        _first = _last = null;
        memory.ReleaseSmall(_small);
        if (_reservation is not null)
        {
            // The reservation is released last, so that the next admitted body finds the blocks.
            memory.Release(_reservation, Reserved);
        }
    }

    /// <summary>
    /// Declares that the body was sent and is kept only in case it has to be sent again. If other bodies wait for memory, the oldest such
    /// body is released. A body without a reservation stays until its owner releases it.
    /// </summary>
    public void Keep()
    {
        if (_reservation is not null)
        {
            memory.Keep(this);
        }
    }

    /// <summary>Takes a kept body back, to send it again.</summary>
    /// <returns>Whether its bytes are still there.</returns>
    public bool TryTakeBack() => _reservation is null ? !IsReleased : memory.TryTakeBack(this);

    /// <summary>
    /// Releases blocks and reservation. Idempotent: both the end of the upload and the end of the request call it.
    /// </summary>
    public void Release()
    {
        if (_reservation is null ? TrySetReleased() : memory.TryForget(this))
        {
            EndReading();
        }
    }

    /// <summary>Sets <see cref="IsReleased"/>. The caller then ends the owner's reading.</summary>
    /// <returns>Whether it was not set before.</returns>
    internal bool TrySetReleased() => Interlocked.Exchange(ref _released, 1) == 0;

    /// <summary>
    /// The total size of a body's blocks. It exceeds the body's length, since the size of the last block is a power of two.
    /// </summary>
    internal static long MemoryFor(long length)
    {
        var (full, rest) = Math.DivRem(Math.Max(0, length - FirstBlock), LaterBlock);
        return FirstBlock + (full * LaterBlock) + Math.Max(16, (long)BitOperations.RoundUpToPowerOf2((ulong)rest + 1));
    }

    /// <summary>The size of the only block of a small body.</summary>
    internal static int SmallMemoryFor(int length) => (int)Math.Min(FirstBlock, BitOperations.RoundUpToPowerOf2((uint)length + 1));

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
