using System.Runtime.InteropServices;

namespace OpenRouterGateway.Transforms.ProviderMapping.Patterns;

/// <summary>
/// Many patterns, compiled so that a name is compared with the few that it may match and not with all. Immutable.
/// </summary>
/// <remarks>
/// <para>
/// For each pattern one literal is looked for: the text between its stars that the fewest patterns have, the longest among equals. The
/// ends of a name are marked, so <c>openai/*</c> is looked for at the beginning, <c>*:free</c> at the end and <c>gpt-4o</c> as a whole;
/// for a lone <c>*</c> it is empty, and found in every name. One pass over the name finds all of them. Whose literal is found is a
/// candidate, and <see cref="ModelPattern.IsMatch"/> decides: a name costs its length and its candidates, however many patterns there are.
/// </para>
/// <para>
/// Patterns that share their rarest literal are candidates together: ten thousand like <c>a*b*c</c> and <c>c*b*a</c>, or ten thousand
/// of three Chinese characters, which are all alike to <see cref="CharacterClasses"/>, are compared one by one in a name that holds it.
/// </para>
/// </remarks>
internal sealed class PatternIndex
{
    /// <summary>No ordinal: nothing matches.</summary>
    public const int None = -1;

    // As many patterns are compared in the time that one pass over a name takes.
    private const int LargestWalk = 16;

    // A bit for each literal; a set of more than 65,536 takes them from the heap.
    private const int MaxWordsOnStack = 1024;

    private readonly AhoCorasickAutomaton _automaton;

    // In the order of their literals; by literal, where they begin; those of one literal are in ascending order.
    private readonly Entry[] _entries;
    private readonly int[] _firstEntries;

    private readonly PatternIndex? _rest;
    private readonly int _restFrom;

    /// <summary>Compiles patterns.</summary>
    /// <param name="patterns">Patterns in ascending order of the ordinals that they stand for; several may stand for one.</param>
    /// <param name="rest">Patterns that come behind these. They are shared, not compiled again.</param>
    /// <param name="restFrom">What is added to the ordinals of <paramref name="rest"/>.</param>
    public PatternIndex(IEnumerable<(int Ordinal, ModelPattern Pattern)> patterns, PatternIndex? rest = null, int restFrom = 0)
    {
        Entry[] entries = [.. patterns.Select(entry => new Entry(entry.Ordinal, entry.Pattern))];
        var literals = FindLiterals(entries);
        var byLiteral = entries
            .Zip(literals)
            .GroupBy(pair => pair.Second, pair => pair.First, StringComparer.Ordinal)
            .OrderBy(group => group.Key, StringComparer.Ordinal)
            .Select(group => (Literal: group.Key, Entries: group.ToArray()))
            .ToList();
        _automaton = new AhoCorasickAutomaton([.. byLiteral.Select(group => group.Literal)]);
        _entries = [.. byLiteral.SelectMany(group => group.Entries)];
        _firstEntries = new int[byLiteral.Count + 1];
        for (var literal = 0; literal < byLiteral.Count; literal++)
        {
            _firstEntries[literal + 1] = _firstEntries[literal] + byLiteral[literal].Entries.Length;
        }

        _rest = rest is { IsEmpty: true } ? null : rest;
        _restFrom = restFrom;
    }

    /// <summary>Whether there is no pattern at all.</summary>
    public bool IsEmpty => _entries.Length == 0 && _rest is null;

    /// <summary>Whether any pattern matches a name.</summary>
    public bool IsMatch(ReadOnlySpan<char> name) => FindFirst(name) != None;

    /// <summary>The lowest ordinal of which a pattern matches a name, or <see cref="None"/>.</summary>
    public int FindFirst(ReadOnlySpan<char> name)
    {
        var first = int.MaxValue;
        Span<ulong> seen = Words <= MaxWordsOnStack ? stackalloc ulong[Words] : new ulong[Words];
        var candidates = new Candidates(_automaton, name, seen);
        while (candidates.MoveNext())
        {
            foreach (var entry in EntriesOf(candidates.Literal))
            {
                if (entry.Ordinal >= first)
                {
                    break;
                }

                if (entry.Pattern.IsMatch(name))
                {
                    first = entry.Ordinal;
                    break;
                }
            }
        }

        return first != int.MaxValue ? first
            : _rest?.FindFirst(name) is >= 0 and var behind ? _restFrom + behind
            : None;
    }

