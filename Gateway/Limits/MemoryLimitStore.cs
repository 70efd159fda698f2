using Gateway.Teams;

namespace Gateway.Limits;

/// <summary>
/// Counts limits in this process. One lock guards all holders: a lease is acquired under several holders at once and holds the lock for a
/// tenth of a microsecond, so a lock per holder would cost more than it saves. Requests in flight are counted under the same lock rather
/// than with a <c>ConcurrencyLimiter</c>, whose number of permits is fixed: after a reload with a lower limit, a new limiter could not
/// represent the requests in flight.
/// </summary>
internal sealed class MemoryLimitStore : ILimitStore, ILimitPreview
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
    public ValueTask<LimitEntry> EnterAsync(IReadOnlyList<LimitScope> scopes) => new(Enter(scopes));

    /// <inheritdoc />
    public ValueTask CorrectAsync(IReadOnlyList<LimitScope> scopes, long change)
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

    /// <inheritdoc />
    public ValueTask<LimitResult?> PreviewEntryAsync(IReadOnlyList<LimitScope> scopes) => new(Enter(scopes, isPreview: true).Refusal);

    /// <inheritdoc />
    public ValueTask<LimitResult> PreviewChargeAsync(IReadOnlyList<LimitScope> scopes, long estimatedTokens)
    {
        var shares = new Share[scopes.Count];
        lock (_gate)
        {
            for (var i = 0; i < shares.Length; i++)
            {
                shares[i].Scope = scopes[i];
                shares[i].Holder = HolderOf(scopes[i].Holder);
            }
        }

        return new(Charge(shares, estimatedTokens, isPreview: true));
    }

    /// <inheritdoc />
    public ValueTask<long> CountInFlightAsync(LimitScope scope)
    {
        lock (_gate)
        {
            return new(_holders.TryGetValue(scope.Holder, out var holder) ? holder.InFlight : 0);
        }
    }

    private LimitEntry Enter(IReadOnlyList<LimitScope> scopes, bool isPreview = false)
    {
        var shares = new Share[scopes.Count];
        lock (_gate)
        {
            // Read inside the lock, so that the time of a bucket never goes back.
            var now = Now();
            if (now - _sweptAt >= SweepPeriod)
            {
                Sweep(now);
            }

            string? full = null;
            for (var i = 0; i < shares.Length; i++)
            {
                var scope = scopes[i];
                shares[i].Scope = scope;
                shares[i].Holder = HolderOf(scope.Holder);
                if (shares[i].Holder.InFlight >= (scope.ConcurrentRequests ?? int.MaxValue))
                {
                    full ??= scope.Holder;
                }
            }

            if (full is not null)
            {
                foreach (ref readonly var share in shares.AsSpan())
                {
                    share.Advance(now);
                }

                var (requests, tokens) = Levels(shares);
                return new LimitEntry(new LimitResult
                {
                    RefusedBy = LimitKind.Concurrency,
                    Holder = full,
                    RetryAfter = RetryConcurrency,
                    Requests = requests,
                    Tokens = tokens,
                });
            }

            if (isPreview)
            {
                return default;
            }

            foreach (ref readonly var share in shares.AsSpan())
            {
                share.Holder.InFlight++;
            }

            return new LimitEntry(new Lease(this, shares));
        }
    }

    private LimitResult Charge(Share[] shares, long estimatedTokens, bool isPreview = false)
    {
        lock (_gate)
        {
            var now = Now();
            var refusal = default(Refusal);
            foreach (ref var share in shares.AsSpan())
            {
                share.Tokens = Math.Clamp(estimatedTokens, 0, share.Scope.TokensPerMinute ?? 0);
                share.Advance(now);
                Judge(share, ref refusal);
            }

            var isGranted = refusal.Holder is null;
            foreach (ref var share in shares.AsSpan())
            {
                if (isGranted && !isPreview)
                {
                    share.Charge(now);
                }
            }

            var (requests, tokens) = Levels(shares);
            return isGranted
                ? new LimitResult { Requests = requests, Tokens = tokens }
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

    /// <summary>The tightest levels of the limits per minute. The buckets must have been advanced.</summary>
    private static (LimitLevel? Requests, LimitLevel? Tokens) Levels(Share[] shares)
    {
        LimitLevel? requests = null;
        LimitLevel? tokens = null;
        foreach (ref readonly var share in shares.AsSpan())
        {
            if (share.Scope.RequestsPerMinute is not null)
            {
                requests = Tighter(requests, share.Holder.Requests.ToLevel());
            }

            if (share.Scope.TokensPerMinute is not null)
            {
                tokens = Tighter(tokens, share.Holder.Tokens.ToLevel());
            }
        }

        return (requests, tokens);
    }

    /// <summary>The level with the lower remaining amount.</summary>
    internal static LimitLevel Tighter(LimitLevel? one, LimitLevel other) =>
        one is { } level && level.Remaining <= other.Remaining ? level : other;

    /// <summary>Checks the limits of one holder. Keeps the refusal with the longest delay, since an earlier retry cannot succeed.</summary>
    private static void Judge(in Share share, ref Refusal refusal)
    {
        if (share.Scope.RequestsPerMinute is not null)
        {
            refusal.Keep(share.Scope.Holder, LimitKind.Requests, share.Holder.Requests.WaitFor(1));
        }

        if (share.Scope.TokensPerMinute is not null)
        {
            refusal.Keep(share.Scope.Holder, LimitKind.Tokens, share.Holder.Tokens.WaitFor(share.Tokens));
        }
    }

    /// <summary>Ends a lease.</summary>
    /// <param name="shares">The shares of the lease.</param>
    /// <param name="isCancelled">Whether the request is given back.</param>
    /// <param name="tokens">The used tokens; <see langword="null"/> keeps the estimate.</param>
    private void End(Share[] shares, bool isCancelled, long? tokens)
    {
        lock (_gate)
        {
            var now = Now();
            foreach (ref readonly var share in shares.AsSpan())
            {
                share.Holder.InFlight--;
                if (isCancelled && share.Scope.RequestsPerMinute is not null && now - share.ChargedAt < MinuteBucket.Parts)
                {
                    share.Holder.Requests.Take(now, -1);
                }

                if (tokens is not { } used || share.Scope.TokensPerMinute is null)
                {
                    continue;
                }

                if (used > share.Tokens)
                {
                    share.Holder.Tokens.Take(now, used - share.Tokens);
                }
                else
                {
                    share.Holder.Tokens.GiveBack(now, share.TokenCharge, share.Tokens - Math.Max(0, used));
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
        public LimitScope Scope;

        /// <summary>The charged tokens; 0 before the charge.</summary>
        public long Tokens;

        /// <summary>The number of the charge in the bucket of tokens.</summary>
        public long TokenCharge;

        public long ChargedAt;

        public readonly void Advance(long now)
        {
            if (Scope.RequestsPerMinute is { } requests)
            {
                Holder.Requests.Advance(now, requests);
            }

            if (Scope.TokensPerMinute is { } tokens)
            {
                Holder.Tokens.Advance(now, tokens);
            }
        }

        public void Charge(long now)
        {
            ChargedAt = now;
            if (Scope.RequestsPerMinute is not null)
            {
                Holder.Requests.Take(now, 1);
            }

            if (Scope.TokensPerMinute is not null)
            {
                TokenCharge = Holder.Tokens.Charge(now, Tokens);
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
        private readonly Share[] _shares = shares;
        private int _isOver;
        private bool _isCharged;

        public long? TakenTokens
        {
            get
            {
                long? least = null;
                foreach (ref readonly var share in _shares.AsSpan())
                {
                    if (_isCharged && share.Scope.TokensPerMinute is not null)
                    {
                        least = Math.Min(least ?? long.MaxValue, share.Tokens);
                    }
                }

                return least;
            }
        }

        public ValueTask<LimitResult> ChargeAsync(long estimatedTokens)
        {
            ObjectDisposedException.ThrowIf(Volatile.Read(ref _isOver) != 0, this);
            var result = store.Charge(_shares, estimatedTokens);
            _isCharged = result.RefusedBy is null;
            return new(result);
        }

        public ValueTask ReturnAsync(long? tokens) => End(isCancelled: false, tokens);

        public ValueTask CancelAsync() => End(isCancelled: true, 0);

        private ValueTask End(bool isCancelled, long? tokens)
        {
            if (Interlocked.Exchange(ref _isOver, 1) == 0)
            {
                store.End(_shares, isCancelled && _isCharged, _isCharged ? tokens : null);
            }

            return ValueTask.CompletedTask;
        }
    }
}
