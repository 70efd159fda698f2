namespace OpenRouterGateway.Transforms.RequestBody;

/// <summary>
/// The memory of all request bodies: a budget that their owners share, and the blocks of the bodies. Bodies of up to 65,536 bytes need no
/// reservation as long as they hold no more than a quarter of the budget together.
/// </summary>
public sealed class RequestBodyMemory : IDisposable
{
    /// <summary>The maximum size, in bytes, of a body that needs no reservation.</summary>
    internal const int SmallBodySize = 64 * 1024;

    internal const int BlockSize = 1024 * 1024;

    /// <summary>The unread bytes that the connection of a waiting body may buffer. The host limits its connections to it.</summary>
    internal const int BufferedWhileWaiting = 256 * 1024;

    /// <summary>The time after which unused blocks are released.</summary>
    internal static readonly TimeSpan IdleTime = TimeSpan.FromSeconds(30);

    /// <summary>The minimum number of released blocks for which a garbage collection is worth its cost.</summary>
    private const int WorthCollecting = 32;

    private const int SmallBodiesShare = 4;

    private readonly Func<long> _capacity;
    private readonly BodyBudget _budget;
    private readonly ITimer _trim;
    private readonly Lock _gate = new();

    // Blocks are kept for the next body: the shared pool keeps few arrays of this size, and garbage would grow to several times the used
    // memory before it is collected.
    private readonly Stack<byte[]> _idle = [];

    // Bodies with a reservation that were sent and are kept in case they have to be sent again, the oldest first.
    private readonly LinkedList<BodyBuffer> _kept = [];
    private int _leastIdle;
    private bool _isTrimDue;
    private long _small;

