namespace OpenRouterGateway.Transforms.ProviderMapping.Patterns;

/// <summary>
/// Patterns of which any may match, compiled once: a name is compared with the few that it may match, however many there are. Immutable.
/// </summary>
internal sealed class ModelPatternSet
{
    private readonly PatternIndex _index;

    /// <summary>Compiles a set.</summary>
    /// <param name="patterns">The patterns; none is a set that matches nothing.</param>
    public ModelPatternSet(IEnumerable<ModelPattern> patterns)
    {
        ArgumentNullException.ThrowIfNull(patterns);
        _index = new PatternIndex(patterns.Select(static (pattern, i) => (i, pattern)));
    }

    /// <summary>Whether any of the patterns matches a name. Allocates nothing.</summary>
    /// <param name="name">A model's name; that of a request without one is empty.</param>
    public bool IsMatch(ReadOnlySpan<char> name) => _index.IsMatch(name);
}
