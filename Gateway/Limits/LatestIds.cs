namespace Gateway.Limits;

/// <summary>
/// Values by id, of which the latest are kept: two generations of half the capacity each, the older of which is dropped when the younger is
/// full. Not thread-safe.
/// </summary>
/// <param name="capacity">The number of ids that are kept at most; at least half as many of the latest are.</param>
internal sealed class LatestIds<TValue>(int capacity)
{
    private Dictionary<Guid, TValue> _young = [];
    private Dictionary<Guid, TValue> _old = [];

    /// <summary>The number of ids.</summary>
    public int Count => _young.Count + _old.Count;

    /// <summary>The ids and their values, the older ones first.</summary>
    public IEnumerable<KeyValuePair<Guid, TValue>> All => _old.Concat(_young);

    public bool Contains(Guid id) => _young.ContainsKey(id) || _old.ContainsKey(id);

    /// <summary>Adds an id. An id that is kept keeps its value.</summary>
    /// <returns>Whether the id is new.</returns>
    public bool TryAdd(Guid id, TValue value)
    {
        if (Contains(id))
        {
            return false;
        }

        if (_young.Count >= capacity / 2)
        {
            (_old, _young) = (_young, _old);
            _young.Clear();
        }

        _young.Add(id, value);
        return true;
    }

    public bool Remove(Guid id) => _young.Remove(id) || _old.Remove(id);

    /// <summary>Removes all ids, and frees their memory.</summary>
    public void Clear() => (_young, _old) = ([], []);
}
