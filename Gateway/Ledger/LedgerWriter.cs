using System.Collections.Concurrent;
using System.Threading.Tasks.Sources;
using Gateway.Observability;

namespace Gateway.Ledger;

/// <summary>
/// One thread that writes for all requests: it takes whatever is queued and commits it as one transaction, since a commit costs as much as
/// ten entries. It starts, and the store is opened, with the first entry: without teams there is no ledger.
/// </summary>
/// <remarks>
/// A single caller is served at once. As soon as callers meet in a commit, the next one waits for a millisecond and takes all that came
/// meanwhile; that is where the processor time is saved. Entries that nobody waits for may wait longer, and wake nobody while the thread
/// is due anyway. What fails is told to those who wait for it; the other entries are kept in their order and tried again.
/// </remarks>
internal sealed partial class LedgerWriter : ILedger, IHostedService, IAsyncDisposable
{
    private const int MaxBatch = 512;

    // Some 100 MB at worst.
    private const int MaxKept = 100_000;

    // Far more than are waited for at a time: below it none is made twice.
    private const int MaxSpareWaiters = 4096;

    private static readonly TimeSpan GatherTime = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan LingerTime = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan FirstRetry = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LastRetry = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan DrainTime = TimeSpan.FromSeconds(10);

    private readonly ILedgerStore _store;
    private readonly TimeProvider _time;
    private readonly ILogger<LedgerWriter> _logger;
    private readonly ITimer _retry;
    private readonly SemaphoreSlim _opening = new(1, 1);
    private readonly ConcurrentStack<Completion> _completions = new();
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    // Guards all below. A monitor, since the thread waits in it for a signal or a time.
    private readonly object _gate = new();
    private readonly Stack<Waiter> _spare = new();
    private Queue<Item> _queue = new();
    private Thread? _thread;
    private Rest _rest;
    private int _awaited;
    private bool _isEnding;
    private bool _hadLastChance;
    private bool _isDropping;
    private TimeSpan _retryAfter = FirstRetry;

    // While set, entries that are waited for fail at once, and the others wait for the timer.
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
        _retry = time.CreateTimer(
            static writer => ((LedgerWriter)writer!).Retry(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    // What the thread is doing while it does not write: it says who has to wake it.
    private enum Rest
    {
        /// <summary>It works, or was woken already.</summary>
        None,

        /// <summary>It lets callers gather for a millisecond: nobody.</summary>
        Gathering,

        /// <summary>It lets entries gather that nobody waits for: who waits.</summary>
        Lingering,

        /// <summary>There is nothing to do: everybody.</summary>
        Idle,

        /// <summary>The store has failed: the timer.</summary>
        Refusing,
    }

    /// <summary>Whether the last attempt to write succeeded, or there was none.</summary>
    public bool IsHealthy => !_isFailing;

    /// <summary>Whether the store is open; it stays closed until something is written.</summary>
    public bool IsOpen => _isOpen;

    /// <summary>Transactions committed.</summary>
    public long Commits => Volatile.Read(ref _commits);

    /// <summary>Transactions that failed.</summary>
    public long Failures => Volatile.Read(ref _failures);

    /// <summary>Entries that nobody waited for and that are lost: the store failed for too long.</summary>
    public long Dropped => Volatile.Read(ref _dropped);

    /// <summary>How long the store has been failing; zero when it works.</summary>
    public TimeSpan FailingFor => _isFailing ? _time.GetElapsedTime(Volatile.Read(ref _failingSince)) : TimeSpan.Zero;

    /// <summary>Entries that wait to be written.</summary>
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

    /// <summary>Opens the store if it is not open yet: a fault in its settings is to be seen at the start, not at a request.</summary>
    /// <exception cref="LedgerException">It could not be opened; the next call tries again.</exception>
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
        var isFirstDropped = false;
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
                if (_rest == Rest.Idle)
                {
                    Wake();
                }

                EnsureThread();
            }
        }

