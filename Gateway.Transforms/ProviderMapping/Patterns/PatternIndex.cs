using System.Runtime.InteropServices;

namespace OpenRouterGateway.Transforms.ProviderMapping.Patterns;

/// <summary>
/// An index of many patterns: a name is compared with the few patterns that it may match, not with all. Immutable.
/// </summary>
/// <remarks>
/// <para>
/// Each pattern has one literal: the text between its stars that the fewest patterns share, and the longest of these. The ends of a name
/// are marked, so <c>openai/*</c> is searched at the start, <c>*:free</c> at the end and <c>gpt-4o</c> as a whole. The literal of a lone
/// <c>*</c> is empty and found in every name. One pass over the name finds all literals. A pattern whose literal is found is a candidate,
/// and <see cref="ModelPattern.IsMatch"/> decides. The cost of a name is its length plus its candidates.
/// </para>
/// <para>
/// Patterns that share their rarest literal are candidates together: ten thousand patterns like <c>a*b*c</c> and <c>c*b*a</c>, or of three
/// Chinese characters, which are one class in <see cref="CharacterClasses"/>, are compared one by one.
/// </para>
/// </remarks>
internal sealed class PatternIndex
{
    /// <summary>The ordinal of no match.</summary>
    public const int None = -1;

    // Comparing this number of patterns costs as much as one pass over a name.
    private const int LargestWalk = 16;

    // One bit per literal; sets of more than 65,536 literals use the heap.
    private const int MaxWordsOnStack = 1024;

    // Ordinals found again that are kept before they are removed: a thousand names may match the same ten thousand rules.
    private const int RepeatedOrdinals = 4096;

    private readonly AhoCorasickAutomaton _automaton;

    // Sorted by literal, then by ordinal; _firstEntries holds the index of each literal's first entry.
    private readonly Entry[] _entries;
    private readonly int[] _firstEntries;

    private readonly PatternIndex? _rest;
    private readonly int _restFrom;

    /// <summary>Creates the index.</summary>
    /// <param name="patterns">The patterns in ascending order of their ordinals. Several patterns may share an ordinal.</param>
    /// <param name="rest">An index of patterns that follow these. It is shared, not compiled again.</param>
    /// <param name="restFrom">The offset of the ordinals of <paramref name="rest"/>.</param>
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

    /// <summary>Whether the index has no pattern.</summary>
    public bool IsEmpty => _entries.Length == 0 && _rest is null;

    /// <summary>Whether any pattern matches a name.</summary>
    public bool IsMatch(ReadOnlySpan<char> name) => FindFirst(name) != None;

    /// <summary>The lowest ordinal with a pattern that matches a name, or <see cref="None"/>.</summary>
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

    /// <summary>The ordinals with a pattern that matches one of the names, ascending; <see langword="null"/> if there are none.</summary>
    public List<int>? FindAll(IEnumerable<string> names)
    {
        List<int>? found = null;
        var limit = RepeatedOrdinals;
        foreach (var name in names)
        {
            Collect(name, from: 0, ref found);
            if (found?.Count > limit)
            {
                found = Distinct(found);
                limit = found.Count + RepeatedOrdinals;
            }
        }

        return found is { Count: > 1 } ? Distinct(found) : found;
    }

    // An ordinal may match by several patterns and for several names.
    private static List<int> Distinct(List<int> ordinals)
    {
        ordinals.Sort();
        return [.. ordinals.Distinct()];
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

    // The texts between the stars, with the marks of the ends. A piece that is only a mark is omitted: every name has both marks.
    private static IEnumerable<string> PiecesOf(ModelPattern pattern) =>
        CharacterClasses.Between(pattern.Text)
            .Split('*')
            .Where(static piece => piece is not ("" or CharacterClasses.StartText or CharacterClasses.EndText));

    private readonly record struct Entry(int Ordinal, ModelPattern Pattern);

    /// <summary>Enumerates the literals that may occur in a name, each once.</summary>
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
            // All literals after one that was seen were seen with it, so the walk ends there. A name of a million equal letters takes a
            // million steps, and each literal is returned once.
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
