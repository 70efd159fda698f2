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
/// entries. There is no dedicated writer thread: handing two entries per request to another thread and waiting for it took more processor time than
/// writing them (docs/decisions/0002-who-commits.md). Posted entries, which have no waiter, are committed with the next batch that has one,
/// or alone after <see cref="LingerTime"/>. If a batch fails, its waiters receive the exception; posted entries keep their order and are
/// retried.
/// </para>
/// </remarks>
internal sealed partial class LedgerWriter : ILedger, IHostedService, IAsyncDisposable
{
    private const int MaxBatch = 512;

    private static readonly TimeSpan LingerTime = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan FirstRetry = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LastRetry = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan DrainTime = TimeSpan.FromSeconds(10);

    private readonly LedgerCommitter _committer;
    private readonly TimeProvider _time;
    private readonly ILogger<LedgerWriter> _logger;
    private readonly ITimer _retry;
    private readonly ITimer _linger;
    private readonly Round _round;
    private readonly LedgerOutage _outage;

    // The transaction in progress. Only the thread that holds _isWriting uses it.
    private readonly List<LedgerQueue.Item> _batch = new(MaxBatch);

    // Guards the fields below.
    private readonly Lock _gate = new();
    private readonly LedgerQueue _queue = new();
    private bool _isWriting;
    private bool _isLingering;
    private bool _isEnding;
    private bool _isEnded;
    private TimeSpan _retryAfter = FirstRetry;

    // While set, awaited writes fail at once, and posted entries wait for the retry timer.
    private LedgerException? _refusal;

