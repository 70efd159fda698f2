using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using OpenRouterGateway.Transforms.RequestBody;
using OpenRouterGateway.Transforms.RequestBody.Tools;

namespace OpenRouterGateway.Transforms.ProviderMapping;

/// <summary>
/// Removes server tools from a body: elements of <c>tools</c>, each with its comma. All other bytes stay. A <c>tools</c> without elements
/// is removed together with <c>tool_choice</c> and <c>parallel_tool_calls</c>, which are invalid without it. Immutable.
/// </summary>
internal sealed class ServerToolRemoval
{
    private readonly HashSet<int> _elements;

    private ServerToolRemoval(HashSet<int> elements, IReadOnlyList<string> names, IReadOnlyList<BodyEdit> edits)
    {
        _elements = elements;
        Names = names;
        Edits = edits;
    }

    /// <summary>The names of the removed tools, those inside of others included.</summary>
    public IReadOnlyList<string> Names { get; }

    /// <summary>The edits, ascending and not overlapping.</summary>
    public IReadOnlyList<BodyEdit> Edits { get; }

    /// <summary>Whether the removal includes a use of a server tool.</summary>
    public bool Removes(ServerToolUse tool) => tool.Element >= 0 && _elements.Contains(tool.Element);

    /// <summary>Plans the removal of tools.</summary>
    /// <param name="facts">The facts about the body.</param>
    /// <param name="body">The body.</param>
    /// <param name="tools">The tools to remove, one or more.</param>
    /// <param name="removal">The removal; <see langword="null"/> if it is impossible.</param>
    /// <param name="needed">
    /// The tool that cannot be removed: it is not an element of <c>tools</c>, or <c>tool_choice</c> needs it.
    /// </param>
    /// <returns>Whether the tools can be removed.</returns>
    public static bool TryCreate(
        BodyFacts facts,
        in ReadOnlySequence<byte> body,
        IReadOnlyList<ServerToolUse> tools,
        [NotNullWhen(true)] out ServerToolRemoval? removal,
        [NotNullWhen(false)] out ServerToolUse? needed)
    {
        removal = null;
        needed = tools.FirstOrDefault(static tool => tool.Element < 0);
        if (needed is not null)
        {
            return false;
        }

        var elements = tools.Select(static tool => tool.Element).ToHashSet();
        var removed = facts.ServerTools.Uses.Where(tool => elements.Contains(tool.Element)).ToList();
        var isEmptied = IsEmptied(facts, elements);
        needed = ToolChoice.FindNeeded(facts, body, tools, removed, isEmptied);
        if (needed is not null)
        {
            return false;
        }

        var edits = new EditList();
        AddEdits(facts, body, elements, isEmptied, edits);
        removal = new ServerToolRemoval(elements, [.. removed.Select(static tool => tool.Name).Distinct(StringComparer.Ordinal)], edits.Build());
        return true;
    }

    // The last occurrence of `tools` counts upstream.
    private static bool IsEmptied(BodyFacts facts, HashSet<int> elements)
    {
        var last = facts.ServerTools.Lists.Count - 1;
        return last >= 0
            && facts.ServerTools.Lists[last] is { Count: > 0 } list
            && list.Member == facts.LastIndexOf(BodyMemberName.Tools)
            && CountIn(facts, last, elements) == list.Count;
    }

    private static int CountIn(BodyFacts facts, int list, HashSet<int> elements) =>
        elements.Count(element => facts.ServerTools.Elements[element].List == list);

    private static void AddEdits(
        BodyFacts facts, in ReadOnlySequence<byte> body, HashSet<int> elements, bool isEmptied, EditList edits)
    {
        var members = new SortedSet<int>();
        for (var list = 0; list < facts.ServerTools.Lists.Count; list++)
        {
            var cut = Elements(facts, list, elements);
            if (cut.Count > 0 && cut.Count == facts.ServerTools.Lists[list].Count)
            {
                members.Add(facts.ServerTools.Lists[list].Member);
            }
            else if (!isEmptied)
            {
                CutElements(cut, facts.ServerTools.Lists[list].Count, edits);
            }
        }

        for (var i = 0; isEmptied && i < facts.Members.Count; i++)
        {
            // An earlier occurrence of `tools` must not take the place of the last one.
            if (facts.Members[i].Name is BodyMemberName.Tools or BodyMemberName.ToolChoice or BodyMemberName.ParallelToolCalls)
            {
                members.Add(i);
            }
        }

        CutMembers(facts, body, members, edits);
    }

    private static List<ToolElement> Elements(BodyFacts facts, int list, HashSet<int> elements) =>
    [
        .. facts.ServerTools.Elements.Index()
            .Where(element => element.Item.List == list && elements.Contains(element.Index))
            .Select(static element => element.Item),
    ];

    /// <summary>
    /// Cuts elements with the comma behind them. The last elements of an array have none, and go with the comma before the first of them.
    /// </summary>
    private static void CutElements(List<ToolElement> cut, int count, EditList edits)
    {
        var tail = cut.Count;
        for (var last = count - 1; tail > 0 && cut[tail - 1].Index == last; last--)
        {
            tail--;
        }

        for (var i = 0; i < tail; i++)
        {
            edits.Add(cut[i].Value.Start, cut[i].CommaEnd - cut[i].Value.Start, default);
        }

        if (tail < cut.Count)
        {
            edits.Add(cut[tail].CommaStart, cut[^1].Value.End - cut[tail].CommaStart, default);
        }
    }

    /// <summary>The same for members of the body.</summary>
    private static void CutMembers(BodyFacts facts, in ReadOnlySequence<byte> body, SortedSet<int> members, EditList edits)
    {
        int[] cut = [.. members];
        var tail = cut.Length;
        var from = -1;
        while (tail > 0)
        {
            var member = facts.Members[cut[tail - 1]];
            if (from < 0 ? member.CommaEnd >= 0 : member.CommaEnd - 1 != from)
            {
                break;
            }

            tail--;
            from = JsonGap.CommaBefore(body, member.Start);
            if (from < 0)
            {
                // Nothing else is in the body. New members need one that they can follow.
                var value = facts.Members[cut[^1]].Value;
                edits.Add(member.Start, value.End - member.Start, "\"tools\":[]"u8.ToArray());
                return;
            }
        }

        for (var i = 0; i < tail; i++)
        {
            edits.Add(facts.Members[cut[i]].Start, facts.Members[cut[i]].CommaEnd - facts.Members[cut[i]].Start, default);
        }

        if (tail < cut.Length)
        {
            edits.Add(from, facts.Members[cut[^1]].Value.End - from, default);
        }
    }
}
