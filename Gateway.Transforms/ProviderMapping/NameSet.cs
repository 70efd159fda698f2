namespace OpenRouterGateway.Transforms.ProviderMapping;

/// <summary>
/// A list of names with an index over it. Lists come from clients too, and comparing two of them pair by pair would let a body of a
/// few megabytes cost hours.
/// </summary>
internal sealed class NameSet
{
    private readonly HashSet<string> _canonical = new(StringComparer.Ordinal);
    private readonly Dictionary<string, List<ListedName>> _byBase = new(StringComparer.Ordinal);

    /// <summary>Indexes a list.</summary>
    public NameSet(List<ListedName> names)
    {
        Names = names;
        foreach (var name in names)
        {
            if (_canonical.Add(name.Canonical) && ProviderNames.CoveringBase(name.Canonical) is { } covering)
            {
                if (!_byBase.TryGetValue(covering, out var endpoints))
                {
                    _byBase[covering] = endpoints = [];
                }

                endpoints.Add(name);
            }
        }
    }

    /// <summary>The names in the order written.</summary>
    public List<ListedName> Names { get; }

    /// <summary>Whether one of the names covers another.</summary>
    public bool Covers(ListedName name) =>
        _canonical.Contains(name.Canonical)
        || (ProviderNames.CoveringBase(name.Canonical) is { } covering && _canonical.Contains(covering));

    /// <summary>The narrower names of this list that a name covers.</summary>
    public IReadOnlyList<ListedName> CoveredBy(ListedName name) =>
        _byBase.TryGetValue(name.Canonical, out var endpoints) ? endpoints : [];

    /// <summary>
    /// What both lists stand for, in the sequence of <paramref name="names"/>: of two names of which one covers the other, the narrower.
    /// </summary>
    public List<ListedName> Intersect(List<ListedName> names, out bool isChanged)
    {
        isChanged = false;
        var left = new List<ListedName>(names.Count);
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var name in names)
        {
            if (Covers(name))
            {
                seen.Add(name.Canonical);
                left.Add(name);
                continue;
            }

            isChanged = true;
            if (seen.Add(name.Canonical))
            {
                left.AddRange(CoveredBy(name).Where(entry => seen.Add(entry.Canonical)));
            }
        }

        return left;
    }
}
