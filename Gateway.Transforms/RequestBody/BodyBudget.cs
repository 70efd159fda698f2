namespace OpenRouterGateway.Transforms.RequestBody;

/// <summary>
/// Divides the memory of request bodies among their owners. A body reserves its full size before the first read, so a reader never needs
/// to reserve more and readers cannot deadlock. Bodies that do not fit wait unread.
/// </summary>
/// <remarks>
/// <para>
/// Owners with waiting bodies are served in turn, one body a turn; the bodies of one owner in order of arrival. While bodies of others
/// wait, an owner gets no more than half of the budget, but one body of any size. An owner with more than an eighth of the budget leaves
/// an eighth free, so that small bodies of the others never wait for its uploads.
/// </para>
/// <para>
/// A body whose turn has come but which does not fit yet is blocked. Bodies behind it may pass it as long as they leave its room free, or
/// hold no more than an eighth of the budget: it is admitted at the latest when the reservations older than its turn have ended. A body
/// of any size is admitted when all others together hold no more than an eighth.
/// </para>
/// <para>
/// The connection of a waiting body buffers some bytes of it. They count against the budget, up to a quarter of it, except for an owner
/// that holds no more than an eighth.
/// </para>
/// </remarks>
/// <param name="capacity">Returns the size of the budget in bytes. Called under the lock.</param>
/// <param name="maxWaiting">Returns the maximum number of waiting bodies. Called under the lock.</param>
internal sealed class BodyBudget(Func<long> capacity, Func<int> maxWaiting)
{
    /// <summary>The divisor of the share that an owner with a larger share leaves free.</summary>
    private const int SmallShare = 8;

    private readonly Lock _gate = new();
    private readonly Dictionary<object, BodyOwner> _owners = [];
    private readonly LinkedList<BodyOwner> _turns = [];
    private long _held;
    private int _waiting;
    private long _buffered;

    // The body whose turn has come without room for it, the number of its turn, and the bytes of the bodies that have passed it.
    private BodyWaiter? _blocked;
    private int _blockedTurn;
    private long _passed;

    /// <summary>The sum of all reservations in bytes.</summary>
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

    /// <summary>The number of waiting bodies.</summary>
    public int WaitingBodies
    {
        get
        {
            lock (_gate)
            {
                return _waiting;
            }
        }
    }

    /// <summary>The number of owners with a reservation or a waiting body.</summary>
    internal int OwnerCount
    {
        get
        {
            lock (_gate)
            {
                return _owners.Count;
            }
        }
    }

    /// <summary>Whether a reservation could be made at once.</summary>
    public bool HasRoom(object key, long bytes)
    {
        lock (_gate)
        {
            return _waiting == 0 && HasRoom(_owners.GetValueOrDefault(key) ?? new BodyOwner(key), bytes, buffered: 0);
        }
    }

    /// <summary>Makes a reservation as soon as it is the body's turn and it fits.</summary>
    /// <param name="key">The owner of the body; compared by <see cref="object.Equals(object)"/>.</param>
    /// <param name="bytes">The size in bytes.</param>
    /// <param name="cancellationToken">Cancels the wait; nothing is reserved then.</param>
    /// <returns>The reservation; <see langword="null"/> if too many bodies wait.</returns>
    /// <exception cref="OperationCanceledException">The wait was cancelled.</exception>
    public ValueTask<BodyReservation?> ReserveAsync(object key, long bytes, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        lock (_gate)
        {
            if (!_owners.TryGetValue(key, out var owner))
            {
                owner = new BodyOwner(key);
                _owners.Add(key, owner);
            }

            if (_waiting == 0 && HasRoom(owner, bytes, buffered: 0))
            {
                return new(Grant(owner, bytes, bypass: null));
            }

            var waiter = new BodyWaiter(owner, bytes);
            Enqueue(waiter);
            Admit();
            if (waiter.IsWaiting)
            {
                LimitWaiting(waiter);
            }

            if (waiter.IsWaiting)
            {
                waiter.LeaveOn(this, cancellationToken);
            }

            return new(waiter.Result);
        }
    }

