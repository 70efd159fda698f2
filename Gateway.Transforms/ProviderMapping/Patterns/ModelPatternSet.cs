namespace OpenRouterGateway.Transforms.ProviderMapping.Patterns;

/// <summary>
/// A set of patterns. A name matches if any pattern matches; the cost does not grow with the number of patterns. Immutable.
/// </summary>
internal sealed class ModelPatternSet
{
    private readonly PatternIndex _index;

    /// <summary>Compiles a set.</summary>
    /// <param name="patterns">The patterns. An empty set matches nothing.</param>
    public ModelPatternSet(IEnumerable<ModelPattern> patterns)
    {
        ArgumentNullException.ThrowIfNull(patterns);
        _index = new PatternIndex(patterns.Select(static (pattern, i) => (i, pattern)));
    }

    /// <summary>Whether any of the patterns matches a name. Allocates nothing.</summary>
    /// <param name="name">A model name; empty for a request without a model.</param>
    public bool IsMatch(ReadOnlySpan<char> name) => _index.IsMatch(name);
}
