namespace OpenRouterGateway.Transforms.ProviderMapping.Blocks;

/// <summary>
/// A list of providers or quantizations with an index. Clients send lists too: a pairwise comparison of two lists would take hours for a
/// body of a few megabytes.
/// </summary>
internal sealed class ProviderList
{
    private readonly HashSet<string> _canonical = new(StringComparer.Ordinal);
    private readonly Dictionary<string, List<ProviderListEntry>> _byBase = new(StringComparer.Ordinal);

    /// <summary>Creates the index of a list.</summary>
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

    /// <summary>The entries as written, in order.</summary>
    public List<ProviderListEntry> Names { get; }

    /// <summary>Whether one of the entries covers a name.</summary>
    public bool Covers(ProviderListEntry name) =>
        _canonical.Contains(name.Canonical)
        || (ProviderNames.CoveringBase(name.Canonical) is { } covering && _canonical.Contains(covering));

    /// <summary>
    /// Whether one of the entries, as an enforced deny-list, excludes a name: a provider excludes its service tiers too, which OpenRouter's own
    /// <c>ignore</c> would leave to a request that names them.
    /// </summary>
    public bool Denies(ProviderListEntry name) =>
        _canonical.Contains(ProviderNames.Trimmed(name.Canonical)) || _canonical.Contains(ProviderNames.ProviderOf(name.Canonical));

    /// <summary>The narrower entries that a name covers.</summary>
    public IReadOnlyList<ProviderListEntry> CoveredBy(ProviderListEntry name) =>
        _byBase.TryGetValue(name.Canonical, out var endpoints) ? endpoints : [];

    /// <summary>
    /// The intersection of both lists, in the order of <paramref name="names"/>. If one name covers another, the result has the narrower
    /// one.
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
