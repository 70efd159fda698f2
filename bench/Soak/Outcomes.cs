using System.Collections.Concurrent;

namespace Soak;

/// <summary>The outcomes of the calls: counts by kind and status, and each unexpected outcome.</summary>
internal sealed class Outcomes
{
    private const int MostFailures = 1000;

    private readonly ConcurrentDictionary<string, ConcurrentDictionary<int, int>> _statuses = new();
    private readonly ConcurrentQueue<(string Kind, string Call, string What)> _failures = new();
    private int _failed;
    private int _breaks;
    private int _silentBreaks;

    /// <summary>The number of calls.</summary>
    public int Calls => _statuses.Values.Sum(statuses => statuses.Values.Sum());

    /// <summary>The number of unexpected outcomes.</summary>
    public int Failed => _failed;

    /// <summary>The number of streams that upstream aborted.</summary>
    public int Breaks => _breaks;

    /// <summary>Those of them that ended as failed, as required, but without the preceding error event.</summary>
    public int SilentBreaks => _silentBreaks;

    /// <summary>The failures in order, up to a thousand.</summary>
    public IReadOnlyCollection<(string Kind, string Call, string What)> Failures => _failures;

    /// <summary>Counts a call with the status of its response; 0 if there was none or the client did not wait for it.</summary>
    public void Count(string kind, int status) =>
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

    /// <summary>The number of calls of a kind by status.</summary>
    public IReadOnlyDictionary<int, int> StatusesOf(string kind) =>
        _statuses.TryGetValue(kind, out var statuses) ? statuses : new Dictionary<int, int>();
}
