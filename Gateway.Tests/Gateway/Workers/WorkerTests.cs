using System.Collections.Concurrent;
using System.Threading.Channels;
using Gateway.Tests.Support;
using Gateway.Workers;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Gateway.Tests.Gateway.Workers;

public sealed class WorkerTests : IDisposable
{
    private static readonly TimeSpan Period = TimeSpan.FromMinutes(1);
    private readonly RecordingTime _time = new();
    private readonly WorkerHealth _health = new();
    private readonly CollectedLogs _logs = new();
    private readonly Probe _worker;

    public WorkerTests() => _worker = new Probe(_health, _time, _logs.CreateLogger("probe"));

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private WorkerState State => Assert.Single(_health.Workers);

    public void Dispose()
    {
        _worker.Dispose();
        _logs.Dispose();
    }

    [Fact]
    public async Task Turns_ComeAtTheStart_EveryPeriod_AndWhenWoken()
    {
        await _worker.StartAsync(Cancel);
        (await _worker.TurnAsync()).SetResult();
        _time.Advance(Period);
        (await _worker.TurnAsync()).SetResult();
        _worker.Wake();
        (await _worker.TurnAsync()).SetResult();
        await _worker.StopAsync(Cancel);

        Assert.True(_worker.ExecuteTask!.IsCompletedSuccessfully);
        Assert.Equal(("probe", false, 0), (State.Name, State.IsFailing, State.Failures));
        Assert.Empty(_logs.Lines);
    }

    [Fact]
    public async Task TurnInProgress_IsAlone_AndWakesThatComeMeanwhileAreOneTurn()
    {
        await _worker.StartAsync(Cancel);
        var first = await _worker.TurnAsync();
        _worker.Wake();
        _worker.Wake();
        _time.Advance(Period);
        first.SetResult();
        (await _worker.TurnAsync()).SetResult();

        // Any other turn that those calls had started would come before this one.
        var turns = _worker.Turns;
        _worker.Wake();
        (await _worker.TurnAsync()).SetResult();
        await _worker.StopAsync(Cancel);

        Assert.Equal((turns + 1, 1), (_worker.Turns, _worker.MostAtOnce));
    }

    [Fact]
    public async Task StreakOfFailures_IsLoggedOnce_AndItsEndOnce()
    {
        await _worker.StartAsync(Cancel);
        for (var i = 0; i < 3; i++)
        {
            (await _worker.TurnAsync()).SetException(new InvalidOperationException("marked"));
            await Eventually.TrueAsync(() => Task.FromResult(State.Failures == i + 1), "the failure");
            Assert.True(State.IsFailing);
            _worker.Wake();
        }

        (await _worker.TurnAsync()).SetResult();
        await Eventually.TrueAsync(() => Task.FromResult(!State.IsFailing), "the end of the streak");
        await _worker.StopAsync(Cancel);

        Assert.Equal(3, State.Failures);
        Assert.Collection(
            _logs.Lines,
            line =>
            {
                Assert.Equal((LogLevel.Error, "Worker probe failed and tries again: marked"), (line.Level, line.Message));
                Assert.IsType<InvalidOperationException>(line.Exception);
            },
            line => Assert.Equal(
                (LogLevel.Information, "Worker probe works again after 3 failed turns"), (line.Level, line.Message)));
    }

    [Fact]
    public async Task ReasonThatIsKnown_IsLoggedWithoutAStackTrace()
    {
        await _worker.StartAsync(Cancel);
        (await _worker.TurnAsync()).SetException(new WorkerTurnException("marked"));
        await Eventually.TrueAsync(() => Task.FromResult(State.IsFailing), "the failure");
        await _worker.StopAsync(Cancel);

        Assert.Null(Assert.Single(_logs.Lines).Exception);
    }

    [Fact]
    public async Task FailedTurn_IsRepeatedAfterABackOff_OfAtMostAPeriod()
    {
        await _worker.StartAsync(Cancel);
        for (var i = 0; i < 7; i++)
        {
            (await _worker.TurnAsync()).SetException(new InvalidOperationException());
            _worker.Wake();
        }

        (await _worker.TurnAsync()).SetResult();
        _worker.Wake();
        (await _worker.TurnAsync()).SetException(new InvalidOperationException());
        _worker.Wake();
        _worker.NextPeriod = TimeSpan.FromMilliseconds(150);
        (await _worker.TurnAsync()).SetResult();
        _worker.Wake();
        (await _worker.TurnAsync()).SetException(new InvalidOperationException());
        _worker.Wake();
        await _worker.TurnAsync();
        await _worker.StopAsync(Cancel);

        // A minute at the start of every turn, and behind those that failed their back-off; the changed period bounds the last one.
        Assert.Equal([60, 1, 60, 2, 60, 4, 60, 8, 60, 16, 60, 30, 60, 30, 60, 60, 1, 60, 0.15, 0.15, 0.15, 0.15], _time.Armed);
    }