    /// <summary>
    /// Makes a reservation that may be done without: only if no body waits, if it fits, and if its owner does not get more than half of the
    /// budget by it. Thereby it never takes the turn of a body, and one owner leaves half of the budget to the bodies of the others.
    /// </summary>
    /// <param name="key">The owner; compared by <see cref="object.Equals(object)"/>.</param>
    /// <param name="bytes">The size in bytes.</param>
    /// <returns>The reservation; <see langword="null"/> if it cannot be made now.</returns>
    public BodyReservation? TryReserve(object key, long bytes)
    {
        lock (_gate)
        {
            var isKnown = _owners.TryGetValue(key, out var owner);
            owner ??= new BodyOwner(key);
            if (_waiting > 0 || owner.Held + bytes > capacity() / 2 || !HasRoom(owner, bytes, buffered: 0))
            {
                return null;
            }

            if (!isKnown)
            {
                _owners.Add(key, owner);
            }

            return Grant(owner, bytes, bypass: null);
        }
    }

    /// <summary>
    /// Copies the present state. The copy judges as this budget does, without an effect on its bodies: a preview makes a reservation in the copy.
    /// </summary>
    public BodyBudget Copy()
    {
        var copy = new BodyBudget(capacity, maxWaiting);
        lock (_gate)
        {
            foreach (var owner in _owners.Values)
            {
                copy._owners.Add(owner.Key, new BodyOwner(owner.Key) { Held = owner.Held });
            }

            foreach (var waiter in _turns.SelectMany(static owner => owner.Waiting))
            {
                var copied = new BodyWaiter(copy._owners[waiter.Owner.Key], waiter.Bytes);
                copy.Enqueue(copied);
                if (waiter == _blocked)
                {
                    copy._blocked = copied;
                }
            }

            (copy._held, copy._blockedTurn, copy._passed) = (_held, _blockedTurn, _passed);
        }

        return copy;
    }

    /// <summary>Releases in a copy what is reserved in the original.</summary>
    public void ReleaseCopied(BodyReservation original)
    {
        BodyOwner owner;
        lock (_gate)
        {
            owner = _owners[original.Owner.Key];
        }

        Release(new BodyReservation(owner, original.Bytes, original.Bypass), original.Bytes);
    }

    /// <summary>Releases a part of a reservation, or all of it.</summary>
    public void Release(BodyReservation reservation, long bytes)
    {
        lock (_gate)
        {
            reservation.Bytes -= bytes;
            reservation.Owner.Held -= bytes;
            _held -= bytes;
            if (reservation.Bypass == _blockedTurn)
            {
                _passed -= bytes;
            }

            Forget(reservation.Owner);
            Admit();
        }
    }

