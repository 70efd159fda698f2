namespace Gateway.Limits;

/// <summary>
/// Detects an outage of a store from the results of its calls. An outage is a number of failures in a row, as when the store is down, or a
/// failure of half of the calls in a window, as when the store is intermittently slow. Not thread-safe.
/// </summary>
internal sealed class OutageDetector
{
    /// <summary>The number of failures in a row that mean an outage.</summary>
    internal const int FailuresInARow = 5;

    /// <summary>The number of calls in a window before their failure rate is considered.</summary>
    internal const int CallsToJudge = 20;

    /// <summary>The length of a window.</summary>
    internal static readonly TimeSpan Window = TimeSpan.FromSeconds(10);

    private readonly TimeProvider _time;
    private long _windowStart;
    private int _calls;
    private int _failed;
    private int _failedInARow;

    /// <summary>Creates a detector.</summary>
    public OutageDetector(TimeProvider time)
    {
        _time = time;
        Reset();
    }

    /// <summary>Counts a call.</summary>
    /// <returns>Whether the call failed and the store has an outage.</returns>
    public bool Count(bool isFailure)
    {
        if (_time.GetElapsedTime(_windowStart) >= Window)
        {
            // Failures in a row are counted across windows, since a window may contain less than one call.
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

    /// <summary>Resets all counts.</summary>
    public void Reset()
    {
        _windowStart = _time.GetTimestamp();
        _calls = _failed = _failedInARow = 0;
    }
}