    [Fact]
    public async Task WakeAfterBackOff_StartsATurn_ButNotBeforeTheEndOfABackOff()
    {
        await _worker.StartAsync(Cancel);
        var first = await _worker.TurnAsync();
        _worker.WakeAfterBackOff();
        first.SetException(new InvalidOperationException());
        await Eventually.TrueAsync(() => _time.Armed.Contains(1), "the back-off");
        for (var i = 0; i < 50; i++)
        {
            _worker.WakeAfterBackOff();
        }

        // A turn that began within the back-off would be seen here: one after the end of the back-off is the only one.
        await Eventually.TrueAsync(() => State.Failures == 1, "the failure");
        Assert.Equal([60, 1], _time.Armed);
        _time.Advance(TimeSpan.FromSeconds(1));
        (await _worker.TurnAsync()).SetResult();

        // The calls so far are answered by that turn. Later calls are not lost, neither between turns nor during one.
        await Eventually.TrueAsync(() => !State.IsFailing, "the end of the turn");
        Assert.Equal([60, 1, 60], _time.Armed);
        _worker.WakeAfterBackOff();
        var third = await _worker.TurnAsync();
        _worker.WakeAfterBackOff();
        third.SetResult();
        (await _worker.TurnAsync()).SetResult();
        await _worker.StopAsync(Cancel);

        Assert.Equal([60, 1, 60, 60, 60], _time.Armed);
    }

    [Fact]
    public async Task Wake_EndsABackOff()
    {
        await _worker.StartAsync(Cancel);
        (await _worker.TurnAsync()).SetException(new InvalidOperationException());
        await Eventually.TrueAsync(() => _time.Armed.Contains(1), "the back-off");

        _worker.Wake();

        (await _worker.TurnAsync()).SetResult();
        await _worker.StopAsync(Cancel);
    }

    [Fact]
    public async Task Stop_EndsATurnInProgress_AndIsNoFailure()
    {
        await _worker.StartAsync(Cancel);
        await _worker.TurnAsync();

        await _worker.StopAsync(Cancel);

        Assert.True(_worker.ExecuteTask!.IsCompletedSuccessfully);
        Assert.False(State.IsFailing);
    }

    [Theory]
    [MemberData(nameof(FailureKinds.All), MemberType = typeof(FailureKinds))]
    public async Task AnyException_IsFollowedByTheNextTurn(string kind)
    {
        await _worker.StartAsync(Cancel);
        (await _worker.TurnAsync()).SetException(FailureKinds.Create(kind));
        await Eventually.TrueAsync(() => Task.FromResult(State.IsFailing), "the failure");
        _worker.Wake();
        (await _worker.TurnAsync()).SetResult();
        await Eventually.TrueAsync(() => Task.FromResult(!State.IsFailing), "the next turn");

        Assert.False(_worker.ExecuteTask!.IsCompleted);
        await _worker.StopAsync(Cancel);
    }

    /// <summary>A clock that records, in seconds, the times that its timer was set to.</summary>
    private sealed class RecordingTime : FakeTimeProvider
    {
        private readonly ConcurrentQueue<double> _armed = new();

        public IEnumerable<double> Armed => _armed;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            new Recorded(base.CreateTimer(callback, state, dueTime, period), _armed);

        private sealed class Recorded(ITimer timer, ConcurrentQueue<double> armed) : ITimer
        {
            public bool Change(TimeSpan dueTime, TimeSpan period)
            {
                // Noted when it is set: a test may advance the clock at once.
                var isChanged = timer.Change(dueTime, period);
                armed.Enqueue(dueTime.TotalSeconds);
                return isChanged;
            }

            public void Dispose() => timer.Dispose();

            public ValueTask DisposeAsync() => timer.DisposeAsync();
        }
    }

    /// <summary>A worker whose turns end as the test says.</summary>
    private sealed class Probe(WorkerHealth health, TimeProvider time, ILogger logger) : Worker("probe", WorkerTests.Period, health, time, logger)
    {
        private readonly Channel<TaskCompletionSource> _turns = Channel.CreateUnbounded<TaskCompletionSource>();
        private int _running;

        /// <summary>Turns that the test has taken.</summary>
        public int Turns { get; private set; }

        public int MostAtOnce { get; private set; }

        public TimeSpan NextPeriod { get; set; } = WorkerTests.Period;

        /// <summary>Waits for the next turn; completing the source ends it.</summary>
        public async Task<TaskCompletionSource> TurnAsync()
        {
            var turn = await _turns.Reader.ReadAsync(Cancel).AsTask().GuardAsync();
            Turns++;
            return turn;
        }

        protected override async Task RunOnceAsync(CancellationToken cancellationToken)
        {
            MostAtOnce = Math.Max(MostAtOnce, Interlocked.Increment(ref _running));
            var turn = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            _turns.Writer.TryWrite(turn);
            try
            {
                await turn.Task.WaitAsync(cancellationToken);
                Period = NextPeriod;
            }
            finally
            {
                Interlocked.Decrement(ref _running);
            }
        }
    }
}
