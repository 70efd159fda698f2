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
internal sealed partial class RedisLimitStore : ILimitStore, ILimitPreview, IAsyncDisposable
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
    public ValueTask<LimitResult?> PreviewEntryAsync(IReadOnlyList<LimitScope> scopes) => new Lease(this, "", scopes).PreviewEntryAsync();

    /// <inheritdoc />
    public ValueTask<LimitResult> PreviewChargeAsync(IReadOnlyList<LimitScope> scopes, long estimatedTokens) =>
        new Lease(this, "", scopes).PreviewChargeAsync(estimatedTokens);

    /// <inheritdoc />
    public async ValueTask<long> CountInFlightAsync(LimitScope scope) =>
        scope.ConcurrentRequests is null ? 0 : Numbers(await _link.RunAsync(RedisLimitScripts.InFlight, [KeyOf(scope.Holder, ":flying")], []), 1)[0];

    /// <inheritdoc />
    public async ValueTask CorrectAsync(IReadOnlyList<LimitScope> scopes, long change)
    {
        var keys = new RedisKey[scopes.Count * 2];
        for (var i = 0; i < scopes.Count; i++)
        {
            keys[i * 2] = KeyOf(scopes[i].Holder, "");
            keys[(i * 2) + 1] = KeyOf(scopes[i].Holder, ":flying");
        }

        try
        {
            await _link.RunAsync(RedisLimitScripts.Return, keys, ReturnValues(RedisValue.EmptyString, scopes, requests: 0, _ => change, static _ => 0));
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

    /// <summary>The arguments of <see cref="RedisLimitScripts.Return"/>.</summary>
    private static RedisValue[] ReturnValues(
        RedisValue lease, IReadOnlyList<LimitScope> scopes, long requests, Func<int, long> tokens, Func<int, long> charge)
    {
        var values = new RedisValue[1 + (scopes.Count * 5)];
        values[0] = lease;
        for (var i = 0; i < scopes.Count; i++)
        {
            values[1 + (i * 5)] = scopes[i].RequestsPerMinute ?? -1;
            values[2 + (i * 5)] = scopes[i].TokensPerMinute ?? -1;
            values[3 + (i * 5)] = requests;
            values[4 + (i * 5)] = tokens(i);
            values[5 + (i * 5)] = charge(i);
        }

        return values;
    }
}