        if (isFirstDropped)
        {
            Log.EntriesDropped(_logger, MaxKept);
        }
    }

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Waits until all that was queued so far is written, for ten seconds at most. Entries are still taken afterwards.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        var startedAt = _time.GetTimestamp();
        while (_time.GetElapsedTime(startedAt) < DrainTime && !cancellationToken.IsCancellationRequested)
        {
            if (QueueLength == 0 && _thread is null)
            {
                return;
            }

            try
            {
                await EnqueueAwaited(null).AsTask().WaitAsync(DrainTime, _time, cancellationToken);
                return;
            }
            catch (LedgerException)
            {
                // It fails at once while the store fails, and there is time for another attempt.
                await Task.Delay(FirstRetry, _time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            catch (Exception exception) when (exception is TimeoutException or OperationCanceledException)
            {
                return;
            }
        }
    }

    /// <summary>Writes what is left, once, ends the thread and closes the store.</summary>
    public async ValueTask DisposeAsync()
    {
        bool hasThread;
        lock (_gate)
        {
            _isEnding = true;
            hasThread = _thread is not null;
            Wake();
        }

        if (hasThread)
        {
            try
            {
                await _ended.Task.WaitAsync(DrainTime, _time);
            }
            catch (TimeoutException)
            {
                // The store does not answer. The thread does not keep the process alive.
                Log.EntriesLost(_logger, QueueLength);
            }
        }

        await _retry.DisposeAsync();
        await _store.DisposeAsync();
    }

    // Without an entry it is a mark in the queue: reached when all before it is written.
    private ValueTask EnqueueAwaited(LedgerEntry? entry)
    {
        lock (_gate)
        {
            if (_isEnding)
            {
                return ValueTask.FromException(new LedgerException("The ledger is closed: the gateway stops"));
            }

            if (_refusal is { } refusal)
            {
                return ValueTask.FromException(new LedgerException(refusal.Message, refusal));
            }

            if (!_spare.TryPop(out var waiter))
            {
                waiter = new Waiter(this);
            }

            _queue.Enqueue(new Item(entry, waiter));
            _awaited++;
            if (_rest is Rest.Idle or Rest.Lingering)
            {
                Wake();
            }

            EnsureThread();
            return new ValueTask(waiter, waiter.Version);
        }
    }

    private void EnsureThread()
    {
        if (_thread is null)
        {
            _thread = new Thread(Run) { IsBackground = true, Name = "Ledger writer" };
            _thread.Start();
        }
    }

    private void Wake()
    {
        _rest = Rest.None;
        Monitor.Pulse(_gate);
    }

    private void Retry()
    {
        lock (_gate)
        {
            _refusal = null;
            if (_rest == Rest.Refusing)
            {
                Wake();
            }
        }
    }

    private void Run()
    {
        var batch = new List<Item>(MaxBatch);
        var entries = new List<LedgerEntry>(MaxBatch);
        while (Take(batch))
        {
            entries.Clear();
            foreach (var item in batch)
            {
                if (item.Entry is { } entry)
                {
                    entries.Add(entry);
                }
            }

            try
            {
                if (entries.Count > 0)
                {
                    Write(entries);
                }
            }
            catch (Exception exception)
            {
                // Whatever it is: this thread is the only one that writes.
                Fail(batch, exception as LedgerException ?? new LedgerException($"The ledger failed: {exception.Message}", exception));
                continue;
            }

            Complete(batch);
        }

        _ended.SetResult();
    }

    // By one work item for all: a thread of the pool that hands work to its own queue wakes no more threads than it takes.
    private void Complete(List<Item> batch)
    {
        if (!_completions.TryPop(out var completion))
        {
            completion = new Completion(this);
        }

        foreach (var item in batch)
        {
            if (item.Waiter is { } waiter)
            {
                completion.Waiters.Add(waiter);
            }
        }

        if (completion.Waiters.Count > 0)
        {
            ThreadPool.UnsafeQueueUserWorkItem(completion, preferLocal: false);
        }
        else
        {
            _completions.Push(completion);
        }
    }

    private void Write(List<LedgerEntry> entries)
    {
        if (!_isOpen)
        {
            EnsureOpenAsync(CancellationToken.None).GetAwaiter().GetResult();
        }

        _store.ApplyAsync(entries, CancellationToken.None).GetAwaiter().GetResult();
        _commits++;
        if (_isFailing)
        {
            _isFailing = false;
            lock (_gate)
            {
                _retryAfter = FirstRetry;
                _isDropping = false;
            }

            Log.Recovered(_logger, _time.GetElapsedTime(_failingSince), QueueLength, _dropped);
        }
    }

    // Fills the batch anew, and waits until it is worth it; false is the end.
    private bool Take(List<Item> batch)
    {
        lock (_gate)
        {
            // Callers met in the last batch, or came while it was written: more are on their way.
            if ((batch.Count > 1 || _awaited > 0) && _refusal is null && !_isEnding)
            {
                Wait(Rest.Gathering, GatherTime);
            }

            batch.Clear();
            var hasLingered = false;
            while (true)
            {
                if (_isEnding)
                {
                    if (_queue.Count == 0 || (_refusal is not null && !TakeLastChance()))
                    {
                        return false;
                    }

                    break;
                }

                if (_refusal is not null)
                {
                    Wait(Rest.Refusing, Timeout.InfiniteTimeSpan);
                }
                else if (_awaited > 0 || (_queue.Count > 0 && hasLingered))
                {
                    break;
                }
                else if (!hasLingered)
                {
                    Wait(Rest.Lingering, LingerTime);
                    hasLingered = true;
                }
                else
                {
                    Wait(Rest.Idle, Timeout.InfiniteTimeSpan);
                    hasLingered = false;
                }
            }

            while (batch.Count < MaxBatch && _queue.TryDequeue(out var item))
            {
                batch.Add(item);
                _awaited -= item.Waiter is null ? 0 : 1;
            }

            return true;
        }
    }

    private void Wait(Rest rest, TimeSpan time)
    {
        _rest = rest;
        Monitor.Wait(_gate, time);
        _rest = Rest.None;
    }

    private void Fail(List<Item> batch, LedgerException failure)
    {
        var waiters = new List<Waiter>();
        int kept;
        bool isFirstDropped;
        lock (_gate)
        {
            // What nobody waits for goes back to the front, in its order; who waits is told, and so are those who came meanwhile.
            var queue = new Queue<Item>(batch.Count + _queue.Count);
            foreach (var item in batch.Concat(_queue))
            {
                if (item.Waiter is { } waiter)
                {
                    waiters.Add(waiter);
                }
                else
                {
                    queue.Enqueue(item);
                }
            }

            _queue = queue;
            _awaited = 0;
            isFirstDropped = DropOldest();
            kept = queue.Count;
            _refusal = failure;
            _retry.Change(_retryAfter, Timeout.InfiniteTimeSpan);
            _retryAfter = TimeSpan.FromTicks(Math.Min(_retryAfter.Ticks * 2, LastRetry.Ticks));
        }

        _failures++;
        if (!_isFailing)
        {
            _failingSince = _time.GetTimestamp();
            _isFailing = true;
            Log.Failed(_logger, failure.Message, failure.InnerException);
        }

        if (isFirstDropped)
        {
            Log.EntriesDropped(_logger, MaxKept);
        }

        foreach (var waiter in waiters)
        {
            waiter.SetFailed(new LedgerException(failure.Message, failure));
        }
    }

    // At the end there is one more attempt, whether or not the timer has come.
    private bool TakeLastChance()
    {
        if (_hadLastChance)
        {
            Log.EntriesLost(_logger, _queue.Count);
            return false;
        }

        _hadLastChance = true;
        _refusal = null;
        return true;
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

    private readonly record struct Item(LedgerEntry? Entry, Waiter? Waiter);

    /// <summary>Tells the waiters of a batch.</summary>
    private sealed class Completion(LedgerWriter owner) : IThreadPoolWorkItem
    {
        public List<Waiter> Waiters { get; } = [];

        public void Execute()
        {
            foreach (var waiter in Waiters)
            {
                waiter.SetDone();
            }

            Waiters.Clear();
            owner._completions.Push(this);
        }
    }

    /// <summary>Somebody who waits. It is used again as soon as its result was taken.</summary>
    private sealed class Waiter(LedgerWriter owner) : IValueTaskSource
    {
        // The writer's thread only writes: whatever comes after the wait runs on the pool.
        private ManualResetValueTaskSourceCore<bool> _core = new() { RunContinuationsAsynchronously = true };

        public short Version => _core.Version;

        public void SetDone() => _core.SetResult(true);

        public void SetFailed(LedgerException failure) => _core.SetException(failure);

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
        public static partial void Failed(ILogger logger, string reason, Exception? exception);

        [LoggerMessage(
            LogEvents.LedgerRecovered,
            LogLevel.Information,
            "The ledger works again after {Duration}; {Queued} entries are still to be written, {Dropped} were lost since the start")]
        public static partial void Recovered(ILogger logger, TimeSpan duration, int queued, long dropped);

        [LoggerMessage(
            LogEvents.LedgerEntriesDropped,
            LogLevel.Error,
            "More than {Max} entries wait for the ledger, the oldest are lost: generations stay open until the process has ended")]
        public static partial void EntriesDropped(ILogger logger, int max);

        [LoggerMessage(LogEvents.LedgerEntriesLost, LogLevel.Error, "The ledger is closed, {Count} entries could not be written")]
        public static partial void EntriesLost(ILogger logger, int count);
    }
}
