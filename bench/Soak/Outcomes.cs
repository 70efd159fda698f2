using System.Collections.Concurrent;

namespace Soak;

/// <summary>What became of the calls: how many there were of each kind and status, and each that was not as it should be.</summary>
internal sealed class Outcomes
{
    private const int MostFailures = 1000;

    private readonly ConcurrentDictionary<CallKind, ConcurrentDictionary<int, int>> _statuses = new();
    private readonly ConcurrentQueue<(string Kind, string Call, string What)> _failures = new();
    private int _failed;
    private int _breaks;
    private int _silentBreaks;

    /// <summary>All calls.</summary>
    public int Calls => _statuses.Values.Sum(statuses => statuses.Values.Sum());

    /// <summary>Those that were not as they should be.</summary>
    public int Failed => _failed;

    /// <summary>Streams that upstream broke off.</summary>
    public int Breaks => _breaks;

    /// <summary>Those of them that ended as failed, as they must, but without the error event that is sent before.</summary>
    public int SilentBreaks => _silentBreaks;

    /// <summary>The failures in order, the first thousand at most.</summary>
    public IReadOnlyCollection<(string Kind, string Call, string What)> Failures => _failures;

    /// <summary>A call, and the status of its answer; 0 where there was none, or nobody waited for it.</summary>
    public void Count(CallKind kind, int status) =>
        _statuses.GetOrAdd(kind, static _ => new()).AddOrUpdate(status, 1, static (_, count) => count + 1);

    public void CountBreak(bool isSilent)
    {
        Interlocked.Increment(ref _breaks);
        if (isSilent)
        {
            Interlocked.Increment(ref _silentBreaks);
        }
    }

    public void Fail(string kind, string call, string what)
    {
        if (Interlocked.Increment(ref _failed) <= MostFailures)
        {
            _failures.Enqueue((kind, call, what));
        }
    }

    /// <summary>How many calls of a kind were answered with each status.</summary>
    public IReadOnlyDictionary<int, int> StatusesOf(CallKind kind) =>
        _statuses.TryGetValue(kind, out var statuses) ? statuses : new Dictionary<int, int>();
}