    /// <param name="capacity">Returns the budget in bytes. Called for every body, and under a lock for reservations.</param>
    /// <param name="maxWaiting">Returns the maximum number of waiting bodies. Called under a lock whenever a body has to wait.</param>
    /// <param name="time">The clock.</param>
    internal RequestBodyMemory(Func<long> capacity, Func<int> maxWaiting, TimeProvider time)
    {
        _capacity = capacity;
        _budget = new BodyBudget(() => capacity() - Volatile.Read(ref _small), maxWaiting);
        Time = time;
        _trim = time.CreateTimer(
            static memory => ((RequestBodyMemory)memory!).Trim(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>
    /// The sum of all reservations in bytes. It exceeds the budget while a body larger than the budget is admitted alone.
    /// </summary>
    public long HeldBytes => _budget.HeldBytes;

    /// <summary>The number of bodies that wait unread for a reservation.</summary>
    public int WaitingBodies => _budget.WaitingBodies;

    internal TimeProvider Time { get; }

    internal int KeptBodies
    {
        get
        {
            lock (_gate)
            {
                return _kept.Count;
            }
        }
    }

    internal int IdleBlocks
    {
        get
        {
            lock (_gate)
            {
                return _idle.Count;
            }
        }
    }

    /// <summary>
    /// Makes a reservation as soon as it is the body's turn and it fits into the budget. Kept bodies make room for it.
    /// </summary>
    /// <param name="owner">The owner of the body; compared by <see cref="object.Equals(object)"/>.</param>
    /// <param name="bytes">The size in bytes; the caller passes all of it to <see cref="Release"/> in the end.</param>
    /// <param name="cancellationToken">Cancels the wait; nothing is reserved then.</param>
    /// <returns>The reservation; <see langword="null"/> if too many bodies wait.</returns>
    /// <exception cref="OperationCanceledException">The wait was cancelled.</exception>
    internal ValueTask<BodyReservation?> ReserveAsync(object owner, long bytes, CancellationToken cancellationToken)
    {
        while (!_budget.HasRoom(owner, bytes) && TryReleaseKept())
        {
        }

        return _budget.ReserveAsync(owner, bytes, cancellationToken);
    }

    /// <summary>
    /// Makes a reservation for bytes that the host can do without, if there is room at once. No body is released for it, and none waits
    /// longer for its turn.
    /// </summary>
    /// <param name="owner">The owner of the bytes; compared by <see cref="object.Equals(object)"/>.</param>
    /// <param name="bytes">The size in bytes; the caller passes all of it to <see cref="Release"/> in the end.</param>
    /// <returns>The reservation; <see langword="null"/> without room.</returns>
    internal BodyReservation? TryReserve(object owner, long bytes) => _budget.TryReserve(owner, bytes);

    /// <summary>
    /// Whether a body that arrives now with its Content-Length would be rejected, since too many bodies wait. Makes its reservation in a copy of
    /// the budget, and changes nothing.
    /// </summary>
    /// <param name="owner">The owner of the body.</param>
    /// <param name="length">The length of the body.</param>
    internal bool WouldReject(object owner, int length)
    {
        if (length <= SmallBodySize && HoldsSmall(Volatile.Read(ref _small) + BodyBuffer.SmallMemoryFor(length)))
        {
            return false;
        }

        BodyBudget copy;
        Queue<BodyReservation> kept;
        lock (_gate)
        {
            // A kept body has its reservation as long as this lock is held.
            copy = _budget.Copy();
            kept = new Queue<BodyReservation>(_kept.Select(static body => body.Reservation!));
        }

        var size = BodyBuffer.MemoryFor(length);
        while (!copy.HasRoom(owner, size) && kept.TryDequeue(out var oldest))
        {
            copy.ReleaseCopied(oldest);
        }

        return copy.ReserveAsync(owner, size, CancellationToken.None).AsTask() is { IsCompletedSuccessfully: true, Result: null };
    }

    /// <summary>Keeps a body that was sent, until its owner releases it or another body needs the memory.</summary>
    internal void Keep(BodyBuffer body)
    {
        lock (_gate)
        {
            if (body.IsReleased)
            {
                return;
            }

            body.Kept ??= new LinkedListNode<BodyBuffer>(body);
            if (body.Kept.List is null)
            {
                _kept.AddLast(body.Kept);
            }
        }

        while (_budget.WaitingBodies > 0 && TryReleaseKept())
        {
        }
    }

    /// <summary>Ends the keeping of a body whose owner sends it again.</summary>
    /// <returns>Whether the body was not released meanwhile.</returns>
    internal bool TryTakeBack(BodyBuffer body)
    {
        lock (_gate)
        {
            Remove(body);
            return !body.IsReleased;
        }
    }

    /// <summary>Ends the keeping of a body whose owner releases it.</summary>
    /// <returns>Whether the body was not released before.</returns>
    internal bool TryForget(BodyBuffer body)
    {
        lock (_gate)
        {
            Remove(body);
            return body.TrySetReleased();
        }
    }

    /// <summary>Counts a small body without a reservation, and without a lock.</summary>
    /// <returns>Whether it is counted; if not, small bodies hold a quarter of the budget, and the body needs a reservation.</returns>
    internal bool TryHoldSmall(int bytes)
    {
        if (HoldsSmall(Interlocked.Add(ref _small, bytes)))
        {
            return true;
        }

        ReleaseSmall(bytes);
        return false;
    }

    /// <summary>
    /// Releases the bytes that <see cref="TryHoldSmall"/> has counted. The next release of a reservation admits waiting bodies.
    /// </summary>
    internal void ReleaseSmall(int bytes) => Interlocked.Add(ref _small, -bytes);

    /// <summary>Releases a reservation or a part of it.</summary>
    internal void Release(BodyReservation reservation, long bytes) => _budget.Release(reservation, bytes);

    /// <summary>A block of <see cref="BlockSize"/> bytes, for a body with a reservation.</summary>
    internal byte[] RentBlock()
    {
        lock (_gate)
        {
            if (_idle.TryPop(out var block))
            {
                _leastIdle = Math.Min(_leastIdle, _idle.Count);
                return block;
            }
        }

        return GC.AllocateUninitializedArray<byte>(BlockSize);
    }

    /// <summary>Keeps a block for the next body, up to the size of the budget.</summary>
    internal void ReturnBlock(byte[] block)
    {
        lock (_gate)
        {
            if ((_idle.Count + 1L) * BlockSize > _capacity())
            {
                return;
            }

            _idle.Push(block);
            if (!_isTrimDue)
            {
                _isTrimDue = true;
                _leastIdle = 0;
                _trim.Change(IdleTime, Timeout.InfiniteTimeSpan);
            }
        }
    }

    /// <inheritdoc />
    public void Dispose() => _trim.Dispose();

    /// <summary>Releases the oldest kept body.</summary>
    private bool TryReleaseKept()
    {
        BodyBuffer body;
        lock (_gate)
        {
            if (_kept.First is not { Value: var oldest })
            {
                return false;
            }

            body = oldest;
            Remove(body);
            _ = body.TrySetReleased();
        }

        body.EndReading();
        return true;
    }

    private bool HoldsSmall(long bytes) => bytes <= _capacity() / SmallBodiesShare;

    private static void Remove(BodyBuffer body)
    {
        if (body.Kept is { List: { } list } kept)
        {
            list.Remove(kept);
        }
    }

    private void Trim()
    {
        int dropped;
        lock (_gate)
        {
            dropped = _leastIdle;
            for (var i = 0; i < dropped; i++)
            {
                _idle.Pop();
            }

            _leastIdle = _idle.Count;
            _isTrimDue = _idle.Count > 0;
            if (_isTrimDue)
            {
                _trim.Change(IdleTime, Timeout.InfiniteTimeSpan);
            }
        }

        // An idle host collects garbage so rarely that the memory of a burst would stay resident for hours.
        if (dropped >= WorthCollecting)
        {
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
        }
    }
}
