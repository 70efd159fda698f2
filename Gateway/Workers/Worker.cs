using Gateway.Primitives;

namespace Gateway.Workers;

/// <summary>
/// Runs background work in turns: one turn at a time, every <see cref="Period"/> and after a call of <see cref="Wake"/>. A turn that throws
/// never ends the worker. Its failure is counted in <see cref="WorkerHealth"/> and logged once per streak, and the next turn follows after
/// a back-off of at most one period. <see cref="Wake"/> ends a back-off, since it reports that a cause of failures may be gone;
/// <see cref="WakeAfterBackOff"/> does not, so that frequent callers cannot make a failing worker run all the time. Only the stop of the
/// host ends a worker.
/// </summary>
internal abstract partial class Worker : BackgroundService
{
    private static readonly TimeSpan FirstBackOff = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LastBackOff = TimeSpan.FromSeconds(30);

    private readonly WorkerState _state;
    private readonly ILogger _logger;
    private readonly ITimer _timer;
    private readonly SemaphoreSlim _wake = new(0);
    private readonly Lock _gate = new();
    private TimeSpan _backOff = FirstBackOff;
    private int _isWoken;

    // Whether the worker waits for the next period, and neither runs a turn nor backs off.
    private bool _isIdle;
    private bool _isWokenAfterTurn;

    /// <summary>Creates a worker and registers it with <paramref name="health"/>.</summary>
    /// <param name="name">Value of the tag <c>worker</c>; unique in the process.</param>
    /// <param name="period">The first value of <see cref="Period"/>.</param>
    /// <param name="health">The registry of workers.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">The log of the worker.</param>
    protected Worker(string name, TimeSpan period, WorkerHealth health, TimeProvider time, ILogger logger)
    {
        Period = period;
        _state = health.Register(name);
        _logger = logger;
        _timer = time.CreateTimer(
            static worker => ((Worker)worker!).Wake(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>The time from the start of a turn to the start of the next one. A turn may change it.</summary>
    protected TimeSpan Period { get; set; }

    /// <summary>The delay of the first turn after the start of the worker. Default zero.</summary>
    protected TimeSpan FirstDelay { get; init; }

    /// <summary>Starts the next turn now, or directly after the turn in progress. Several calls before that turn start it once.</summary>
    public void Wake()
    {
        if (Interlocked.Exchange(ref _isWoken, 1) == 0)
        {
            _wake.Release();
        }
    }

    /// <summary>
    /// Starts the next turn now, directly after a turn in progress that succeeds, or at the end of the back-off. Several calls before that
    /// turn start it once.
    /// </summary>
    public void WakeAfterBackOff()
    {
        lock (_gate)
        {
            if (!_isIdle)
            {
                _isWokenAfterTurn = true;
                return;
            }
        }

        Wake();
    }

    /// <inheritdoc />
    public override void Dispose()
    {
        _timer.Dispose();
        base.Dispose();
    }

    /// <summary>Runs one turn.</summary>
    /// <param name="cancellationToken">Cancelled when the host stops.</param>
    protected abstract Task RunOnceAsync(CancellationToken cancellationToken);

    /// <summary>Whether the message of an exception explains the failure. If so, the stack trace is not logged.</summary>
    protected virtual bool IsExpected(Exception fault) => fault is WorkerTurnException;

    /// <inheritdoc />
    protected sealed override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            if (FirstDelay > TimeSpan.Zero)
            {
                Arm(FirstDelay);
                await WaitAsync(stoppingToken);
            }

            while (true)
            {
                // Armed before the turn: a period lasts from start to start, and time that passes during the turn counts.
                var period = Period;
                Arm(period);
                BeginTurn();
                if (!await TryRunAsync(stoppingToken))
                {
                    Arm(_backOff < Period ? _backOff : Period);
                    _backOff = _backOff * 2 < LastBackOff ? _backOff * 2 : LastBackOff;
                }
                else
                {
                    if (Period != period)
                    {
                        Arm(Period);
                    }

                    BecomeIdle();
                }

                await WaitAsync(stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The host stops.
        }
    }

    private void Arm(TimeSpan delay) => _timer.Change(delay, Timeout.InfiniteTimeSpan);

    private void BeginTurn()
    {
        lock (_gate)
        {
            _isIdle = false;

            // This turn begins after the calls so far, so it is the one that they asked for.
            _isWokenAfterTurn = false;
        }
    }

    private void BecomeIdle()
    {
        bool isWoken;
        lock (_gate)
        {
            _isIdle = true;
            isWoken = _isWokenAfterTurn;
        }

        if (isWoken)
        {
            Wake();
        }
    }

    private async Task WaitAsync(CancellationToken stoppingToken)
    {
        await _wake.WaitAsync(stoppingToken);
        Volatile.Write(ref _isWoken, 0);
    }

    private async Task<bool> TryRunAsync(CancellationToken stoppingToken)
    {
        try
        {
            await RunOnceAsync(stoppingToken);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            throw;
        }
#pragma warning disable CA1031 // Any exception: a worker that ends leaves its work undone until a restart.
        catch (Exception fault)
#pragma warning restore CA1031
        {
            Fail(fault);
            return false;
        }

        Succeed();
        return true;
    }

    private void Fail(Exception fault)
    {
        if (_state.Fail())
        {
            Log.WorkerFailed(_logger, _state.Name, fault.Message, IsExpected(fault) ? null : fault);
        }
    }

    private void Succeed()
    {
        _backOff = FirstBackOff;
        if (_state.Succeed() is > 0 and var failures)
        {
            Log.WorkerRecovered(_logger, _state.Name, failures);
        }
    }

    private static partial class Log
    {
        [LoggerMessage(LogEvents.WorkerFailed, LogLevel.Error, "Worker {Worker} failed and tries again: {Fault}")]
        public static partial void WorkerFailed(ILogger logger, string worker, string fault, Exception? exception);

        [LoggerMessage(LogEvents.WorkerRecovered, LogLevel.Information, "Worker {Worker} works again after {Failures} failed turns")]
        public static partial void WorkerRecovered(ILogger logger, string worker, long failures);
    }
}
