using System.Buffers;
using OpenRouterGateway.Transforms.Json;

namespace OpenRouterGateway.Transforms.ProviderMapping.Patterns;

/// <summary>
/// A model pattern, compiled once: a <c>*</c> anywhere matches any run of characters, everything else itself without case.
/// </summary>
internal sealed class ModelPattern
{
    private const string PresetMark = "@preset/";

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

    /// <summary>Whether every name it can match refers to a preset.</summary>
    internal bool MatchesPresetsOnly =>
        _prefix.Contains(PresetMark, StringComparison.OrdinalIgnoreCase)
        || _suffix.Contains(PresetMark, StringComparison.OrdinalIgnoreCase)
        || _middle.Any(piece => piece.Text.Contains(PresetMark, StringComparison.OrdinalIgnoreCase));

    /// <summary>Compiles a pattern.</summary>
    /// <param name="text">The pattern; blank is a fault.</param>
    /// <param name="path">Where it stands, for the fault.</param>
    /// <param name="problems">Takes the fault.</param>
    /// <returns>The pattern, or <see langword="null"/> when a fault was found.</returns>
    public static ModelPattern? Create(string? text, string path, ICollection<RuleProblem> problems)
    {
        if (string.IsNullOrWhiteSpace(text))
        {
            problems.Add(new RuleProblem(path, $"got {JsonText.Quoted(text)}, expected a model name or a pattern such as \"openai/*\""));
            return null;
        }

        return new ModelPattern(text);
    }

    /// <summary>Whether a name matches.</summary>
    /// <param name="name">A model's name; that of a request without one is empty.</param>
    public bool IsMatch(ReadOnlySpan<char> name)
    {
        if (_isExact)
        {
            // Lengths first: in a set of thousands of exact names nearly every one is told apart without reading it.
            return name.Length == _prefix.Length && name.Equals(_prefix, StringComparison.OrdinalIgnoreCase);
        }

        if (name.Length < _minLength
            || !name.StartsWith(_prefix, StringComparison.OrdinalIgnoreCase)
            || !name.EndsWith(_suffix, StringComparison.OrdinalIgnoreCase))
        {
            return false;
        }

        // Between the two anchored ends the leftmost place for each piece leaves the most room for the next one, so there is nothing
        // to back-track to.
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

    // A search that ignores case is set up once for each piece: IndexOf would do so for every name, at several times the cost.
    private readonly record struct Piece(string Text, SearchValues<string> Search)
    {
        public static Piece Of(string text) => new(text, SearchValues.Create([text], StringComparison.OrdinalIgnoreCase));
    }
}
