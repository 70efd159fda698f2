using System.Collections.Concurrent;
using Gateway.Teams;
using StackExchange.Redis;

namespace Gateway.Limits;

/// <summary>
/// Counts limits that several nodes share in Redis, by one atomic script each for the entry, the charge and the end of a lease. A script
/// without limits to count is not sent. A lease under a concurrency limit is a member of a sorted set, scored by its expiry. Its node renews
/// it while the request is in flight, so the leases of a killed node expire. Only holders with a concurrency limit have a set, so a new limit
/// does not count requests that were already in flight.
/// </summary>
internal sealed class RedisLimitStore : ILimitStore, IAsyncDisposable
{
    /// <summary>The lifetime of a lease without renewal.</summary>
    internal static readonly TimeSpan DefaultLeaseTime = TimeSpan.FromSeconds(60);

    /// <summary>The number of leases per renewal script. Redis serves no other command while a script runs.</summary>
    private const int MaxLeasesPerScript = 500;

    /// <summary>The number of releases without a reply that are kept for a retry. Further leases expire.</summary>
    private const int MaxUnreleased = 10_000;

    private readonly RedisLink _link;
    private readonly string _keyPrefix;
    private readonly TimeSpan _leaseTime;
    private readonly TimeProvider _time;
    private readonly ConcurrentDictionary<Lease, byte> _live = new();
    private readonly ConcurrentQueue<Lease> _unreleased = new();
    private readonly CancellationTokenSource _stopping = new();
    private readonly Task _renewing;
    private int _isDisposed;

    /// <summary>Creates a store and starts to renew its leases.</summary>
    /// <param name="link">The connection to Redis; not owned.</param>
    /// <param name="keyPrefix">The prefix of every key.</param>
    /// <param name="time">The clock for renewals; limits use Redis' clock.</param>
    /// <param name="leaseTime">The lifetime of a lease without renewal. Leases are renewed after a third of this time.</param>
    public RedisLimitStore(RedisLink link, string keyPrefix, TimeProvider time, TimeSpan? leaseTime = null)
    {
        _link = link;
        _keyPrefix = keyPrefix;
        _time = time;
        _leaseTime = leaseTime ?? DefaultLeaseTime;
        _renewing = RenewAsync(_stopping.Token);
    }

    /// <inheritdoc />
    public async ValueTask<LimitEntry> EnterAsync(IReadOnlyList<LimitScope> scopes)
    {
        var lease = new Lease(this, Guid.NewGuid().ToString("N"), scopes);
        return await lease.EnterAsync() is { } refusal ? new LimitEntry(refusal) : new LimitEntry(lease);
    }

