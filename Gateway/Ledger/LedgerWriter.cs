using System.Threading.Tasks.Sources;
using Gateway.Primitives;

namespace Gateway.Ledger;

/// <summary>
/// Writes the entries of all requests. The store is opened by the first entry, so without teams there is no ledger.
/// </summary>
/// <remarks>
/// <para>
/// A store that takes entries at once (<see cref="ILedgerStore.IsPrompt"/>) gets them from the caller, on its thread, under a lock: an append to
/// a file takes less time than moving the call to another thread. Posted entries go with the next awaited one, or alone after
/// <see cref="LingerTime"/>.
/// </para>
/// <para>
/// Other stores have group commit. If no transaction is in progress, the caller of an awaited write commits it itself, with all queued
/// entries. Otherwise, and on threads that poll sockets, the entry is queued and the next batch commits it: a commit costs as much as ten
/// entries.
/// There is no dedicated writer thread: handing two entries per request to another thread and waiting for it took more processor time than
/// writing them (docs/decisions/0002-who-commits.md). Posted entries, which have no waiter, are committed with the next batch that has one,
/// or alone after <see cref="LingerTime"/>. If a batch fails, its waiters receive the exception; posted entries keep their order and are
/// retried.
/// </para>
/// </remarks>
internal sealed partial class LedgerWriter : ILedger, IHostedService, IAsyncDisposable
{
    private const int MaxBatch = 512;

    // About 100 MB of memory at worst.
    private const int MaxKept = 100_000;

    // More than ever wait at once, so waiters are reused instead of allocated.
    private const int MaxSpareWaiters = 4096;

    private static readonly TimeSpan LingerTime = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan FirstRetry = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LastRetry = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan DrainTime = TimeSpan.FromSeconds(10);

    private readonly ILedgerStore _store;
    private readonly TimeProvider _time;
    private readonly ILogger<LedgerWriter> _logger;
    private readonly ITimer _retry;
    private readonly ITimer _linger;
    private readonly SemaphoreSlim _opening = new(1, 1);
    private readonly Round _round;

    // The transaction in progress. Only the thread that holds _isWriting uses them.
    private readonly List<Item> _batch = new(MaxBatch);
    private readonly List<LedgerEntry> _entries = new(MaxBatch);

    // Guards the fields below.
    private readonly Lock _gate = new();
    private readonly Stack<Waiter> _spare = new();
    private Queue<Item> _queue = new();
    private int _awaited;
    private bool _isWriting;
    private bool _isLingering;
    private bool _isEnding;
    private bool _isEnded;
    private bool _isDropping;
    private TimeSpan _retryAfter = FirstRetry;

    // While set, awaited writes fail at once, and posted entries wait for the retry timer.
    private LedgerException? _refusal;

    private volatile bool _isOpen;
    private volatile bool _isFailing;
    private long _failingSince;
    private long _commits;
    private long _failures;
    private long _dropped;

