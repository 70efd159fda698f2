using System.Globalization;
using Gateway.Primitives;
using StackExchange.Redis;

namespace Gateway.Limits;

/// <summary>
/// The connection to Redis: one multiplexed connection, a timeout on every answer, and a circuit breaker. Redis may be down or slow at any
/// time, also at the start. After a few timeouts, calls fail at once until a background probe is answered; no request is used as the probe.
/// Not Polly's circuit breaker, which tests with a request.
/// </summary>
internal sealed partial class RedisLink : IAsyncDisposable
{
    /// <summary>The interval of probes while the circuit is open.</summary>
    internal static readonly TimeSpan ProbePeriod = TimeSpan.FromMilliseconds(500);

    /// <summary>The probe writes: a replica, or a Redis out of memory, still answers reads.</summary>
    private const string Probe = "return redis.call('SET', KEYS[1], '1', 'PX', '10000')";

    private readonly ConfigurationOptions _options;
    private readonly TimeSpan _timeout;
    private readonly RedisKey _probeKey;
    private readonly TimeProvider _time;
    private readonly ILogger<RedisLink> _logger;
    private readonly CancellationTokenSource _stopping = new();
    private readonly Task<ConnectionMultiplexer> _connecting;
    private readonly Lock _gate = new();
    private readonly OutageDetector _detector;
    private long _failures;
    private long _openedAt;
    private volatile bool _isOpen;
    private Task _probing = Task.CompletedTask;

    /// <summary>Starts to connect, without waiting.</summary>
    /// <param name="options">The operator's configuration; settings that the link depends on are overridden.</param>
    /// <param name="keyPrefix">The prefix of every key.</param>
    /// <param name="timeout">The longest time that a request waits for an answer.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">The log.</param>
    public RedisLink(ConfigurationOptions options, string keyPrefix, TimeSpan timeout, TimeProvider time, ILogger<RedisLink> logger)
    {
        _options = options.Clone();
        _options.AbortOnConnectFail = false;
        _options.BacklogPolicy = BacklogPolicy.FailFast;
        _options.ReconnectRetryPolicy = new LinearRetry((int)ProbePeriod.TotalMilliseconds);
        // Requests wait for the link's timeout. The client's timeout is longer, so that a late answer is still received and its effect
        // undone.
        _options.AsyncTimeout = (int)Math.Max(5000, 4 * timeout.TotalMilliseconds);
        _timeout = timeout;
        _probeKey = keyPrefix + "probe";
        _time = time;
        _logger = logger;
        _detector = new OutageDetector(time);
        _connecting = ConnectAsync();
    }

    /// <summary>Raised after an outage, when calls succeed again. Handlers must not throw.</summary>
    public event Action? Recovered;

    /// <summary>Whether the circuit is open: calls fail at once.</summary>
    public bool IsOpen => _isOpen;

    /// <summary>The number of calls without an answer in time, without those rejected by the open circuit.</summary>
    public long Failures => Interlocked.Read(ref _failures);

    /// <summary>Runs a script as one atomic step.</summary>
    /// <param name="script">Its text; only the hash is sent once Redis has it.</param>
    /// <param name="keys">All keys that it uses, of one cluster slot.</param>
    /// <param name="values">Its arguments.</param>
    /// <param name="late">
    /// Called with an answer that comes after the caller has given up, or <see langword="null"/> if it will never come, to undo the
    /// script's effect.
    /// </param>
    /// <exception cref="LimitStoreException">Redis failed or was too slow, or the circuit is open.</exception>
    public async ValueTask<RedisResult> RunAsync(string script, RedisKey[] keys, RedisValue[] values, Action<RedisResult?>? late = null)
    {
        if (_isOpen)
        {
            throw new LimitStoreException("Redis has not answered for a while.");
        }

        var answer = SendAsync(script, keys, values);
        try
        {
            var result = await answer.WaitAsync(_timeout, _time);
            Count(isFailure: false);
            return result;
        }
        catch (Exception fault) when (IsOfRedis(fault))
        {
            Count(IsOutage(fault));
            _ = WatchAsync(answer, late);
            throw new LimitStoreException(Describe(fault));
        }
    }

    /// <summary>Runs a script without the circuit breaker, the timeout and retries: to undo the effect of a late answer.</summary>
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

