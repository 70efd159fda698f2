using Microsoft.Extensions.Time.Testing;

namespace Gateway.Tests.Support;

/// <summary>A clock that counts the timers with one time, as a sign that the gateway has begun to wait.</summary>
internal sealed class TimerCountingTime(TimeSpan counted) : FakeTimeProvider(TimeProvider.System.GetUtcNow())
{
    private int _waits;

    public int Waits => Volatile.Read(ref _waits);

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = base.CreateTimer(callback, state, dueTime, period);
        if (dueTime == counted)
        {
            Interlocked.Increment(ref _waits);
        }

        return timer;
    }
}
