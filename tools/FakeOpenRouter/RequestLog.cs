using System.Collections.Immutable;

namespace FakeOpenRouter;

/// <summary>The requests received since the start or the last reset, in order. Tests can wait for requests.</summary>
internal sealed class RequestLog
{
    /// <summary>The time limit of a wait: a guard against hanging, far beyond the needs of a busy machine.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private readonly Lock _gate = new();
    private readonly long _keepBodyBytes;
    private ImmutableList<ReceivedRequest> _all = [];
    private TaskCompletionSource _changed = NewSignal();
    private int _count;
    private long _keptBodyBytes;

    public RequestLog(long keepBodyBytes)
    {
        _keepBodyBytes = keepBodyBytes;
    }

    /// <summary>The number of received requests, including those that are not recorded.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>The recorded requests in the order of arrival.</summary>
    public IReadOnlyList<ReceivedRequest> All => Volatile.Read(ref _all);

    /// <summary>The latest request.</summary>
    public ReceivedRequest Last => All is [.., var last] ? last : throw new InvalidOperationException("No request has arrived.");

    /// <summary>The only request.</summary>
    public ReceivedRequest Single
        => All is [var only] ? only : throw new InvalidOperationException($"Expected one request; {All.Count} have arrived.");

    /// <summary>The latest request with this <c>x-fake-id</c>, or <see langword="null"/>.</summary>
    public ReceivedRequest? Find(string id) => All.LastOrDefault(request => request.Id == id);

    /// <summary>Waits for the request with this <c>x-fake-id</c>; its body may still be on the way.</summary>
    public Task<ReceivedRequest> WaitForAsync(string id) => WaitForAsync(request => request.Id == id);

    /// <summary>
    /// Waits for a request that satisfies a condition. The condition is evaluated again whenever any request makes progress.
    /// </summary>
    public async Task<ReceivedRequest> WaitForAsync(Func<ReceivedRequest, bool> condition)
    {
        using var limit = new CancellationTokenSource(Patience);
        while (true)
        {
            var changed = Volatile.Read(ref _changed);
            if (All.LastOrDefault(condition) is { } found)
            {
                return found;
            }

            try
            {
                await changed.Task.WaitAsync(limit.Token);
            }
            catch (OperationCanceledException)
            {
                throw new TimeoutException($"No request satisfied the condition; {All.Count} have arrived.");
            }
        }
    }

    /// <summary>Removes all requests and resets the counts.</summary>
    public void Reset()
    {
        lock (_gate)
        {
            _all = [];
            _count = 0;
            _keptBodyBytes = 0;
        }
    }

    /// <summary>The number of a request that has just arrived.</summary>
    public int NextNumber() => Interlocked.Increment(ref _count);

    public void Add(ReceivedRequest request)
    {
        lock (_gate)
        {
            _all = _all.Add(request);
        }

        NoteChange();
    }

    public void NoteChange() => Interlocked.Exchange(ref _changed, NewSignal()).TrySetResult();

    /// <summary>Counts a kept body, and drops the oldest bodies until the rest fits.</summary>
    public void KeepBody(long bytes)
    {
        lock (_gate)
        {
            _keptBodyBytes += bytes;
            for (var i = 0; i < _all.Count && _keptBodyBytes > _keepBodyBytes; i++)
            {
                _keptBodyBytes -= _all[i].Body?.LongLength ?? 0;
                _all[i].DropBody();
            }
        }
    }

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
