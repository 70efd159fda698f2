namespace OpenRouterGateway.Transforms.ProviderMapping.Blocks;

/// <summary>
/// A list of names with an index over it. Lists come from clients too, and comparing two of them pair by pair would let a body of a
/// few megabytes cost hours.
/// </summary>
internal sealed class ProviderList
{
    private readonly HashSet<string> _canonical = new(StringComparer.Ordinal);
    private readonly Dictionary<string, List<ProviderListEntry>> _byBase = new(StringComparer.Ordinal);

    /// <summary>Indexes a list.</summary>
    public ProviderList(List<ProviderListEntry> names)
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
    public List<ProviderListEntry> Names { get; }

    /// <summary>Whether one of the names covers another.</summary>
    public bool Covers(ProviderListEntry name) =>
        _canonical.Contains(name.Canonical)
        || (ProviderNames.CoveringBase(name.Canonical) is { } covering && _canonical.Contains(covering));

    /// <summary>The narrower names of this list that a name covers.</summary>
    public IReadOnlyList<ProviderListEntry> CoveredBy(ProviderListEntry name) =>
        _byBase.TryGetValue(name.Canonical, out var endpoints) ? endpoints : [];

    /// <summary>
    /// What both lists stand for, in the sequence of <paramref name="names"/>: of two names of which one covers the other, the narrower.
    /// </summary>
    public List<ProviderListEntry> Intersect(List<ProviderListEntry> names, out bool isChanged)
    {
        isChanged = false;
        var left = new List<ProviderListEntry>(names.Count);
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
