using System.Buffers;
using OpenRouterGateway.Transforms.Json;

namespace OpenRouterGateway.Transforms.ProviderMapping.Patterns;

/// <summary>
/// A compiled model pattern: <c>*</c> matches any run of characters, every other character matches itself, ignoring case. Immutable.
/// </summary>
internal sealed class ModelPattern
{
    private readonly string _prefix;
    private readonly string _suffix;
    private readonly Piece[] _middle;
    private readonly bool _isExact;
    private readonly int _minLength;

    private ModelPattern(string text)
    {
        Text = text;
        var pieces = text.Split('*');
        _isExact = pieces.Length == 1;
        _prefix = pieces[0];
        _suffix = _isExact ? "" : pieces[^1];
        _middle = _isExact ? [] : [.. pieces[1..^1].Where(piece => piece.Length > 0).Select(Piece.Of)];
        _minLength = text.Length - (pieces.Length - 1);
    }

    /// <summary>The pattern as written.</summary>
    public string Text { get; }

    /// <summary>Whether every name that it matches refers to a preset.</summary>
    internal bool MatchesPresetsOnly =>
        _prefix.Contains(ModelSpellings.PresetMark, StringComparison.OrdinalIgnoreCase)
        || _suffix.Contains(ModelSpellings.PresetMark, StringComparison.OrdinalIgnoreCase)
        || _middle.Any(piece => piece.Text.Contains(ModelSpellings.PresetMark, StringComparison.OrdinalIgnoreCase));

    /// <summary>Compiles a pattern.</summary>
    /// <param name="text">The pattern. Blank text is a fault.</param>
    /// <param name="path">The path of the setting, for the fault.</param>
    /// <param name="problems">Receives the fault.</param>
    /// <returns>The pattern; <see langword="null"/> after a fault.</returns>
    public static ModelPattern? Create(string? text, string path, ICollection<RuleProblem> problems)
    {
        if (string.IsNullOrWhiteSpace(text))
        {
            problems.Add(new RuleProblem(path, $"got {JsonText.Quoted(text)}, expected a model name or a pattern such as \"openai/*\""));
            return null;
        }

        // A name is compared without blanks round it.
        return new ModelPattern(text.Trim());
    }

    /// <summary>Whether a name matches.</summary>
    /// <param name="name">A model name; empty for a request without a model.</param>
    public bool IsMatch(ReadOnlySpan<char> name)
    {
        if (_isExact)
        {
            // Lengths are compared first: in a set of thousands of exact names, nearly all differ in length.
            return name.Length == _prefix.Length && name.Equals(_prefix, StringComparison.OrdinalIgnoreCase);
        }

        if (name.Length < _minLength
            || !name.StartsWith(_prefix, StringComparison.OrdinalIgnoreCase)
            || !name.EndsWith(_suffix, StringComparison.OrdinalIgnoreCase))
        {
            return false;
        }

        // Between the anchored ends, the leftmost match of each piece leaves the most room for the next one, so no backtracking is needed.
        var rest = name[_prefix.Length..^_suffix.Length];
        foreach (var piece in _middle)
        {
            var at = rest.IndexOfAny(piece.Search);
            if (at < 0)
            {
                return false;
            }

            rest = rest[(at + piece.Text.Length)..];
        }

        return true;
    }

    /// <inheritdoc/>
    public override string ToString() => Text;

    // SearchValues is set up once per piece; IndexOf with OrdinalIgnoreCase would repeat that work for every name.
    private readonly record struct Piece(string Text, SearchValues<string> Search)
    {
        public static Piece Of(string text) => new(text, SearchValues.Create([text], StringComparison.OrdinalIgnoreCase));
    }
}
