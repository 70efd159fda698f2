namespace Gateway.Limits;

/// <summary>
/// Decides from the calls of a store whether it has failed: when several in a row did, which a dead one reaches at once, or half of many,
/// which one that is slow now and then does. Not thread-safe.
/// </summary>
internal sealed class OutageDetector
{
    /// <summary>So many failures in a row are an outage.</summary>
    internal const int FailuresInARow = 5;

    /// <summary>Half of the calls of a window failing are one too, from so many calls on.</summary>
    internal const int CallsToJudge = 20;

    /// <summary>How long calls are counted together.</summary>
    internal static readonly TimeSpan Window = TimeSpan.FromSeconds(10);

    private readonly TimeProvider _time;
    private long _windowStart;
    private int _calls;
    private int _failed;
    private int _failedInARow;

    /// <summary>Creates a detector that has seen nothing.</summary>
    public OutageDetector(TimeProvider time)
    {
        _time = time;
        Reset();
    }

    /// <summary>Counts a call.</summary>
    /// <returns>Whether it is an outage now.</returns>
    public bool Count(bool isFailure)
    {
        if (_time.GetElapsedTime(_windowStart) >= Window)
        {
            // A row goes on through windows: calls may be rarer than those.
            _windowStart = _time.GetTimestamp();
            _calls = _failed = 0;
        }

        _calls++;
        if (!isFailure)
        {
            _failedInARow = 0;
            return false;
        }

        _failed++;
        _failedInARow++;
        return _failedInARow >= FailuresInARow || (_calls >= CallsToJudge && _failed * 2 >= _calls);
    }

    /// <summary>Forgets all calls.</summary>
    public void Reset()
    {
        _windowStart = _time.GetTimestamp();
        _calls = _failed = _failedInARow = 0;
    }
}