    private static bool IsOfRedis(Exception fault) =>
        fault is RedisException or RedisCommandException or TimeoutException or ObjectDisposedException or OperationCanceledException;

    /// <summary>
    /// Whether the exception is about Redis itself. A script error, such as an overflow, concerns one team and must not block others.
    /// </summary>
    private static bool IsOutage(Exception fault) =>
        fault is not RedisServerException error || !(HasCode(error, "ERR") || HasCode(error, "WRONGTYPE"));

    private static bool HasCode(RedisServerException error, string code) => error.Message.StartsWith(code + " ", StringComparison.Ordinal);

    private async Task<ConnectionMultiplexer> ConnectAsync()
    {
        // Connecting starts with name resolution, which may fail before there is a connection that reconnects by itself.
        await Task.Yield();
        while (true)
        {
            try
            {
                return await ConnectionMultiplexer.ConnectAsync(_options);
            }
#pragma warning disable CA1031 // Whatever went wrong, without another try there would never be a connection.
            catch (Exception) when (!_stopping.IsCancellationRequested)
#pragma warning restore CA1031
            {
                await Task.Delay(ProbePeriod, _time, _stopping.Token);
            }
        }
    }

    private async Task<RedisResult> SendAsync(string script, RedisKey[] keys, RedisValue[] values)
    {
        // A command that timed out before the connection was established must not be sent later.
        var redis = _connecting.IsCompletedSuccessfully ? await _connecting : await _connecting.WaitAsync(_timeout, _time);
        return await redis.GetDatabase().ScriptEvaluateAsync(script, keys, values);
    }

    private static async Task WatchAsync(Task<RedisResult> answer, Action<RedisResult?>? late)
    {
        await ((Task)answer).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        late?.Invoke(answer.IsCompletedSuccessfully ? await answer : null);
    }

    /// <summary>The kind of failure, without the client's details of addresses and the connection string.</summary>
    private string Describe(Exception fault) => fault switch
    {
        TimeoutException => string.Create(CultureInfo.InvariantCulture, $"Redis did not answer within {_timeout.TotalMilliseconds:0} ms."),
        RedisServerException => $"Redis answered with the error {fault.Message.Split(' ', 2)[0]}.",
        RedisConnectionException connection => $"Redis is not connected ({connection.FailureType}).",
        _ => $"Redis failed ({fault.GetType().Name}).",
    };

    private void Count(bool isFailure)
    {
        lock (_gate)
        {
            var isOutage = _detector.Count(isFailure);
            _failures += isFailure ? 1 : 0;
            if (_isOpen || !isOutage)
            {
                return;
            }

            _isOpen = true;
            _openedAt = _time.GetTimestamp();
            _probing = ProbeAsync();
        }

        Log.LimitStoreFailed(_logger);
    }

    private async Task ProbeAsync()
    {
        await Task.Yield();
        do
        {
            await Task.Delay(ProbePeriod, _time, _stopping.Token);
        }
        while (!await IsAnsweringAsync());

        lock (_gate)
        {
            _detector.Reset();
            _isOpen = false;
        }

        Log.LimitStoreRecovered(_logger, (long)_time.GetElapsedTime(_openedAt).TotalMilliseconds);
        Recovered?.Invoke();
    }

    private async Task<bool> IsAnsweringAsync()
    {
        var answer = SendAsync(Probe, [_probeKey], []);
        try
        {
            await answer.WaitAsync(_timeout, _time, _stopping.Token);
            return true;
        }
#pragma warning disable CA1031 // Any exception: without another try the store would be given up for good.
        catch (Exception) when (!_stopping.IsCancellationRequested)
#pragma warning restore CA1031
        {
            _ = WatchAsync(answer, null);
            return false;
        }
    }

    private static partial class Log
    {
        [LoggerMessage(
            LogEvents.LimitStoreFailed,
            LogLevel.Warning,
            "Redis, where limits and budgets are counted, does not answer in time; until it does, calls go by Limits:WhenStoreFails")]
        public static partial void LimitStoreFailed(ILogger logger);

        [LoggerMessage(LogEvents.LimitStoreRecovered, LogLevel.Information, "Redis answers again after {OutageMs} ms")]
        public static partial void LimitStoreRecovered(ILogger logger, long outageMs);
    }
}