    /// <summary>Every ordinal of which a pattern matches one of the names, ascending; <see langword="null"/> when there is none.</summary>
    public List<int>? FindAll(List<string> names)
    {
        List<int>? found = null;
        foreach (var name in names)
        {
            Collect(name, from: 0, ref found);
        }

        if (found is { Count: > 1 })
        {
            // One ordinal may have matched by several patterns, and in several names.
            found.Sort();
            found = [.. found.Distinct()];
        }

        return found;
    }

    private int Words => (_firstEntries.Length + 63) / 64;

    private void Collect(ReadOnlySpan<char> name, int from, ref List<int>? found)
    {
        Span<ulong> seen = Words <= MaxWordsOnStack ? stackalloc ulong[Words] : new ulong[Words];
        var candidates = new Candidates(_automaton, name, seen);
        while (candidates.MoveNext())
        {
            foreach (var entry in EntriesOf(candidates.Literal))
            {
                if (entry.Pattern.IsMatch(name))
                {
                    (found ??= []).Add(from + entry.Ordinal);
                }
            }
        }

        _rest?.Collect(name, from + _restFrom, ref found);
    }

    private ReadOnlySpan<Entry> EntriesOf(int literal) => _entries.AsSpan(_firstEntries[literal].._firstEntries[literal + 1]);

    private static string[] FindLiterals(Entry[] entries)
    {
        var literals = new string[entries.Length];
        if (entries.Length <= LargestWalk)
        {
            Array.Fill(literals, "");
            return literals;
        }

        var pieces = Array.ConvertAll(entries, static entry => PiecesOf(entry.Pattern));
        var uses = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var piece in pieces.SelectMany(static some => some))
        {
            CollectionsMarshal.GetValueRefOrAddDefault(uses, piece, out _)++;
        }

        for (var i = 0; i < literals.Length; i++)
        {
            literals[i] = pieces[i].MinBy(piece => (uses[piece], -piece.Length)) ?? "";
        }

        return literals;
    }

    // What stands between the stars, with the marks of the ends. A mark alone says nothing, since every name has both.
    private static IEnumerable<string> PiecesOf(ModelPattern pattern) =>
        CharacterClasses.Between(pattern.Text)
            .Split('*')
            .Where(static piece => piece is not ("" or CharacterClasses.StartText or CharacterClasses.EndText));

    private readonly record struct Entry(int Ordinal, ModelPattern Pattern);

    /// <summary>The literals that may occur in a name, each once.</summary>
    private ref struct Candidates
    {
        private readonly AhoCorasickAutomaton _automaton;
        private readonly ReadOnlySpan<char> _name;
        private readonly Span<ulong> _seen;
        private int _at;
        private int _state;
        private int _next;

        public Candidates(AhoCorasickAutomaton automaton, ReadOnlySpan<char> name, Span<ulong> seen)
        {
            _automaton = automaton;
            _name = name;
            _seen = seen;
            _at = automaton.HasSteps ? -1 : name.Length + 1;
            _state = AhoCorasickAutomaton.Root;
            _next = automaton.LiteralAt(AhoCorasickAutomaton.Root);
            Literal = AhoCorasickAutomaton.None;
        }

        public int Literal { get; private set; }

        public bool MoveNext()
        {
            // Behind a literal that was seen before there are only such: they came with it then. So a name of a million equal letters
            // takes a million steps and no more, and each candidate is one once.
            while (_next == AhoCorasickAutomaton.None || !TrySee(_next))
            {
                if (_at > _name.Length)
                {
                    return false;
                }

                var symbol = _at < 0 ? CharacterClasses.Start : _at == _name.Length ? CharacterClasses.End : CharacterClasses.Of(_name[_at]);
                _state = _automaton.Step(_state, symbol);
                _next = _automaton.LiteralAt(_state);
                _at++;
            }

            Literal = _next;
            _next = _automaton.ShorterThan(Literal);
            return true;
        }

        private readonly bool TrySee(int literal)
        {
            ref var word = ref _seen[literal / 64];
            var bit = 1UL << (literal % 64);
            var isNew = (word & bit) == 0;
            word |= bit;
            return isNew;
        }
    }
}
