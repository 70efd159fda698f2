using Gateway.Teams;

namespace Gateway.Limits;

/// <summary>
/// Limits of this process alone. One lock guards all holders: a place is taken under several at once, which is a tenth of a microsecond
/// of additions and comparisons, so that locks a holder would cost more than they save. Requests in flight are a number under that same
/// lock rather than a <c>ConcurrencyLimiter</c>: a limiter's permits are fixed when it is made, and one that replaces it after a reload
/// could not know of more requests in flight than it has permits.
/// </summary>
internal sealed class MemoryLimitStore : ILimitStore
{
    /// <summary>When it is worth another try after a refusal for too many requests in flight: nobody knows when one ends.</summary>
    internal static readonly TimeSpan RetryConcurrency = TimeSpan.FromSeconds(1);

    /// <summary>How often holders without any trace of use are dropped, milliseconds.</summary>
    private const long SweepPeriod = 60_000;

    private readonly TimeProvider _time;
    private readonly long _startedAt;
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Holder> _holders = new(StringComparer.Ordinal);
    private long _sweptAt;

    /// <summary>Creates a store in which nothing is used.</summary>
    public MemoryLimitStore(TimeProvider time)
    {
        _time = time;
        _startedAt = time.GetTimestamp();
    }

    /// <summary>How many holders it keeps.</summary>
    internal int HolderCount
    {
        get
        {
            lock (_gate)
            {
                return _holders.Count;
            }
        }
    }

    /// <inheritdoc />
    public ValueTask<LimitResult> TakeAsync(LimitRequest request) => new(Take(request));

    private LimitResult Take(in LimitRequest request)
    {
        var scopes = request.Scopes;
        var places = new Place[scopes.Count];
        LimitLevel? requests = null;
        LimitLevel? tokens = null;
        lock (_gate)
        {
            // Read inside the lock, so that no bucket meets a moment before its last.
            var now = Now();
            if (now - _sweptAt >= SweepPeriod)
            {
                Sweep(now);
            }

            var refusal = default(Refusal);
            for (var i = 0; i < places.Length; i++)
            {
                var scope = scopes[i];
                ref var place = ref places[i];
                place.Holder = HolderOf(scope.Holder);
                place.HasRequests = scope.RequestsPerMinute is not null;
                place.HasTokens = scope.TokensPerMinute is not null;
                place.Tokens = Math.Clamp(request.EstimatedTokens, 0, scope.TokensPerMinute ?? 0);
                Judge(place, scope, now, ref refusal);
            }

            var isGranted = refusal.Holder is null;
            foreach (ref var place in places.AsSpan())
            {
                if (isGranted)
                {
                    place.Enter(now);
                }

                if (place.HasRequests)
                {
                    requests = Tighter(requests, place.Holder.Requests.ToLevel());
                }

                if (place.HasTokens)
                {
                    tokens = Tighter(tokens, place.Holder.Tokens.ToLevel());
                }
            }

            return isGranted
                ? new LimitResult { Lease = new Lease(this, places), Requests = requests, Tokens = tokens }
                : new LimitResult
                {
                    RefusedBy = refusal.Kind,
                    Holder = refusal.Holder,
                    RetryAfter = TimeSpan.FromMilliseconds(refusal.Wait),
                    Requests = requests,
                    Tokens = tokens,
                };
        }
    }

    /// <summary>The tighter of two levels: the one with less left.</summary>
    internal static LimitLevel Tighter(LimitLevel? one, LimitLevel other) =>
        one is { } level && level.Remaining <= other.Remaining ? level : other;

    /// <summary>Asks one holder, and keeps the refusal that lasts longest: before it is over, another try is in vain.</summary>
    private static void Judge(in Place place, in LimitScope scope, long now, ref Refusal refusal)
    {
        if (scope.RequestsPerMinute is { } requests)
        {
            place.Holder.Requests.Advance(now, requests);
            refusal.Keep(scope.Holder, LimitKind.Requests, place.Holder.Requests.WaitFor(1));
        }

        if (scope.TokensPerMinute is { } tokens)
        {
            place.Holder.Tokens.Advance(now, tokens);
            refusal.Keep(scope.Holder, LimitKind.Tokens, place.Holder.Tokens.WaitFor(place.Tokens));
        }

        if (place.Holder.InFlight >= (scope.ConcurrentRequests ?? int.MaxValue))
        {
            refusal.Keep(scope.Holder, LimitKind.Concurrency, (long)RetryConcurrency.TotalMilliseconds);
        }
    }

    private void Return(Place[] places, long? tokens)
    {
        lock (_gate)
        {
            var now = Now();
            foreach (ref var place in places.AsSpan())
            {
                place.Holder.InFlight--;
                if (place.HasTokens && tokens is { } used)
                {
                    place.Holder.Tokens.Take(now, Math.Max(0, used) - place.Tokens);
                }
            }
        }
    }

    private void Cancel(Place[] places)
    {
        lock (_gate)
        {
            var now = Now();
            foreach (ref var place in places.AsSpan())
            {
                place.Holder.InFlight--;
                if (place.HasRequests)
                {
                    place.Holder.Requests.Take(now, -1);
                }

                if (place.HasTokens)
                {
                    place.Holder.Tokens.Take(now, -place.Tokens);
                }
            }
        }
    }

    private Holder HolderOf(string name)
    {
        if (!_holders.TryGetValue(name, out var holder))
        {
            holder = new Holder();
            _holders.Add(name, holder);
        }

        return holder;
    }

    /// <summary>Drops holders that are as good as new: keys and teams come and go with reloads.</summary>
    private void Sweep(long now)
    {
        _sweptAt = now;
        foreach (var (name, holder) in _holders)
        {
            if (holder.InFlight == 0 && holder.Requests.IsEmptyAt(now) && holder.Tokens.IsEmptyAt(now))
            {
                _holders.Remove(name);
            }
        }
    }

    private long Now() => _time.GetElapsedTime(_startedAt).Ticks / TimeSpan.TicksPerMillisecond;

    private sealed class Holder
    {
        public MinuteBucket Requests;
        public MinuteBucket Tokens;

        /// <summary>Requests in flight, counted without a limit too: one may come by a reload.</summary>
        public int InFlight;
    }

    /// <summary>What a request takes of one holder.</summary>
    private struct Place
    {
        public Holder Holder;
        public bool HasRequests;
        public bool HasTokens;
        public long Tokens;

        public readonly void Enter(long now)
        {
            Holder.InFlight++;
            if (HasRequests)
            {
                Holder.Requests.Take(now, 1);
            }

            if (HasTokens)
            {
                Holder.Tokens.Take(now, Tokens);
            }
        }
    }

    private struct Refusal
    {
        public string? Holder;
        public LimitKind Kind;
        public long Wait;

        public void Keep(string holder, LimitKind kind, long wait)
        {
            if (wait > Wait)
            {
                (Holder, Kind, Wait) = (holder, kind, wait);
            }
        }
    }

    private sealed class Lease(MemoryLimitStore store, Place[] places) : ILimitLease
    {
        private Place[]? _places = places;

        public ValueTask ReturnAsync(long? tokens)
        {
            if (Interlocked.Exchange(ref _places, null) is { } places)
            {
                store.Return(places, tokens);
            }

            return ValueTask.CompletedTask;
        }

        public ValueTask CancelAsync()
        {
            if (Interlocked.Exchange(ref _places, null) is { } places)
            {
                store.Cancel(places);
            }

            return ValueTask.CompletedTask;
        }
    }
}
