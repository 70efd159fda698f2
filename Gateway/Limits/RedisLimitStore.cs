using System.Collections.Concurrent;
using Gateway.Teams;
using StackExchange.Redis;

namespace Gateway.Limits;

/// <summary>
/// Limits that several nodes share: one atomic script per request. A request in flight is a member of a sorted set, scored by its expiry;
/// its node renews it while the request runs, so that the leases of a killed node expire. Only holders with a concurrency limit have such a
/// set: it does not count requests that were in flight before the limit was set.
/// </summary>
internal sealed class RedisLimitStore : ILimitStore, IAsyncDisposable
{
    /// <summary>The lifetime of a lease without renewal.</summary>
    internal static readonly TimeSpan DefaultLeaseTime = TimeSpan.FromSeconds(60);

    /// <summary>The number of leases in one renewal script, during which Redis serves nothing else.</summary>
    private const int RenewedAtOnce = 500;

    /// <summary>Releases without an answer, kept for a retry. Further leases expire.</summary>
    private const int MaxUntold = 10_000;

    private readonly RedisLink _link;
    private readonly string _keyPrefix;
    private readonly TimeSpan _leaseTime;
    private readonly TimeProvider _time;
    private readonly ConcurrentDictionary<Lease, byte> _live = new();
    private readonly ConcurrentQueue<Lease> _untold = new();
    private readonly CancellationTokenSource _stopping = new();
    private readonly Task _renewing;
    private int _isDisposed;

    /// <summary>Creates a store and starts to renew its leases.</summary>
    /// <param name="link">The connection to Redis; not owned.</param>
    /// <param name="keyPrefix">The prefix of every key.</param>
    /// <param name="time">The clock of the renewals; limits use Redis' clock.</param>
    /// <param name="leaseTime">The lifetime of a lease without renewal; it is renewed after a third of it.</param>
    public RedisLimitStore(RedisLink link, string keyPrefix, TimeProvider time, TimeSpan? leaseTime = null)
    {
        _link = link;
        _keyPrefix = keyPrefix;
        _time = time;
        _leaseTime = leaseTime ?? DefaultLeaseTime;
        _renewing = RenewAsync(_stopping.Token);
    }

    /// <inheritdoc />
    public async ValueTask<LimitResult> TakeAsync(LimitRequest request)
    {
        var scopes = request.Scopes;
        var keys = new RedisKey[scopes.Count * 2];
        var values = new RedisValue[2 + (scopes.Count * 4)];
        var amounts = new long[scopes.Count];
        var isConcurrencyLimited = false;
        values[0] = request.Id.ToString("N");
        values[1] = (long)_leaseTime.TotalMilliseconds;
        for (var i = 0; i < scopes.Count; i++)
        {
            var scope = scopes[i];
            amounts[i] = Math.Clamp(request.EstimatedTokens, 0, scope.TokensPerMinute ?? 0);
            isConcurrencyLimited |= scope.ConcurrentRequests is not null;
            keys[i * 2] = KeyOf(scope.Holder, "");
            keys[(i * 2) + 1] = KeyOf(scope.Holder, ":flying");
            values[2 + (i * 4)] = scope.RequestsPerMinute ?? -1;
            values[3 + (i * 4)] = scope.TokensPerMinute ?? -1;
            values[4 + (i * 4)] = scope.ConcurrentRequests ?? -1;
            values[5 + (i * 4)] = amounts[i];
        }

        var lease = new Lease(this, values[0], scopes, keys, amounts, isConcurrencyLimited);
        var answer = Numbers(await _link.RunAsync(RedisLimitScripts.Take, keys, values, lease.Undo), 4 + (scopes.Count * 4));
        LimitLevel? requests = null;
        LimitLevel? tokens = null;
        for (var i = 0; i < scopes.Count; i++)
        {
            var level = answer.AsSpan(4 + (i * 4), 4);
            if (scopes[i].RequestsPerMinute is { } requestLimit)
            {
                requests = MemoryLimitStore.Tighter(requests, new LimitLevel(requestLimit, level[0], TimeSpan.FromMilliseconds(level[1])));
            }

            if (scopes[i].TokensPerMinute is { } tokenLimit)
            {
                tokens = MemoryLimitStore.Tighter(tokens, new LimitLevel(tokenLimit, level[2], TimeSpan.FromMilliseconds(level[3])));
            }
        }

        if (answer[0] == 1)
        {
            lease.Begin();
            return new LimitResult { Lease = lease, Requests = requests, Tokens = tokens };
        }

        return new LimitResult
        {
            RefusedBy = (LimitKind)answer[2],
            Holder = scopes[(int)answer[1]].Holder,
            RetryAfter = TimeSpan.FromMilliseconds(answer[3]),
            Requests = requests,
            Tokens = tokens,
        };
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
            // No numbers.
        }

        throw new LimitStoreException("Redis gave an answer that a script of the gateway does not give.");
    }

    /// <summary>
    /// A key of a holder. The part in braces decides the cluster slot: the team's id, so that a team and its keys share a slot.
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
                await TellAsync();
            }
