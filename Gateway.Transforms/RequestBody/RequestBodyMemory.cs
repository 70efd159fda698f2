namespace OpenRouterGateway.Transforms.RequestBody;

/// <summary>
/// What request bodies hold in memory at a time, all together. A body takes its place whole and before it is read, first come first
/// served: whoever holds a place can be read to its end without asking for more, so that nobody waits for somebody who waits. Bodies up to
/// <see cref="FreeSize"/> are not counted and never wait.
/// </summary>
public sealed class RequestBodyMemory : IDisposable
{
    /// <summary>How large a body may be, in bytes, that takes no place: 65,536.</summary>
    internal const int FreeSize = 64 * 1024;

    internal const int BlockSize = 1024 * 1024;

    /// <summary>What no body wanted for so long is given back.</summary>
    internal static readonly TimeSpan IdleTime = TimeSpan.FromSeconds(30);

    /// <summary>From so many blocks on it is worth a collection to give them back to the system.</summary>
    private const int WorthCollecting = 32;

    private readonly Func<long> _capacity;
    private readonly ITimer _trim;
    private readonly Lock _gate = new();
    private readonly LinkedList<Waiter> _waiters = [];

    // Blocks are kept for the next body: the shared pool keeps few arrays of this size, and the rest would pile up as garbage to several
    // times what is in use before the collector looks at it.
    private readonly Stack<byte[]> _idle = [];
    private int _leastIdle;
    private bool _isTrimDue;
    private long _held;

    /// <param name="capacity">How many bytes may be held. Asked whenever a body comes or goes.</param>
    /// <param name="time">The clock.</param>
    internal RequestBodyMemory(Func<long> capacity, TimeProvider time)
    {
        _capacity = capacity;
        Time = time;
        _trim = time.CreateTimer(
            static memory => ((RequestBodyMemory)memory!).Trim(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Bytes of the places that are taken. A body larger than the whole is served alone, and shows here as what it is.</summary>
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

    /// <summary>Bodies that wait for a place, unread.</summary>
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

    /// <summary>Takes a place, once all who asked before have theirs and it fits beside what is held.</summary>
    /// <param name="bytes">How large; to be given to <see cref="Release"/> in the end.</param>
    /// <param name="cancellationToken">Gives up the wait. Nothing is held then.</param>
    /// <exception cref="OperationCanceledException">The wait was given up.</exception>
    internal Task TakeAsync(long bytes, CancellationToken cancellationToken)
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

            // The capacity may have grown since the last one came or went.
            Admit();
        }

        return waiter.WaitAsync(cancellationToken);
    }

    /// <summary>Gives a place back, or a part of it.</summary>
    internal void Release(long bytes)
    {
        lock (_gate)
        {
            _held -= bytes;
            Admit();
        }
    }

    /// <summary>A block of <see cref="BlockSize"/> bytes, for a body with a place.</summary>
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

    /// <summary>Takes a block back; what is kept is no more than the bodies may hold.</summary>
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

    // What is larger than the whole has its turn when nothing else is held.
    private bool Fits(long bytes) => _held == 0 || bytes <= _capacity() - _held;

    /// <summary>Lets in who is next, and the next; nobody passes one who does not fit yet.</summary>
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
            // Who was let in meanwhile holds a place, and finds out by itself that it is not wanted any more.
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

        // A host that has little to do collects so rarely that a burst of the morning would still be resident in the evening.
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
