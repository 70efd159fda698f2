using System.Collections.Concurrent;

namespace Gateway.Settlement;

/// <summary>The latest drift of each OpenRouter key, for the metrics: see <see cref="DriftWorker"/>.</summary>
internal sealed class UpstreamDrift
{
    private readonly ConcurrentDictionary<string, double> _usd = new(StringComparer.Ordinal);

    /// <summary>The drift in US dollars, by the mark of a key.</summary>
    public IReadOnlyCollection<KeyValuePair<string, double>> Usd => [.. _usd];

    /// <summary>Sets the drift of a key.</summary>
    public void Set(string key, double usd) => _usd[key] = usd;

    /// <summary>Removes the keys that are not in use any more.</summary>
    public void Keep(IReadOnlySet<string> keys)
    {
        foreach (var (key, _) in _usd)
        {
            if (!keys.Contains(key))
            {
                _usd.TryRemove(key, out _);
            }
        }
    }
}
