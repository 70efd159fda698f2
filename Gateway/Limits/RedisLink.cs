using Gateway.Primitives;
using StackExchange.Redis;

namespace Gateway.Limits;

/// <summary>
/// The connection to Redis: one multiplexed connection, a timeout for every reply, and a circuit breaker. Redis may be down or slow at any
/// time, also at the start. After a few failures, calls fail at once until a background probe succeeds. Polly's circuit breaker is not
/// used, since it probes with a request of a client.
/// </summary>
internal sealed partial class RedisLink : IAsyncDisposable
{
    /// <summary>The interval of probes while the circuit is open.</summary>
    internal static readonly TimeSpan ProbePeriod = TimeSpan.FromMilliseconds(500);

    /// <summary>
    /// The script of the probe, on a hash and a sorted set of its own, which it removes. It runs each command of the other scripts, since the
    /// rights of a user may lack one. It begins with HSET: a replica and a Redis that is out of memory serve reads, and a Redis that is out of
    /// memory runs a script to its end once it has written.
    /// </summary>
    internal const string Probe = """
        local hash, set = KEYS[1], KEYS[2]
        redis.call('HSET', hash, 'a', '1')
        redis.call('PEXPIREAT', hash, '9999999999999')
        redis.call('PERSIST', hash)
        redis.call('PEXPIRE', hash, '10000')
        redis.call('PTTL', hash)
        redis.call('EXISTS', hash)
        redis.call('RENAME', hash, hash)
        redis.call('HINCRBY', hash, 'a', '1')
        redis.call('HEXISTS', hash, 'a')
        redis.call('HGET', hash, 'a')
        redis.call('HMGET', hash, 'a')
        redis.call('HKEYS', hash)
        redis.call('HLEN', hash)
        redis.call('HSCAN', hash, '0')
        redis.call('ZADD', set, '1', 'a')
        redis.call('PEXPIRE', set, '10000')
        redis.call('ZCARD', set)
        redis.call('ZCOUNT', set, '-inf', '+inf')
        redis.call('TIME')
        redis.call('ZREM', set, 'a')
        redis.call('ZREMRANGEBYSCORE', set, '-inf', '+inf')
        redis.call('HDEL', hash, 'a')
        redis.call('DEL', hash, set)
        return 1
        """;

    private readonly ConfigurationOptions _options;
    private readonly TimeSpan _timeout;
    private readonly RedisKey[] _probeKeys;
    private readonly TimeProvider _time;
    private readonly ILogger<RedisLink> _logger;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Task<ConnectionMultiplexer> _connecting;
    private readonly Lock _gate = new();
    private readonly OutageDetector _detector;
    private long _failures;
    private long _openedAt;
    private volatile bool _isOpen;
    private volatile string? _reason;
    private Task _probing = Task.CompletedTask;

    /// <summary>Creates a link and starts to connect in the background.</summary>
    /// <param name="options">The operator's configuration; settings that the link depends on are overridden.</param>
    /// <param name="keyPrefix">The prefix of every key.</param>
    /// <param name="timeout">The longest time that a call waits for a reply.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">The log.</param>
    public RedisLink(ConfigurationOptions options, string keyPrefix, TimeSpan timeout, TimeProvider time, ILogger<RedisLink> logger)
    {
        _options = OptionsOf(options, timeout);
        _timeout = timeout;
        _time = time;
        _logger = logger;
        _detector = new OutageDetector(time);

        // The part in braces determines the slot of a Redis cluster.
        _probeKeys = [keyPrefix + "{probe}:hash", keyPrefix + "{probe}:set"];
        _connecting = ConnectAsync();
    }

    /// <summary>Raised after an outage, when calls succeed again. Handlers must not throw.</summary>
    public event Action? Recovered;

    /// <summary>Whether the circuit is open. Calls then fail at once.</summary>
    public bool IsOpen => _isOpen;

    /// <summary>Why Redis fails; <see langword="null"/> as long as the circuit is closed. Contains no address and no password.</summary>
    public string? Fault => _isOpen ? _reason : null;

    /// <summary>The number of calls that failed because of Redis, without those rejected by the open circuit.</summary>
    public long Failures => Interlocked.Read(ref _failures);

    /// <summary>Runs a script as one atomic step.</summary>
    /// <param name="script">The text of the script. Once Redis has cached it, only its hash is sent.</param>
    /// <param name="keys">All keys that the script uses, in one cluster slot.</param>
    /// <param name="values">The arguments.</param>
    /// <param name="late">
    /// Undoes the effect of the script. Called after a failure, with the late reply, or with <see langword="null"/> if no reply arrives.
    /// </param>
    /// <exception cref="LimitStoreException">Redis failed or was too slow, or the circuit is open.</exception>
    public async ValueTask<RedisResult> RunAsync(string script, RedisKey[] keys, RedisValue[] values, Action<RedisResult?>? late = null)
    {
        if (_isOpen)
        {
            throw new LimitStoreException("Redis has an outage.");
        }

        var reply = SendAsync(script, keys, values);
        try
        {
            var result = await reply.WaitAsync(_timeout, _time);
            Count(null);
            return result;
        }
        catch (Exception fault) when (IsOfRedis(fault))
        {
            var reason = RedisFault.Describe(fault, _options.Ssl, _timeout);
            Count(RedisFault.IsOutage(fault) ? reason : null);
            _ = WatchAsync(reply, late);
            throw new LimitStoreException(reason) { MayHaveTakenEffect = true, IsOfCounter = IsOfCounter(fault) };
        }
    }

