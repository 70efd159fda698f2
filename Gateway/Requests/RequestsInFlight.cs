namespace Gateway.Requests;

/// <summary>
/// Counts the requests in flight, refuses those above a limit, and cuts those that are left when a stopping gateway has waited long enough.
/// </summary>
internal sealed class RequestsInFlight : IDisposable
{
    private readonly CancellationTokenSource _cut = new();
    private readonly Lock _gate = new();
    private bool _isDisposed;
    private volatile int _limit = int.MaxValue;
    private int _count;

    /// <summary>The maximum number of requests in flight.</summary>
    public int Limit
    {
        get => _limit;
        set => _limit = value;
    }

    /// <summary>The number of requests in flight.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Whether the next request is refused.</summary>
    public bool IsFull => !HasRoomFor(Count + 1);

    /// <summary>Cancelled when the requests in flight are cut.</summary>
    public CancellationToken Cut => _cut.Token;

    /// <summary>Counts a request until <see cref="Exit"/>.</summary>
    /// <returns>Whether there is room.</returns>
    public bool TryEnter()
    {
        if (HasRoomFor(Interlocked.Increment(ref _count)))
        {
            return true;
        }

        Exit();
        return false;
    }

    /// <summary>A counted request has ended.</summary>
    public void Exit() => Interlocked.Decrement(ref _count);

    /// <summary>Cuts the requests in flight, and those that arrive later. Has no effect after the end of the host.</summary>
    public void CutAll()
    {
        // The timer that calls this may fire while the host ends.
        lock (_gate)
        {
            if (!_isDisposed)
            {
                _cut.Cancel();
            }
        }
    }

    private bool HasRoomFor(int count) => count <= _limit;

    /// <inheritdoc />
    public void Dispose()
    {
        lock (_gate)
        {
            _isDisposed = true;
            _cut.Dispose();
        }
    }
}