    public LedgerWriter(ILedgerStore store, TimeProvider time, ILogger<LedgerWriter> logger)
    {
        _store = store;
        _time = time;
        _logger = logger;
        _round = new Round(this);
        _retry = time.CreateTimer(static writer => ((LedgerWriter)writer!).Retry(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _linger = time.CreateTimer(static writer => ((LedgerWriter)writer!).Flush(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Whether the last transaction succeeded, or there was none.</summary>
    public bool IsHealthy => !_isFailing;

    /// <summary>Whether the store is open. It is opened by the first entry or <see cref="EnsureOpenAsync"/>.</summary>
    public bool IsOpen => _isOpen;

    /// <summary>The number of committed transactions.</summary>
    public long Commits => Volatile.Read(ref _commits);

    /// <summary>The number of failed transactions.</summary>
    public long Failures => Volatile.Read(ref _failures);

    /// <summary>The number of lost posted entries: the store failed for too long.</summary>
    public long Dropped => Volatile.Read(ref _dropped);

    /// <summary>The time for which the store has been failing; zero if it works.</summary>
    public TimeSpan FailingFor => _isFailing ? _time.GetElapsedTime(Volatile.Read(ref _failingSince)) : TimeSpan.Zero;

    private bool IsPrompt => _store.IsPrompt && _isOpen;

    /// <summary>The number of queued entries.</summary>
    public int QueueLength
    {
        get
        {
            lock (_gate)
            {
                return _queue.Count;
            }
        }
    }

    /// <summary>
    /// Opens the store if it is not open yet. Called at the start, so that a fault in its settings is reported then and not by the first
    /// request.
    /// </summary>
    /// <exception cref="LedgerException">The store could not be opened; the next call tries again.</exception>
    public async Task EnsureOpenAsync(CancellationToken cancellationToken)
    {
        if (_isOpen)
        {
            return;
        }

        await _opening.WaitAsync(cancellationToken);
        try
        {
            if (!_isOpen)
            {
                await _store.OpenAsync(cancellationToken);
                _isOpen = true;
            }
        }
        finally
        {
            _opening.Release();
        }
    }

    public ValueTask WriteAsync(LedgerEntry entry) => EnqueueAwaited(entry);

    public void Post(LedgerEntry entry)
    {
        bool isFirstDropped;
        lock (_gate)
        {
            if (_isEnding)
            {
                isFirstDropped = CountDropped(1);
            }
            else
            {
                _queue.Enqueue(new Item(entry, null));
                isFirstDropped = DropOldest();
                Linger();
            }
        }

        if (isFirstDropped)
        {
            Log.LedgerEntriesDropped(_logger, MaxKept);
        }
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Waits until all entries queued so far are written, for ten seconds at most. Later entries are still accepted.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        var startedAt = _time.GetTimestamp();
        while (_time.GetElapsedTime(startedAt) < DrainTime && !cancellationToken.IsCancellationRequested)
        {
            lock (_gate)
            {
                if (_isEnding || (_queue.Count == 0 && !_isWriting))
                {
                    return;
                }
            }

            try
            {
                await EnqueueAwaited(null).AsTask().WaitAsync(DrainTime, _time, cancellationToken);
                return;
            }
            catch (LedgerException)
            {
                // Writes fail at once while the store is failing. There is time for another attempt.
                await Task.Delay(FirstRetry, _time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            catch (Exception exception) when (exception is TimeoutException or OperationCanceledException)
            {
                return;
            }
        }
    }

    /// <summary>Writes the remaining entries, in one attempt, and closes the store.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!await TakeOverAsync())
        {
            return;
        }

        // One attempt. No other thread writes any more.
        while (TakeBatch() && await TryWriteAsync() is null)
        {
            foreach (var waiter in Waiters())
            {
                waiter.SetDone(asynchronously: true);
            }

            _batch.Clear();
        }

        if (QueueLength + _batch.Count is > 0 and var lost)
        {
            Log.LedgerEntriesLost(_logger, lost);
        }

        await _retry.DisposeAsync();
        await _linger.DisposeAsync();
        await _store.DisposeAsync();
    }

    /// <summary>Stops accepting entries, and waits for the transaction in progress, which the store's timeouts end.</summary>
    /// <returns>Whether this is the first call.</returns>
    private async Task<bool> TakeOverAsync()
    {
        while (true)
        {
            lock (_gate)
            {
                if (_isEnded)
                {
                    return false;
                }

                _isEnding = true;
                if (!_isWriting)
                {
                    _isEnded = true;
                    _isWriting = true;
                    return true;
                }
            }

            await Task.Delay(LingerTime);
        }
    }

    // Without an entry it queues a marker, which completes when all entries before it are written.
    private ValueTask EnqueueAwaited(LedgerEntry? entry)
    {
        lock (_gate)
        {
            if (_isEnding)
            {
                return ValueTask.FromException(new LedgerException("The ledger is closed: the gateway is stopping"));
            }

            if (_refusal is { } refusal)
            {
                return ValueTask.FromException(new LedgerException(refusal.Message, refusal));
            }

            // A slow store or a long queue must not block a thread that polls sockets.
            if (_isWriting || _queue.Count >= MaxBatch || (!IsPrompt && !Thread.CurrentThread.IsThreadPoolThread))
            {
                return EnqueueWaiter(entry);
            }

            _isWriting = true;
            TakeBatch();
            _batch.Add(new Item(entry, null, IsOwn: true));
            if (IsPrompt)
            {
                // Under the lock: others wait for an append, and are not queued behind it.
                return WriteOwnAsync();
            }
        }

        return WriteOwnAsync();
    }

    private ValueTask EnqueueWaiter(LedgerEntry? entry)
    {
        if (!_spare.TryPop(out var waiter))
        {
            waiter = new Waiter(this);
        }

        _queue.Enqueue(new Item(entry, waiter));
        _awaited++;
        if (!_isWriting)
        {
            _isWriting = true;
            ThreadPool.UnsafeQueueUserWorkItem(_round, preferLocal: false);
        }

        return new ValueTask(waiter, waiter.Version);
    }

    /// <summary>Writes the batch that contains the caller's entry. The next batch is left to the thread pool.</summary>
    private ValueTask WriteOwnAsync()
    {
        var writing = TryWriteAsync();
        if (!writing.IsCompletedSuccessfully)
        {
            return AwaitOwnAsync(writing);
        }

        if (writing.Result is { } failure)
        {
            Fail(failure);
            return ValueTask.FromException(new LedgerException(failure.Message, failure));
        }

        StartNextBatch();
        return default;
    }

    private async ValueTask AwaitOwnAsync(ValueTask<LedgerException?> writing)
    {
        if (await writing is { } failure)
        {
            Fail(failure);
            throw new LedgerException(failure.Message, failure);
        }

        StartNextBatch();
    }

    /// <summary>Writes the queued entries as the next batch, on a thread of the pool.</summary>
    private async Task WriteRoundAsync()
    {
        TakeBatch();
        if (await TryWriteAsync() is { } failure)
        {
            Fail(failure);
            return;
        }

        // The next batch is started first: it is written while the waiters of this batch continue.
        Waiter[] completed = [.. Waiters()];
        StartNextBatch();
        for (var i = 0; i < completed.Length; i++)
        {
            // This thread has no other work, so the last waiter continues on it.
            completed[i].SetDone(asynchronously: i < completed.Length - 1);
        }
    }

    /// <summary>Starts the next batch if there are waiters or the last batch was full; otherwise the writer becomes idle.</summary>
    private void StartNextBatch()
    {
        var wasFull = _batch.Count >= MaxBatch;
        _batch.Clear();
        lock (_gate)
        {
            if (_awaited > 0 || (wasFull && _queue.Count > 0))
            {
                ThreadPool.UnsafeQueueUserWorkItem(_round, preferLocal: false);
                return;
            }

            _isWriting = false;
            if (_queue.Count > 0)
            {
                Linger();
            }
        }
    }

    // The caller holds _gate.
    private void Linger()
    {
        if (!_isWriting && !_isLingering && _refusal is null)
        {
            _isLingering = true;
            _linger.Change(LingerTime, Timeout.InfiniteTimeSpan);
        }
    }

    private void Flush()
    {
        lock (_gate)
        {
            _isLingering = false;
            if (_isWriting || _isEnding || _refusal is not null || _queue.Count == 0)
            {
                return;
            }

            _isWriting = true;
            if (IsPrompt && _queue.Count < MaxBatch)
            {
                _ = WriteRoundAsync();
                return;
            }
        }

        ThreadPool.UnsafeQueueUserWorkItem(_round, preferLocal: false);
    }

    private void Retry()
    {
        lock (_gate)
        {
            _refusal = null;
        }

        Flush();
    }

    private bool TakeBatch()
    {
        lock (_gate)
        {
            while (_batch.Count < MaxBatch && _queue.TryDequeue(out var item))
            {
                _batch.Add(item);
                _awaited -= item.Waiter is null ? 0 : 1;
            }

            return _batch.Count > 0;
        }
    }

    /// <summary>Writes the batch as one transaction. With SQLite it completes synchronously.</summary>
    private async ValueTask<LedgerException?> TryWriteAsync()
    {
        _entries.Clear();
        foreach (var item in _batch)
        {
            if (item.Entry is { } entry)
            {
                _entries.Add(entry);
            }
        }

        try
        {
            if (_entries.Count > 0)
            {
                if (!_isOpen)
                {
                    await EnsureOpenAsync(CancellationToken.None);
                }

                await _store.ApplyAsync(_entries, CancellationToken.None);
                _commits++;
            }
        }
        catch (Exception exception)
        {
            // Any exception must reach the waiters.
            return exception as LedgerException ?? new LedgerException($"The ledger failed: {exception.Message}", exception);
        }

        if (_isFailing)
        {
            _isFailing = false;
            lock (_gate)
            {
                _retryAfter = FirstRetry;
                _isDropping = false;
            }

            Log.LedgerRecovered(_logger, _time.GetElapsedTime(_failingSince), QueueLength, _dropped);
        }

        return null;
    }

    private IEnumerable<Waiter> Waiters()
    {
        foreach (var item in _batch)
        {
            if (item.Waiter is { } waiter)
            {
                yield return waiter;
            }
        }
    }

    /// <summary>
    /// Handles a failed batch: waiters receive the exception, posted entries are kept, and no transaction starts before the retry timer
    /// fires.
    /// </summary>
    private void Fail(LedgerException failure)
    {
        var waiters = new List<Waiter>();
        bool isFirstDropped;
        lock (_gate)
        {
            // Posted entries return to the front of the queue, in their order. All waiters fail, including those queued during the
            // transaction.
            var queue = new Queue<Item>(_batch.Count + _queue.Count);
            foreach (var item in _batch.Concat(_queue))
            {
                if (item.Waiter is { } waiter)
                {
                    waiters.Add(waiter);
                }
                else if (!item.IsOwn)
                {
                    queue.Enqueue(item);
                }
            }

            _batch.Clear();
            _queue = queue;
            _awaited = 0;
            isFirstDropped = DropOldest();
            _refusal = failure;
            _retry.Change(_retryAfter, Timeout.InfiniteTimeSpan);
            _retryAfter = TimeSpan.FromTicks(Math.Min(_retryAfter.Ticks * 2, LastRetry.Ticks));
            _isWriting = false;
        }

        _failures++;
        if (!_isFailing)
        {
            _failingSince = _time.GetTimestamp();
            _isFailing = true;
            Log.LedgerFailed(_logger, failure.Message, failure.InnerException);
        }

        if (isFirstDropped)
        {
            Log.LedgerEntriesDropped(_logger, MaxKept);
        }

        foreach (var waiter in waiters)
        {
            waiter.SetFailed(new LedgerException(failure.Message, failure));
        }
    }

    private bool DropOldest()
    {
        var isFirst = false;
        while (_queue.Count - _awaited > MaxKept && _queue.TryPeek(out var oldest) && oldest.Waiter is null)
        {
            _queue.Dequeue();
            isFirst |= CountDropped(1);
        }

        return isFirst;
    }

    private bool CountDropped(int count)
    {
        _dropped += count;
        var isFirst = !_isDropping;
        _isDropping = true;
        return isFirst;
    }

    private void Return(Waiter waiter)
    {
        lock (_gate)
        {
            if (_spare.Count < MaxSpareWaiters)
            {
                _spare.Push(waiter);
            }
        }
    }

    /// <param name="Entry">The entry to write; <see langword="null"/> for a marker.</param>
    /// <param name="Waiter">The waiter; <see langword="null"/> for a posted entry.</param>
    /// <param name="IsOwn">Whether the writing thread itself is the caller.</param>
    private readonly record struct Item(LedgerEntry? Entry, Waiter? Waiter, bool IsOwn = false);

    /// <summary>Writes the next batch, as a work item of the pool.</summary>
    private sealed class Round(LedgerWriter owner) : IThreadPoolWorkItem
    {
        public void Execute() => _ = owner.WriteRoundAsync();
    }

    /// <summary>The pending result of a queued write. It is reused once its result was taken.</summary>
    private sealed class Waiter(LedgerWriter owner) : IValueTaskSource
    {
        private ManualResetValueTaskSourceCore<bool> _core = new() { RunContinuationsAsynchronously = true };

        public short Version => _core.Version;

        /// <param name="asynchronously">Whether the continuation runs on another thread of the pool.</param>
        public void SetDone(bool asynchronously)
        {
            _core.RunContinuationsAsynchronously = asynchronously;
            _core.SetResult(true);
        }

        public void SetFailed(LedgerException failure)
        {
            _core.RunContinuationsAsynchronously = true;
            _core.SetException(failure);
        }

        public void GetResult(short token)
        {
            try
            {
                _core.GetResult(token);
            }
            finally
            {
                _core.Reset();
                owner.Return(this);
            }
        }

        public ValueTaskSourceStatus GetStatus(short token) => _core.GetStatus(token);

        public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
            _core.OnCompleted(continuation, state, token, flags);
    }

    private static partial class Log
    {
        [LoggerMessage(LogEvents.LedgerFailed, LogLevel.Error, "The ledger cannot be written: {Reason}")]
        public static partial void LedgerFailed(ILogger logger, string reason, Exception? exception);

        [LoggerMessage(
            LogEvents.LedgerRecovered,
            LogLevel.Information,
            "The ledger works again after {Duration}; {Queued} entries are queued, {Dropped} were lost since the start")]
        public static partial void LedgerRecovered(ILogger logger, TimeSpan duration, int queued, long dropped);

        [LoggerMessage(
            LogEvents.LedgerEntriesDropped,
            LogLevel.Error,
            "More than {Max} entries are queued for the ledger; the oldest are lost, and their generations stay open until the process ends")]
        public static partial void LedgerEntriesDropped(ILogger logger, int max);

        [LoggerMessage(LogEvents.LedgerEntriesLost, LogLevel.Error, "The ledger is closed; {Count} entries could not be written")]
        public static partial void LedgerEntriesLost(ILogger logger, int count);
    }
}