    /// <summary>Ends the wait of a body whose client has disconnected.</summary>
    public void Leave(BodyWaiter waiter, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            // A waiter that was admitted in the meantime has its reservation; its next read is cancelled and releases it.
            if (!waiter.IsWaiting)
            {
                return;
            }

            Dequeue(waiter);
            waiter.Cancel(cancellationToken);
            Admit();
        }
    }

    private void Enqueue(BodyWaiter waiter)
    {
        if (waiter.Owner.Waiting.Count == 0)
        {
            _turns.AddLast(waiter.Owner.Turn);
        }

        waiter.Owner.Waiting.AddLast(waiter.Node);
        _waiting++;
        _buffered += waiter.Buffered;
    }

    private void Dequeue(BodyWaiter waiter)
    {
        var owner = waiter.Owner;
        owner.Waiting.Remove(waiter.Node);
        _waiting--;
        _buffered -= waiter.Buffered;
        if (owner.Waiting.Count == 0)
        {
            _turns.Remove(owner.Turn);
            Forget(owner);
        }
    }

    private BodyReservation Grant(BodyOwner owner, long bytes, int? bypass)
    {
        owner.Held += bytes;
        _held += bytes;
        if (bypass is not null)
        {
            _passed += bytes;
        }

        return new BodyReservation(owner, bytes, bypass);
    }

    private void Forget(BodyOwner owner)
    {
        if (owner is { Held: 0, Waiting.Count: 0 })
        {
            _owners.Remove(owner.Key);
        }
    }

    /// <summary>Admits all waiting bodies that may be admitted now.</summary>
    private void Admit()
    {
        while (FindNext(out var bypass) is { } next)
        {
            var owner = next.Owner;
            var reservation = Grant(owner, next.Bytes, bypass);
            Dequeue(next);
            if (owner.Waiting.Count > 0)
            {
                _turns.Remove(owner.Turn);
                _turns.AddLast(owner.Turn);
            }

            next.Complete(reservation);
        }
    }

    /// <summary>Finds the first body in order of turns that may be admitted.</summary>
    /// <param name="bypass">The number of the blocked turn that it passes; <see langword="null"/> if it passes none.</param>
    private BodyWaiter? FindNext(out int? bypass)
    {
        BodyWaiter? blocked = null;
        bypass = null;
        foreach (var owner in _turns)
        {
            var waiter = owner.Waiting.First!.Value;
            if (!IsWithinShare(waiter))
            {
                // Only the end of its own bodies can help this owner.
                continue;
            }

            if (!HasRoom(owner, waiter.Bytes, _buffered - waiter.Buffered))
            {
                if (blocked is null)
                {
                    blocked = waiter;
                    Block(blocked);
                }
            }
            else if (blocked is null || MayPass(waiter.Bytes, blocked))
            {
                bypass = blocked is null ? null : _blockedTurn;
                return waiter;
            }
        }

        return null;
    }

    private void Block(BodyWaiter waiter)
    {
        if (_blocked != waiter)
        {
            _blocked = waiter;
            _blockedTurn++;
            _passed = 0;
        }
    }

    private bool IsWithinShare(BodyWaiter waiter) =>
        waiter.Owner.Held == 0 || waiter.Owner.Waiting.Count == _waiting || waiter.Owner.Held + waiter.Bytes <= capacity() / 2;

    private bool HasRoom(BodyOwner owner, long bytes, long buffered) =>
        _held <= capacity() / SmallShare || _held + bytes <= RoomFor(owner, bytes, buffered);

    private bool MayPass(long bytes, BodyWaiter blocked) => _passed + bytes <= Math.Max(
        capacity() / SmallShare, RoomFor(blocked.Owner, blocked.Bytes, _buffered - blocked.Buffered) - blocked.Bytes);

    /// <summary>The sum up to which all reservations may grow by a body.</summary>
    private long RoomFor(BodyOwner owner, long bytes, long buffered)
    {
        var size = capacity();
        return owner.Held + bytes <= size / SmallShare ? size : size - (size / SmallShare) - Math.Min(buffered, size / 4);
    }

    /// <summary>
    /// Enforces the maximum after a body had to wait. An owner has at most a quarter while others wait. Otherwise the owner with the most
    /// waiting bodies loses its last one, so that no owner can take all places.
    /// </summary>
    private void LimitWaiting(BodyWaiter newcomer)
    {
        var max = maxWaiting();
        var owner = newcomer.Owner;
        var refused = newcomer;
        if (owner.Waiting.Count == _waiting || owner.Waiting.Count <= Math.Max(1, max / 4))
        {
            if (_waiting <= max)
            {
                return;
            }

            foreach (var other in _turns)
            {
                if (other.Waiting.Count > refused.Owner.Waiting.Count)
                {
                    refused = other.Waiting.Last!.Value;
                }
            }
        }

        Dequeue(refused);
        refused.Complete(null);
        Admit();
    }
}