    /// <summary>Sends a script without circuit breaker, timeout and retries, and without waiting for the reply.</summary>
    public void Post(string script, RedisKey[] keys, RedisValue[] values) => _ = WatchAsync(SendAsync(script, keys, values), null);

    /// <inheritdoc />
    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        Task probing;
        lock (_gate)
        {
            probing = _probing;
        }

        await probing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await ((Task)_connecting).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (_connecting.IsCompletedSuccessfully)
        {
            await (await _connecting).DisposeAsync();
        }

        _stopping.Dispose();
    }

    /// <summary>The operator's configuration with the settings that the link depends on.</summary>
    internal static ConfigurationOptions OptionsOf(ConfigurationOptions configured, TimeSpan timeout)
    {
        var options = configured.Clone();
        options.AbortOnConnectFail = false;
        options.BacklogPolicy = BacklogPolicy.FailFast;

        // The multiplexer reconnects at each heartbeat, a second apart. This policy decides when it gives up an attempt that is under way: a
        // shorter time would end each attempt at a Redis behind a slow handshake, and connect to it never.
        options.ReconnectRetryPolicy = new LinearRetry(options.ConnectTimeout);

        // Longer than the timeout of calls, so that a late reply is still received and its effect can be undone.
        options.AsyncTimeout = (int)Math.Max(5000, 4 * timeout.TotalMilliseconds);
        return options;
    }

    private static bool IsOfRedis(Exception fault) =>
        fault is RedisException or RedisCommandException or TimeoutException or ObjectDisposedException or OperationCanceledException;

    /// <summary>
    /// Whether a reply is about the value of one key: a sum that overflows, a field that is no number, or a key of another type. Redis 6 puts
    /// the error of a command inside that of its script.
    /// </summary>
    private static bool IsOfCounter(Exception fault) => fault is RedisServerException error
        && (Says(error, "overflow") || Says(error, "not an integer") || Says(error, "WRONGTYPE"));

    private static bool Says(RedisServerException error, string text) => error.Message.Contains(text, StringComparison.Ordinal);

    private async Task<ConnectionMultiplexer> ConnectAsync()
    {
        // The multiplexer reconnects by itself once it exists. Its creation fails if the name cannot be resolved, so it is retried here.
        await Task.Yield();
        while (true)
        {
            try
            {
                return await ConnectionMultiplexer.ConnectAsync(_options);
            }
#pragma warning disable CA1031 // Any exception: without another attempt the link would never connect.
            catch (Exception) when (!_stopping.IsCancellationRequested)
#pragma warning restore CA1031
            {
                await Task.Delay(ProbePeriod, _time, _stopping.Token);
            }
        }
    }

    private async Task<RedisResult> SendAsync(string script, RedisKey[] keys, RedisValue[] values)
    {
        // The wait is bounded, so that a command that timed out before the connection was established is not sent later.
        var redis = _connecting.IsCompletedSuccessfully ? await _connecting : await _connecting.WaitAsync(_timeout, _time);
        return await redis.GetDatabase().ScriptEvaluateAsync(script, keys, values);
    }

    private static async Task WatchAsync(Task<RedisResult> reply, Action<RedisResult?>? late)
    {
        await ((Task)reply).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        late?.Invoke(reply.IsCompletedSuccessfully ? await reply : null);
    }

    /// <param name="failure">Why the call failed; <see langword="null"/> if it did not fail because of Redis.</param>
    private void Count(string? failure)
    {
        lock (_gate)
        {
            var isOutage = _detector.Count(failure is not null);
            _failures += failure is not null ? 1 : 0;
            if (_isOpen || !isOutage)
            {
                return;
            }

            _reason = failure;
            _isOpen = true;
            _openedAt = _time.GetTimestamp();
            _probing = ProbeAsync();
        }

        Log.LimitStoreFailed(_logger, failure!);
    }

    private async Task ProbeAsync()
    {
        await Task.Yield();
        do
        {
            await Task.Delay(ProbePeriod, _time, _stopping.Token);
        }
        while (!await TryProbeAsync());

        lock (_gate)
        {
            _detector.Reset();
            _isOpen = false;
        }

        Log.LimitStoreRecovered(_logger, (long)_time.GetElapsedTime(_openedAt).TotalMilliseconds);
        Recovered?.Invoke();
    }

    private async Task<bool> TryProbeAsync()
    {
        var reply = SendAsync(Probe, _probeKeys, []);
        try
        {
            await reply.WaitAsync(_timeout, _time, _stopping.Token);
            return true;
        }
#pragma warning disable CA1031 // Any exception: without another probe the circuit would stay open forever.
        catch (Exception fault) when (!_stopping.IsCancellationRequested)
#pragma warning restore CA1031
        {
            _ = WatchAsync(reply, null);

            // The first failures may be timeouts of a connection that is then refused.
            var reason = RedisFault.Describe(fault, _options.Ssl, _timeout);
            if (reason != _reason && RedisFault.IsRefusal(fault, _options.Ssl))
            {
                Log.LimitStoreFailed(_logger, reason);
            }

            _reason = reason;
            return false;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(
            LogEvents.LimitStoreFailed,
            LogLevel.Warning,
            "Redis, the store of limits and budgets, fails: {Reason} Until it works, calls follow Limits:WhenStoreFails")]
        public static partial void LimitStoreFailed(ILogger logger, string reason);

        [LoggerMessage(LogEvents.LimitStoreRecovered, LogLevel.Information, "Redis responds again after {OutageMs} ms")]
        public static partial void LimitStoreRecovered(ILogger logger, long outageMs);
    }
}
