namespace OpenRouterGateway.Transforms.RequestBody;

/// <summary>A body that waits unread for a reservation. Guarded by the lock of the <see cref="BodyBudget"/>.</summary>
internal sealed class BodyWaiter
{
    private readonly TaskCompletionSource<BodyReservation?> _result = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private CancellationTokenRegistration _leaving;

    public BodyWaiter(BodyOwner owner, long bytes)
    {
        Owner = owner;
        Bytes = bytes;
        Node = new LinkedListNode<BodyWaiter>(this);
    }

    public BodyOwner Owner { get; }

    public long Bytes { get; }

    /// <summary>The bytes that its connection may have buffered.</summary>
    public long Buffered => Math.Min(Bytes, RequestBodyMemory.BufferedWhileWaiting);

    public LinkedListNode<BodyWaiter> Node { get; }

    public bool IsWaiting => Node.List is not null;

    /// <summary>The reservation; <see langword="null"/> if too many bodies wait; cancelled if the client has disconnected.</summary>
    public Task<BodyReservation?> Result => _result.Task;

    /// <summary>Lets the body leave when its client disconnects.</summary>
    public void LeaveOn(BodyBudget budget, CancellationToken cancellationToken) => _leaving = cancellationToken.UnsafeRegister(
        static (state, cancellationToken) =>
        {
            var (budget, waiter) = ((BodyBudget, BodyWaiter))state!;
            budget.Leave(waiter, cancellationToken);
        },
        (budget, this));

    /// <summary>Ends the wait.</summary>
    /// <param name="reservation">The reservation; <see langword="null"/> if too many bodies wait.</param>
    public void Complete(BodyReservation? reservation)
    {
        _leaving.Unregister();
        _result.SetResult(reservation);
    }

    public void Cancel(CancellationToken cancellationToken) => _result.SetCanceled(cancellationToken);
}
