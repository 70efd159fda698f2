namespace OpenRouterGateway.Transforms.RequestBody;

/// <summary>
/// The memory budget of all request bodies. A body reserves its full size before the first read, in order of arrival, so a reader never
/// needs to reserve more and readers cannot deadlock. Bodies of up to 65,536 bytes are not counted and never wait.
/// </summary>
public sealed class RequestBodyMemory : IDisposable
{
    /// <summary>The maximum size, in bytes, of a body that needs no reservation.</summary>
    internal const int SmallBodySize = 64 * 1024;

    internal const int BlockSize = 1024 * 1024;

    /// <summary>The time after which unused blocks are released.</summary>
    internal static readonly TimeSpan IdleTime = TimeSpan.FromSeconds(30);

    /// <summary>The minimum number of released blocks for which a garbage collection is worth its cost.</summary>
    private const int WorthCollecting = 32;

    private readonly Func<long> _capacity;
    private readonly ITimer _trim;
    private readonly Lock _gate = new();
    private readonly LinkedList<Waiter> _waiters = [];

    // Blocks are kept for the next body: the shared pool keeps few arrays of this size, and garbage would grow to several times the used
    // memory before it is collected.
    private readonly Stack<byte[]> _idle = [];
    private int _leastIdle;
    private bool _isTrimDue;
    private long _held;

    /// <param name="capacity">Returns the budget in bytes. Called under the lock whenever a reservation is made or released.</param>
    /// <param name="time">The clock.</param>
    internal RequestBodyMemory(Func<long> capacity, TimeProvider time)
    {
        _capacity = capacity;
        Time = time;
        _trim = time.CreateTimer(
            static memory => ((RequestBodyMemory)memory!).Trim(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>
    /// The sum of all reservations in bytes. It exceeds the budget while a body larger than the budget is admitted alone.
    /// </summary>
    public long HeldBytes
    {
        get
        {
            lock (_gate)
            {
                return _held;
            }
        }
    }

    /// <summary>The number of bodies that wait unread for a reservation.</summary>
    public int WaitingBodies
    {
        get
        {
            lock (_gate)
            {
                return _waiters.Count;
            }
        }
    }

    internal TimeProvider Time { get; }

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

    /// <summary>Makes a reservation, after all earlier ones and as soon as it fits into the budget.</summary>
    /// <param name="bytes">The size in bytes; the caller passes it to <see cref="Release"/> at the end.</param>
    /// <param name="cancellationToken">Cancels the wait; nothing is reserved then.</param>
    /// <exception cref="OperationCanceledException">The wait was cancelled.</exception>
    internal Task ReserveAsync(long bytes, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Waiter waiter;
        lock (_gate)
        {
            if (_waiters.Count == 0 && Fits(bytes))
            {
                _held += bytes;
                return Task.CompletedTask;
            }

            waiter = new Waiter(this, bytes);
            _waiters.AddLast(waiter.Node);

            // The budget may have grown since the last call.
            Admit();
        }

        return waiter.WaitAsync(cancellationToken);
    }

    /// <summary>Releases a reservation or a part of it.</summary>
    internal void Release(long bytes)
    {
        lock (_gate)
        {
            _held -= bytes;
            Admit();
        }
    }

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

    // A body larger than the budget is admitted if nothing else is reserved.
    private bool Fits(long bytes) => _held == 0 || bytes <= _capacity() - _held;

    /// <summary>Admits waiting bodies in order of arrival, up to the first that does not fit.</summary>
    private void Admit()
    {
        while (_waiters.First is { Value: var next } && Fits(next.Bytes))
        {
            _waiters.RemoveFirst();
            _held += next.Bytes;
            next.SetAdmitted();
        }
    }

    private void Leave(Waiter waiter, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            // A waiter that was admitted in the meantime has its reservation; its next read is cancelled and releases it.
            if (waiter.Node.List is null)
            {
                return;
            }

            _waiters.Remove(waiter.Node);
            Admit();
        }

        waiter.SetLeft(cancellationToken);
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

    private sealed class Waiter
    {
        private readonly RequestBodyMemory _memory;
        private readonly TaskCompletionSource _admitted = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Waiter(RequestBodyMemory memory, long bytes)
        {
            _memory = memory;
            Bytes = bytes;
            Node = new LinkedListNode<Waiter>(this);
        }

        public long Bytes { get; }

        public LinkedListNode<Waiter> Node { get; }

        public void SetAdmitted() => _admitted.SetResult();

        public void SetLeft(CancellationToken cancellationToken) => _admitted.SetCanceled(cancellationToken);

        public async Task WaitAsync(CancellationToken cancellationToken)
        {
            using var leaving = cancellationToken.UnsafeRegister(
                static (waiter, cancellationToken) => ((Waiter)waiter!)._memory.Leave((Waiter)waiter, cancellationToken), this);
            await _admitted.Task;
        }
    }
}