#pragma warning disable CA1031 // Any exception: without the next round all leases of this node expire.
            catch (Exception) when (!stopping.IsCancellationRequested)
#pragma warning restore CA1031
            {
                // Leaves two retries before the leases expire. Expired leases are written again.
            }
        }
    }

    private async Task RenewAllAsync()
    {
        var ofHolders = new Dictionary<RedisKey, List<Lease>>();
        foreach (var (lease, _) in _live)
        {
            foreach (var key in lease.Flying)
            {
                if (!ofHolders.TryGetValue(key, out var leases))
                {
                    ofHolders.Add(key, leases = []);
                }

                leases.Add(lease);
            }
        }

        foreach (var (key, leases) in ofHolders)
        {
            foreach (var some in leases.Chunk(RenewedAtOnce))
            {
                RedisValue[] values = [(long)_leaseTime.TotalMilliseconds, .. some.Select(lease => lease.Name)];
                await _link.RunAsync(RedisLimitScripts.Renew, [key], values);

                // A lease that ended during its renewal may have been written again after its release.
                foreach (var lease in some)
                {
                    if (lease.IsOver)
                    {
                        await _link.RunAsync(RedisLimitScripts.Release, lease.Flying, [lease.Name]);
                    }
                }
            }
        }
    }

    /// <summary>Retries releases without an answer.</summary>
    private async Task TellAsync()
    {
        while (_untold.TryDequeue(out var lease))
        {
            try
            {
                await _link.RunAsync(RedisLimitScripts.Release, lease.Flying, [lease.Name]);
            }
            catch (LimitStoreException)
            {
                _untold.Enqueue(lease);
                throw;
            }
        }
    }

    private sealed class Lease(
        RedisLimitStore store,
        RedisValue name,
        IReadOnlyList<LimitScope> scopes,
        RedisKey[] keys,
        long[] amounts,
        bool isConcurrencyLimited) : ILimitLease
    {
        private int _isOver;

        public RedisValue Name => name;

        public bool IsOver => Volatile.Read(ref _isOver) != 0;

        /// <summary>The sets that contain the lease.</summary>
        public RedisKey[] Flying { get; } =
            [.. Enumerable.Range(0, scopes.Count).Where(i => scopes[i].ConcurrentRequests is not null).Select(i => keys[(i * 2) + 1])];

        public void Begin()
        {
            if (isConcurrencyLimited)
            {
                store._live.TryAdd(this, 0);
            }
        }

        public ValueTask ReturnAsync(long? tokens)
        {
            if (Interlocked.Exchange(ref _isOver, 1) != 0)
            {
                return ValueTask.CompletedTask;
            }

            var isTokenLimited = tokens is not null && scopes.Any(scope => scope.TokensPerMinute is not null);
            return isConcurrencyLimited || isTokenLimited
                ? EndAsync(Changes(i => tokens is { } used ? Math.Max(0, used) - amounts[i] : 0, 0))
                : ValueTask.CompletedTask;
        }

        public ValueTask CancelAsync() =>
            Interlocked.Exchange(ref _isOver, 1) != 0 ? ValueTask.CompletedTask : EndAsync(Changes(i => -amounts[i], -1));

        /// <summary>The answer came too late, or will never come: the lease is not used.</summary>
        public void Undo(RedisResult? answer)
        {
            if (answer is null)
            {
                // Whether it was granted is unknown. Releasing the lease is right in both cases; buckets drain.
                if (isConcurrencyLimited)
                {
                    store._link.Post(RedisLimitScripts.Release, Flying, [name]);
                }
            }
            else if (answer.Resp2Type == ResultType.Array && answer.Length > 0 && (long)answer[0] == 1)
            {
                store._link.Post(RedisLimitScripts.Return, keys, Changes(i => -amounts[i], -1));
            }
        }

        private async ValueTask EndAsync(RedisValue[] values)
        {
            store._live.TryRemove(this, out _);
            try
            {
                await store._link.RunAsync(RedisLimitScripts.Return, keys, values);
            }
            catch (LimitStoreException)
            {
                // Only the lease is released later, which is idempotent. Correcting tokens is not, and buckets drain.
                if (isConcurrencyLimited && store._untold.Count < MaxUntold)
                {
                    store._untold.Enqueue(this);
                }
            }
        }

        private RedisValue[] Changes(Func<int, long> tokens, long requests)
        {
            var values = new RedisValue[1 + (scopes.Count * 4)];
            values[0] = name;
            for (var i = 0; i < scopes.Count; i++)
            {
                values[1 + (i * 4)] = scopes[i].RequestsPerMinute ?? -1;
                values[2 + (i * 4)] = scopes[i].TokensPerMinute ?? -1;
                values[3 + (i * 4)] = requests;
                values[4 + (i * 4)] = tokens(i);
            }

            return values;
        }
    }
}
