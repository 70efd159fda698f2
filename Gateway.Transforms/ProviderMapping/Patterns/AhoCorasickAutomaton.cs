using System.Runtime.InteropServices;

namespace OpenRouterGateway.Transforms.ProviderMapping.Patterns;

/// <summary>
/// Finds in one pass which of many literals may occur in a name (Aho and Corasick, 1975). A step costs about the same whether there are
/// ten literals or ten thousand. Immutable.
/// </summary>
/// <remarks>
/// "May", because a literal is followed only as far as it takes to tell it from all others: who asks compares the whole of it anyway,
/// and the tails would be nearly all of the states.
/// </remarks>
internal sealed class AhoCorasickAutomaton
{
    /// <summary>The state in which nothing was read yet.</summary>
    public const int Root = 0;

    /// <summary>No literal.</summary>
    public const int None = -1;

    // Cut shorter, a literal that may stand anywhere would be suspected in every other name.
    private const int ShortestCut = 4;

    // Numbered level by level, so that the children of a state stand side by side.
    private readonly State[] _states;

    // By state: what leads into it from its parent.
    private readonly byte[] _symbols;

    // By literal: the next shorter one that is read with it.
    private readonly int[] _shorter;

    /// <summary>Builds the automaton.</summary>
    /// <param name="literals">Literals of symbols, each once and in ordinal order; they are known by their index from here on.</param>
    public AhoCorasickAutomaton(IReadOnlyList<string> literals)
    {
        var states = new List<State> { default };
        var symbols = new List<byte> { default };
        _shorter = new int[literals.Count];

        // A state stands for all literals that begin with what was read, and these are neighbours in the list.
        var ranges = new List<(int From, int To, int Depth)> { (0, literals.Count, 0) };
        for (var state = Root; state < states.Count; state++)
        {
            // A fallback is nearer to the root, so it is finished already.
            var (from, to, depth) = ranges[state];
            var fallback = states[state].Fallback;
            var literal = state == Root ? None : states[fallback].Literal;
            if (from < to && (literals[from].Length == depth || (to - from == 1 && depth >= ShortestCut)))
            {
                _shorter[from] = literal;
                literal = from++;
            }

            states[state] = new State(fallback, literal, states.Count);
            while (from < to)
            {
                var symbol = (byte)literals[from][depth];
                var end = from + 1;
                while (end < to && literals[end][depth] == symbol)
                {
                    end++;
                }

                var behind = state == Root
                    ? Root
                    : Step(CollectionsMarshal.AsSpan(states), CollectionsMarshal.AsSpan(symbols), fallback, symbol);
                states.Add(new State(behind, None, 0));
                symbols.Add(symbol);
                ranges.Add((from, end, depth + 1));
                from = end;
            }
        }

        // One more, so that every state's children end where those of the next one begin.
        states.Add(new State(Root, None, states.Count));
        _states = [.. states];
        _symbols = [.. symbols];
    }

    /// <summary>Whether reading finds more than the empty literal, which is found before.</summary>
    public bool HasSteps => _symbols.Length > 1;

    /// <summary>The state after one more symbol.</summary>
    public int Step(int state, byte symbol) => Step(_states, _symbols, state, symbol);

    /// <summary>
    /// The longest literal that ends, or was told from all others, with the symbol that led into a state; or <see cref="None"/>.
    /// </summary>
    public int LiteralAt(int state) => _states[state].Literal;

    /// <summary>The next shorter literal that is found wherever this one is, or <see cref="None"/>.</summary>
    public int ShorterThan(int literal) => _shorter[literal];

    private static int Step(ReadOnlySpan<State> states, ReadOnlySpan<byte> symbols, int state, byte symbol)
    {
        while (true)
        {
            var first = states[state].FirstChild;
            var child = symbols[first..states[state + 1].FirstChild].IndexOf(symbol);
            if (child >= 0)
            {
                return first + child;
            }

            if (state == Root)
            {
                return Root;
            }

            state = states[state].Fallback;
        }
    }

    /// <summary>What was read of a name, as far as it is the beginning of a literal.</summary>
    /// <param name="Fallback">The state for the longest end of it that is the beginning of another literal.</param>
    /// <param name="Literal">See <see cref="LiteralAt"/>.</param>
    /// <param name="FirstChild">The first of the states that one more symbol leads to.</param>
    private readonly record struct State(int Fallback, int Literal, int FirstChild);
}
