using System.Collections.Concurrent;

namespace Gateway.Observability;

/// <summary>
/// Values that a metric's tag may have, learnt up to a bound: every new value is a new time series, for as long as the process lives, and
/// a caller's free text must not be able to make them.
/// </summary>
/// <param name="capacity">How many values are kept; those that come later are <see cref="Other"/>.</param>
internal sealed class TagValueLimiter(int capacity)
{
    /// <summary>What stands for a value that is not kept.</summary>
    public const string Other = "other";

    /// <summary>Longer values are nobody's name.</summary>
    public const int LongestName = 128;

    private readonly ConcurrentDictionary<string, string> _names = new(StringComparer.Ordinal);
    private int _count;

    /// <summary>The tag for a value: the value itself when it is kept, empty when there is none.</summary>
    /// <param name="name">The value.</param>
    /// <param name="isTrusted">Whether it may be kept from now on: somebody other than the caller knows it.</param>
    public string Tag(string? name, bool isTrusted)
    {
        if (string.IsNullOrEmpty(name))
        {
            return "";
        }

        return _names.TryGetValue(name, out var known) ? known
            : isTrusted && name.Length <= LongestName && Learn(name) ? name
            : Other;
    }

    private bool Learn(string name)
    {
        if (Interlocked.Increment(ref _count) <= capacity && _names.TryAdd(name, name))
        {
            return true;
        }

        // Full, or learnt by another thread meanwhile.
        Interlocked.Decrement(ref _count);
        return _names.ContainsKey(name);
    }
}