    /// <inheritdoc />
    public async ValueTask CorrectAsync(IReadOnlyList<LimitScope> scopes, long change)
    {
        var keys = new RedisKey[scopes.Count * 2];
        var values = new RedisValue[1 + (scopes.Count * 4)];
        values[0] = "";
        for (var i = 0; i < scopes.Count; i++)
        {
            keys[i * 2] = KeyOf(scopes[i].Holder, "");
            keys[(i * 2) + 1] = KeyOf(scopes[i].Holder, ":flying");
            values[1 + (i * 4)] = scopes[i].RequestsPerMinute ?? -1;
            values[2 + (i * 4)] = scopes[i].TokensPerMinute ?? -1;
            values[3 + (i * 4)] = 0;
            values[4 + (i * 4)] = change;
        }

        try
        {
            await _link.RunAsync(RedisLimitScripts.Return, keys, values);
        }
        catch (LimitStoreException)
        {
            // Not repeated, since a correction is not idempotent.
        }
    }

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isDisposed, 1) != 0)
        {
            return;
        }

        await _stopping.CancelAsync();
        await _renewing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stopping.Dispose();
    }

    private static long[] Numbers(RedisResult result, int count)
    {
        try
        {
            if ((long[]?)result is { } numbers && numbers.Length == count)
            {
                return numbers;
            }
        }
        catch (InvalidCastException)
        {
            // Not an array of numbers.
        }

        throw new LimitStoreException("Redis returned an unexpected reply to a script.");
    }

    /// <summary>
    /// A key of a holder. The part in braces determines the slot of a Redis cluster. It is the team's id, so that a team and its keys share
    /// a slot.
    /// </summary>
    private RedisKey KeyOf(string holder, string suffix)
    {
        var colon = holder.IndexOf(':');
        var slash = holder.IndexOf('/');
        var team = slash < 0 ? holder[(colon + 1)..] : holder[(colon + 1)..slash];
        return $"{_keyPrefix}limit:{{{team}}}:{holder}{suffix}";
    }

    private async Task RenewAsync(CancellationToken stopping)
    {
        using var timer = new PeriodicTimer(_leaseTime / 3, _time);
        while (await timer.WaitForNextTickAsync(stopping))
        {
            try
            {
                await RenewAllAsync();
                await ReleaseAgainAsync();
            }
#pragma warning disable CA1031 // Any exception: without the next round all leases of this node expire.
            catch (Exception) when (!stopping.IsCancellationRequested)
#pragma warning restore CA1031
            {
                // Two more rounds follow before the leases expire. A renewal restores expired leases.
            }
        }
    }

    private async Task RenewAllAsync()
    {
        var leasesByKey = new Dictionary<RedisKey, List<Lease>>();
        foreach (var (lease, _) in _live)
        {
            foreach (var key in lease.Flying)
            {
                if (!leasesByKey.TryGetValue(key, out var leases))
                {
                    leasesByKey.Add(key, leases = []);
                }

                leases.Add(lease);
            }
        }

        foreach (var (key, leases) in leasesByKey)
        {
            foreach (var chunk in leases.Chunk(MaxLeasesPerScript))
            {
                RedisValue[] values = [(long)_leaseTime.TotalMilliseconds, .. chunk.Select(lease => lease.Name)];
                await _link.RunAsync(RedisLimitScripts.Renew, [key], values);

                // The renewal may have restored a lease that was released in the meantime.
                foreach (var lease in chunk)
                {
                    if (lease.IsOver)
                    {
                        await _link.RunAsync(RedisLimitScripts.Release, lease.Flying, [lease.Name]);
                    }
                }
            }
        }
    }

    /// <summary>Retries releases without a reply.</summary>
    private async Task ReleaseAgainAsync()
    {
        while (_unreleased.TryDequeue(out var lease))
        {
            try
            {
                await _link.RunAsync(RedisLimitScripts.Release, lease.Flying, [lease.Name]);
            }
            catch (LimitStoreException)
            {
                _unreleased.Enqueue(lease);
                throw;
            }
        }
    }

    private sealed class Lease : ILimitLease
    {
        private readonly RedisLimitStore _store;
        private readonly IReadOnlyList<LimitScope> _scopes;
        private readonly RedisKey[] _keys;
        private readonly long[] _amounts;
        private readonly bool _isConcurrencyLimited;
        private readonly bool _isRateLimited;
        private bool _isCharged;
        private int _isOver;

        public Lease(RedisLimitStore store, RedisValue name, IReadOnlyList<LimitScope> scopes)
        {
            _store = store;
            Name = name;
            _scopes = scopes;
            _keys = new RedisKey[scopes.Count * 2];
            _amounts = new long[scopes.Count];
            var flying = new List<RedisKey>(scopes.Count);
            for (var i = 0; i < scopes.Count; i++)
            {
                var scope = scopes[i];
                _keys[i * 2] = store.KeyOf(scope.Holder, "");
                _keys[(i * 2) + 1] = store.KeyOf(scope.Holder, ":flying");
                _isRateLimited |= scope.RequestsPerMinute is not null || scope.TokensPerMinute is not null;
                if (scope.ConcurrentRequests is not null)
                {
                    flying.Add(_keys[(i * 2) + 1]);
                }
            }

            Flying = [.. flying];
            _isConcurrencyLimited = Flying.Length > 0;
        }

        public RedisValue Name { get; }

        public long? TakenTokens
        {
            get
            {
                long? least = null;
                for (var i = 0; _isCharged && i < _amounts.Length; i++)
                {
                    if (_scopes[i].TokensPerMinute is not null)
                    {
                        least = Math.Min(least ?? long.MaxValue, _amounts[i]);
                    }
                }

                return least;
            }
        }

        public bool IsOver => Volatile.Read(ref _isOver) != 0;

        /// <summary>The sets that contain the lease.</summary>
        public RedisKey[] Flying { get; }

        /// <summary>Joins the requests in flight.</summary>
        /// <returns>The refusal; <see langword="null"/> if granted.</returns>
        public async ValueTask<LimitResult?> EnterAsync()
        {
            if (!_isConcurrencyLimited)
            {
                return null;
            }

            // The request does not use a lease whose reply is late or lost. Its release is correct whether it was granted or not.
            var result = await TakeAsync(RedisLimitScripts.Enter, _ => _store._link.Post(RedisLimitScripts.Release, Flying, [Name]));
            if (result.RefusedBy is not null)
            {
                return result;
            }

            _store._live.TryAdd(this, 0);
            return null;
        }

        public async ValueTask<LimitResult> ChargeAsync(long estimatedTokens)
        {
            ObjectDisposedException.ThrowIf(IsOver, this);
            if (!_isRateLimited)
            {
                return new LimitResult();
            }

            for (var i = 0; i < _amounts.Length; i++)
            {
                _amounts[i] = Math.Clamp(estimatedTokens, 0, _scopes[i].TokensPerMinute ?? 0);
            }

            var result = await TakeAsync(RedisLimitScripts.Charge, UndoCharge);
            _isCharged = result.RefusedBy is null;
            return result;
        }

        public ValueTask ReturnAsync(long? tokens)
        {
            if (Interlocked.Exchange(ref _isOver, 1) != 0)
            {
                return ValueTask.CompletedTask;
            }

            var isTokenLimited = _isCharged && tokens is not null && _scopes.Any(scope => scope.TokensPerMinute is not null);
            return _isConcurrencyLimited || isTokenLimited
                ? EndAsync(Changes(Name, i => isTokenLimited ? Math.Max(0, tokens!.Value) - _amounts[i] : 0, 0))
                : ValueTask.CompletedTask;
        }

        public ValueTask CancelAsync() =>
            Interlocked.Exchange(ref _isOver, 1) != 0 || !(_isConcurrencyLimited || _isCharged) ? ValueTask.CompletedTask
            : EndAsync(_isCharged ? Changes(Name, i => -_amounts[i], -1) : Changes(Name, static _ => 0, 0));

        /// <summary>Undoes a charge whose reply is late. The request stays in flight. After a lost reply the buckets drain.</summary>
        private void UndoCharge(RedisResult? reply)
        {
            if (reply is { Resp2Type: ResultType.Array, Length: > 0 } && (long)reply[0] == 1)
            {
                _store._link.Post(RedisLimitScripts.Return, _keys, Changes(RedisValue.EmptyString, i => -_amounts[i], -1));
            }
        }

        private async ValueTask<LimitResult> TakeAsync(string step, Action<RedisResult?> undo)
        {
            var values = new RedisValue[3 + (_scopes.Count * 4)];
            values[0] = Name;
            values[1] = (long)_store._leaseTime.TotalMilliseconds;
            values[2] = step;
            for (var i = 0; i < _scopes.Count; i++)
            {
                values[3 + (i * 4)] = _scopes[i].RequestsPerMinute ?? -1;
                values[4 + (i * 4)] = _scopes[i].TokensPerMinute ?? -1;
                values[5 + (i * 4)] = _scopes[i].ConcurrentRequests ?? -1;
                values[6 + (i * 4)] = _amounts[i];
            }

            return ResultOf(Numbers(await _store._link.RunAsync(RedisLimitScripts.Take, _keys, values, undo), 4 + (_scopes.Count * 4)));
        }

        private LimitResult ResultOf(long[] reply)
        {
            LimitLevel? requests = null;
            LimitLevel? tokens = null;
            for (var i = 0; i < _scopes.Count; i++)
            {
                var level = reply.AsSpan(4 + (i * 4), 4);
                if (_scopes[i].RequestsPerMinute is { } requestLimit)
                {
                    requests = MemoryLimitStore.Tighter(requests, new LimitLevel(requestLimit, level[0], TimeSpan.FromMilliseconds(level[1])));
                }

                if (_scopes[i].TokensPerMinute is { } tokenLimit)
                {
                    tokens = MemoryLimitStore.Tighter(tokens, new LimitLevel(tokenLimit, level[2], TimeSpan.FromMilliseconds(level[3])));
                }
            }

            return reply[0] == 1
                ? new LimitResult { Requests = requests, Tokens = tokens }
                : new LimitResult
                {
                    RefusedBy = (LimitKind)reply[2],
                    Holder = _scopes[(int)reply[1]].Holder,
                    RetryAfter = TimeSpan.FromMilliseconds(reply[3]),
                    Requests = requests,
                    Tokens = tokens,
                };
        }

        private async ValueTask EndAsync(RedisValue[] values)
        {
            _store._live.TryRemove(this, out _);
            try
            {
                await _store._link.RunAsync(RedisLimitScripts.Return, _keys, values);
            }
            catch (LimitStoreException)
            {
                // Only the idempotent release is retried. The correction of the tokens is not idempotent, and the buckets drain.
                if (_isConcurrencyLimited && _store._unreleased.Count < MaxUnreleased)
                {
                    _store._unreleased.Enqueue(this);
                }
            }
        }

        private RedisValue[] Changes(RedisValue name, Func<int, long> tokens, long requests)
        {
            var values = new RedisValue[1 + (_scopes.Count * 4)];
            values[0] = name;
            for (var i = 0; i < _scopes.Count; i++)
            {
                values[1 + (i * 4)] = _scopes[i].RequestsPerMinute ?? -1;
                values[2 + (i * 4)] = _scopes[i].TokensPerMinute ?? -1;
                values[3 + (i * 4)] = requests;
                values[4 + (i * 4)] = tokens(i);
            }

            return values;
        }
    }
}
