namespace Gateway.Requests;

/// <summary>Counts the requests in flight, and cuts those that are left when a stopping gateway has waited long enough.</summary>
internal sealed class RequestsInFlight : IDisposable
{
    private readonly CancellationTokenSource _cut = new();
    private int _count;

    /// <summary>The number of requests in flight.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>Cancelled when the requests in flight are cut.</summary>
    public CancellationToken Cut => _cut.Token;

    /// <summary>Counts a request until <see cref="Exit"/>.</summary>
    public void Enter() => Interlocked.Increment(ref _count);

    /// <summary>The request has ended.</summary>
    public void Exit() => Interlocked.Decrement(ref _count);

    /// <summary>Cuts the requests in flight, and those that arrive later.</summary>
    public void CutAll() => _cut.Cancel();

    /// <inheritdoc />
    public void Dispose() => _cut.Dispose();
}
