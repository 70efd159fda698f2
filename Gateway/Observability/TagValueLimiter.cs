using System.Collections.Concurrent;

namespace Gateway.Observability;

/// <summary>
/// Limits the values of a metric's tag: each new value is a new time series for the life of the process, and free text of callers must not
/// create them.
/// </summary>
/// <param name="capacity">The number of values kept; later ones become <see cref="Other"/>.</param>
internal sealed class TagValueLimiter(int capacity)
{
    /// <summary>Stands for a value that is not kept.</summary>
    public const string Other = "other";

    /// <summary>Longer values are not names.</summary>
    public const int LongestName = 128;

    private readonly ConcurrentDictionary<string, string> _names = new(StringComparer.Ordinal);
    private int _count;

    /// <summary>The tag of a value: the value itself if it is kept, empty without a value.</summary>
    /// <param name="name">The value.</param>
    /// <param name="isTrusted">Whether it may be kept: it is known from a source other than the caller.</param>
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

        // Full, or added by another thread meanwhile.
        Interlocked.Decrement(ref _count);
        return _names.ContainsKey(name);
    }
}