    public LedgerWriter(ILedgerStore store, TimeProvider time, ILogger<LedgerWriter> logger)
    {
        _committer = new LedgerCommitter(store);
        _time = time;
        _logger = logger;
        _round = new Round(this);
        _outage = new LedgerOutage(time, logger);
        _retry = time.CreateTimer(static writer => ((LedgerWriter)writer!).Retry(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _linger = time.CreateTimer(static writer => ((LedgerWriter)writer!).Flush(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Whether the last transaction succeeded, or there was none.</summary>
    public bool IsHealthy => !_outage.IsFailing;

    /// <summary>Whether the last attempt to open the store or to write to it failed: rows are refused until an attempt succeeds.</summary>
    public bool IsFailing => _outage.IsFailing || _committer.HasFailedToOpen;

    /// <summary>Whether the store is open. It is opened by the first entry or <see cref="EnsureOpenAsync"/>.</summary>
    public bool IsOpen => _committer.IsOpen;

    /// <summary>The number of committed transactions.</summary>
    public long Commits => _committer.Commits;

    /// <summary>The number of failed transactions.</summary>
    public long Failures => _outage.Failures;

    /// <summary>The number of lost posted entries: the store failed for too long.</summary>
    public long Dropped
    {
        get
        {
            lock (_gate)
            {
                return _queue.Dropped;
            }
        }
    }

    /// <summary>The time for which the store has been failing; zero if it works.</summary>
    public TimeSpan FailingFor => _outage.FailingFor;

    /// <inheritdoc cref="ILedgerStore.JournalSize" />
    public long JournalSize => _committer.JournalSize;

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
    public Task EnsureOpenAsync(CancellationToken cancellationToken) => _committer.EnsureOpenAsync(cancellationToken);

    public ValueTask WriteAsync(LedgerEntry entry) => EnqueueAwaited(entry);

    /// <summary>Waits until the entries that have been posted are written, so that a reader finds them. Returns at once while the ledger fails.</summary>
    public async ValueTask FlushAsync()
    {
        try
        {
            await EnqueueAwaited(entry: null);
        }
        catch (LedgerException)
        {
            // They are written later; the reader gets the rows written so far.
        }
    }

    public void Post(LedgerEntry entry)
    {
        bool isFirstDropped;
        lock (_gate)
        {
            if (_isEnding)
            {
                isFirstDropped = _queue.Drop();
            }
            else
            {
                isFirstDropped = _queue.Post(entry);
                Linger();
            }
        }

        if (isFirstDropped)
        {
            Log.LedgerEntriesDropped(_logger, LedgerQueue.MaxKept);
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
        await _committer.DisposeAsync();
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
                return ValueTask.FromException(new LedgerException("The ledger is closed: the gateway is stopping") { IsUntried = true });
            }

            if (_refusal is { } refusal)
            {
                return ValueTask.FromException(new LedgerException(refusal.Message, refusal) { IsUntried = true });
            }

            // A slow store or a long queue must not block a thread that polls sockets.
            if (_isWriting || _queue.Count >= MaxBatch || (!_committer.IsPrompt && !Thread.CurrentThread.IsThreadPoolThread))
            {
                return EnqueueWaiter(entry);
            }

            _isWriting = true;
            TakeBatch();
            _batch.Add(new LedgerQueue.Item(entry, null, IsOwn: true));
            if (_committer.IsPrompt)
            {
                // Under the lock: others wait for an append, and are not queued behind it.
                return WriteOwnAsync();
            }
        }

        return WriteOwnAsync();
    }

    private ValueTask EnqueueWaiter(LedgerEntry? entry)
    {
        var waiter = _queue.Enqueue(entry);
        if (!_isWriting)
        {
            _isWriting = true;
            ThreadPool.UnsafeQueueUserWorkItem(_round, preferLocal: false);
        }

        return waiter.Result;
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
        LedgerWaiter[] completed = [.. Waiters()];
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
            if (_queue.Awaited > 0 || (wasFull && _queue.Count > 0))
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
            if (_committer.IsPrompt && _queue.Count < MaxBatch)
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
            _queue.MoveTo(_batch, MaxBatch);
            return _batch.Count > 0;
        }
    }

    private async ValueTask<LedgerException?> TryWriteAsync()
    {
        if (await _committer.TryWriteAsync(_batch) is { } failure)
        {
            return failure;
        }

        if (_outage.IsFailing)
        {
            int queued;
            long dropped;
            lock (_gate)
            {
                _retryAfter = FirstRetry;
                _queue.Recover();
                (queued, dropped) = (_queue.Count, _queue.Dropped);
            }

            _outage.End(queued, dropped);
        }

        return null;
    }

    private IEnumerable<LedgerWaiter> Waiters()
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
        IReadOnlyList<LedgerWaiter> waiters;
        int tried;
        bool isFirstDropped;
        lock (_gate)
        {
            tried = _batch.Count(static item => item.Waiter is not null);
            isFirstDropped = _queue.TakeBack(_batch, out waiters);
            _refusal = failure;
            _retry.Change(_retryAfter, Timeout.InfiniteTimeSpan);
            _retryAfter = TimeSpan.FromTicks(Math.Min(_retryAfter.Ticks * 2, LastRetry.Ticks));
            _isWriting = false;
        }

        _outage.Fail(failure);
        if (isFirstDropped)
        {
            Log.LedgerEntriesDropped(_logger, LedgerQueue.MaxKept);
        }

        foreach (var (i, waiter) in waiters.Index())
        {
            waiter.SetFailed(new LedgerException(failure.Message, failure) { IsUntried = i >= tried });
        }
    }

    /// <summary>Writes the next batch, as a work item of the pool.</summary>
    private sealed class Round(LedgerWriter owner) : IThreadPoolWorkItem
    {
        public void Execute() => _ = owner.WriteRoundAsync();
    }

    private static partial class Log
    {
        [LoggerMessage(
            LogEvents.LedgerEntriesDropped,
            LogLevel.Error,
            "More than {Max} entries are queued for the ledger; the oldest are lost, and their generations stay open until the process ends")]
        public static partial void LedgerEntriesDropped(ILogger logger, int max);

        [LoggerMessage(LogEvents.LedgerEntriesLost, LogLevel.Error, "The ledger is closed; {Count} entries could not be written")]
        public static partial void LedgerEntriesLost(ILogger logger, int count);
    }
}
