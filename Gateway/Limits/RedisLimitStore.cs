using System.Collections.Concurrent;
using Gateway.Teams;
using StackExchange.Redis;

namespace Gateway.Limits;

/// <summary>
/// Limits that several nodes share: one atomic script a request. A request in flight is a member of a sorted set with the moment at which
/// it expires; its node moves that moment on while the request lives, so that the places of a node that was killed free themselves. Only
/// holders with a limit of concurrency have such a set: requests that were in flight before one was set are not counted by it.
/// </summary>
internal sealed class RedisLimitStore : ILimitStore, IAsyncDisposable
{
    /// <summary>How long a request in flight counts when its node does not say that it lives.</summary>
    internal static readonly TimeSpan DefaultLeaseTime = TimeSpan.FromSeconds(60);

    /// <summary>Leases in one renewing call: Redis does nothing else in the meantime.</summary>
    private const int RenewedAtOnce = 500;

    /// <summary>Ends that could not be told, kept for another try. Those beyond expire by themselves.</summary>
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

    /// <summary>Creates a store, which begins to renew what it grants.</summary>
    /// <param name="link">The way to Redis; not owned.</param>
    /// <param name="keyPrefix">What every key begins with.</param>
    /// <param name="time">The clock of the renewals; what counts is Redis' own.</param>
    /// <param name="leaseTime">How long a lease lasts without being renewed; it is renewed after a third of that.</param>
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
    /// A key of a holder. What stands in braces decides the slot in a cluster: the team's id, so that a team and its keys share one.
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
                // Two more tries before the leases expire. Those that have expired by then are written anew.
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

                // One that ended while it was being renewed may have been written again behind its end.
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

    /// <summary>Tells the ends that could not be told.</summary>
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

        /// <summary>The sets that it is in.</summary>
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

        /// <summary>The answer came too late, or never will: nobody is going to use this place.</summary>
        public void Undo(RedisResult? answer)
        {
            if (answer is null)
            {
                // Whether it was granted is not known. Giving up a place is right either way; buckets drain by themselves.
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
                // Only the place is told later: that can be done twice, putting tokens right cannot, and buckets forget by themselves.
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
