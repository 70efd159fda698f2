using Gateway.Teams;

namespace Gateway.Limits;

/// <summary>
/// Counts limits in this process. One lock guards all holders: a lease is acquired under several holders at once and holds the lock for a
/// tenth of a microsecond, so a lock per holder would cost more than it saves. Requests in flight are counted under the same lock rather
/// than with a <c>ConcurrencyLimiter</c>, whose number of permits is fixed: after a reload with a lower limit, a new limiter could not
/// represent the requests in flight.
/// </summary>
internal sealed class MemoryLimitStore : ILimitStore
{
    /// <summary>The retry delay after a refusal by a concurrency limit. The end of the requests in flight is unknown.</summary>
    internal static readonly TimeSpan RetryConcurrency = TimeSpan.FromSeconds(1);

    /// <summary>The interval at which unused holders are removed, in milliseconds.</summary>
    private const long SweepPeriod = 60_000;

    private readonly TimeProvider _time;
    private readonly long _startedAt;
    private readonly Lock _gate = new();
    private readonly Dictionary<string, Holder> _holders = new(StringComparer.Ordinal);
    private long _sweptAt;

    /// <summary>Creates an empty store.</summary>
    public MemoryLimitStore(TimeProvider time)
    {
        _time = time;
        _startedAt = time.GetTimestamp();
    }

    /// <summary>The number of holders.</summary>
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

    /// <inheritdoc />
    public ValueTask CorrectAsync(Guid id, IReadOnlyList<LimitScope> scopes, long change)
    {
        lock (_gate)
        {
            var now = Now();
            foreach (var scope in scopes)
            {
                if (scope.TokensPerMinute is { } limit)
                {
                    var holder = HolderOf(scope.Holder);
                    holder.Tokens.Advance(now, limit);
                    holder.Tokens.Take(now, change);
                }
            }
        }

        return ValueTask.CompletedTask;
    }

    private LimitResult Take(in LimitRequest request)
    {
        var scopes = request.Scopes;
        var shares = new Share[scopes.Count];
        LimitLevel? requests = null;
        LimitLevel? tokens = null;
        lock (_gate)
        {
            // Read inside the lock, so that the time of a bucket never goes back.
            var now = Now();
            if (now - _sweptAt >= SweepPeriod)
            {
                Sweep(now);
            }

            var refusal = default(Refusal);
            for (var i = 0; i < shares.Length; i++)
            {
                var scope = scopes[i];
                ref var share = ref shares[i];
                share.Holder = HolderOf(scope.Holder);
                share.HasRequests = scope.RequestsPerMinute is not null;
                share.HasTokens = scope.TokensPerMinute is not null;
                share.Tokens = Math.Clamp(request.EstimatedTokens, 0, scope.TokensPerMinute ?? 0);
                Judge(share, scope, now, ref refusal);
            }

            var isGranted = refusal.Holder is null;
            foreach (ref var share in shares.AsSpan())
            {
                if (isGranted)
                {
                    share.Acquire(now);
                }

                if (share.HasRequests)
                {
                    requests = Tighter(requests, share.Holder.Requests.ToLevel());
                }

                if (share.HasTokens)
                {
                    tokens = Tighter(tokens, share.Holder.Tokens.ToLevel());
                }
            }

            return isGranted
                ? new LimitResult { Lease = new Lease(this, shares), Requests = requests, Tokens = tokens }
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

    /// <summary>The level with the lower remaining amount.</summary>
    internal static LimitLevel Tighter(LimitLevel? one, LimitLevel other) =>
        one is { } level && level.Remaining <= other.Remaining ? level : other;

    /// <summary>Checks the limits of one holder. Keeps the refusal with the longest delay, since an earlier retry cannot succeed.</summary>
    private static void Judge(in Share share, in LimitScope scope, long now, ref Refusal refusal)
    {
        if (scope.RequestsPerMinute is { } requests)
        {
            share.Holder.Requests.Advance(now, requests);
            refusal.Keep(scope.Holder, LimitKind.Requests, share.Holder.Requests.WaitFor(1));
        }

        if (scope.TokensPerMinute is { } tokens)
        {
            share.Holder.Tokens.Advance(now, tokens);
            refusal.Keep(scope.Holder, LimitKind.Tokens, share.Holder.Tokens.WaitFor(share.Tokens));
        }

        if (share.Holder.InFlight >= (scope.ConcurrentRequests ?? int.MaxValue))
        {
            refusal.Keep(scope.Holder, LimitKind.Concurrency, (long)RetryConcurrency.TotalMilliseconds);
        }
    }

    private void Return(Share[] shares, long? tokens)
    {
        lock (_gate)
        {
            var now = Now();
            foreach (ref var share in shares.AsSpan())
            {
                share.Holder.InFlight--;
                if (share.HasTokens && tokens is { } used)
                {
                    share.Holder.Tokens.Take(now, Math.Max(0, used) - share.Tokens);
                }
            }
        }
    }

    private void Cancel(Share[] shares)
    {
        lock (_gate)
        {
            var now = Now();
            foreach (ref var share in shares.AsSpan())
            {
                share.Holder.InFlight--;
                if (share.HasRequests)
                {
                    share.Holder.Requests.Take(now, -1);
                }

                if (share.HasTokens)
                {
                    share.Holder.Tokens.Take(now, -share.Tokens);
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

    /// <summary>Removes unused holders. Reloads add and remove teams and keys, so the holders would accumulate.</summary>
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

        /// <summary>Requests in flight. Counted even without a concurrency limit, since a reload may add one.</summary>
        public int InFlight;
    }

    /// <summary>The share of one holder in a lease.</summary>
    private struct Share
    {
        public Holder Holder;
        public bool HasRequests;
        public bool HasTokens;
        public long Tokens;

        public readonly void Acquire(long now)
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

    private sealed class Lease(MemoryLimitStore store, Share[] shares) : ILimitLease
    {
        private Share[]? _shares = shares;

        public ValueTask ReturnAsync(long? tokens)
        {
            if (Interlocked.Exchange(ref _shares, null) is { } shares)
            {
                store.Return(shares, tokens);
            }

            return ValueTask.CompletedTask;
        }

        public ValueTask CancelAsync()
        {
            if (Interlocked.Exchange(ref _shares, null) is { } shares)
            {
                store.Cancel(shares);
            }

            return ValueTask.CompletedTask;
        }
    }
}
