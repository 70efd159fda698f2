using System.Collections.Concurrent;

namespace Gateway.Observability;

/// <summary>
/// Limits the values of a metric tag. Each new value creates a time series for the life of the process, so free text of clients must not
/// become a value. Spellings in another case share the value of the first: names of models and providers compare without case.
/// </summary>
/// <param name="capacity">The number of kept values. Later values become <see cref="Other"/>.</param>
internal sealed class TagValueLimiter(int capacity)
{
    /// <summary>The tag value of all values that are not kept.</summary>
    public const string Other = "other";

    /// <summary>The length of the longest kept value.</summary>
    public const int LongestName = 128;

    private readonly ConcurrentDictionary<string, string> _names = new(StringComparer.OrdinalIgnoreCase);
    private int _count;

    /// <summary>The tag value of a name: the name itself if it is kept, otherwise <see cref="Other"/>; empty without a name.</summary>
    /// <param name="name">The name.</param>
    /// <param name="isTrusted">Whether the name may be kept, because a source other than the client vouches for it.</param>
    public string Tag(string? name, bool isTrusted)
    {
        if (string.IsNullOrEmpty(name))
        {
            return "";
        }

        return _names.TryGetValue(name, out var kept) ? kept
            : isTrusted && name.Length <= LongestName && TryKeep(name) ? name
            : Other;
    }

    private bool TryKeep(string name)
    {
        if (Interlocked.Increment(ref _count) <= capacity && _names.TryAdd(name, name))
        {
            return true;
        }

        // The limit is reached, or another thread has added the name.
        Interlocked.Decrement(ref _count);
        return _names.ContainsKey(name);
    }
}
