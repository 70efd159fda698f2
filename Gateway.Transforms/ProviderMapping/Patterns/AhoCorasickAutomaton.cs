using System.Runtime.InteropServices;

namespace OpenRouterGateway.Transforms.ProviderMapping.Patterns;

/// <summary>
/// Finds in one pass which of many literals may occur in a name (Aho and Corasick, 1975). The cost of a step is nearly independent of the
/// number of literals. Immutable.
/// </summary>
/// <remarks>
/// "May", because a literal is stored only up to the character that distinguishes it from all others. The caller compares the whole pattern
/// anyway, and the tails would be most of the states.
/// </remarks>
internal sealed class AhoCorasickAutomaton
{
    /// <summary>The initial state.</summary>
    public const int Root = 0;

    /// <summary>No literal.</summary>
    public const int None = -1;

    // A shorter prefix of a literal that may occur anywhere would match too many names.
    private const int ShortestCut = 4;

    // States are numbered level by level, so that the children of a state are adjacent.
    private readonly State[] _states;

    // For each state, the symbol that leads to it from its parent.
    private readonly byte[] _symbols;

    // For each literal, the next shorter literal that ends with it.
    private readonly int[] _shorter;

    /// <summary>Builds the automaton.</summary>
    /// <param name="literals">Distinct literals of symbols in ordinal order. A literal is identified by its index.</param>
    public AhoCorasickAutomaton(IReadOnlyList<string> literals)
    {
        var states = new List<State> { default };
        var symbols = new List<byte> { default };
        _shorter = new int[literals.Count];

        // A state stands for the literals with the prefix that was read; these are adjacent in the list.
        var ranges = new List<(int From, int To, int Depth)> { (0, literals.Count, 0) };
        for (var state = Root; state < states.Count; state++)
        {
            // A fallback state is nearer to the root, so it is complete already.
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

        // A sentinel: every state's children end where those of the next state begin.
        states.Add(new State(Root, None, states.Count));
        _states = [.. states];
        _symbols = [.. symbols];
    }

    /// <summary>Whether there is a literal besides the empty one, which matches without a step.</summary>
    public bool HasSteps => _symbols.Length > 1;

    /// <summary>The state after one more symbol.</summary>
    public int Step(int state, byte symbol) => Step(_states, _symbols, state, symbol);

    /// <summary>
    /// The longest literal that ends, or is distinguished from all others, at a state; or <see cref="None"/>.
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

    /// <summary>The longest suffix of the symbols read that is a prefix of a literal.</summary>
    /// <param name="Fallback">The state of its longest proper suffix that is a prefix of a literal.</param>
    /// <param name="Literal">See <see cref="LiteralAt"/>.</param>
    /// <param name="FirstChild">The first of its child states.</param>
    private readonly record struct State(int Fallback, int Literal, int FirstChild);
}
