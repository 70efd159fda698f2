using System.Buffers;
using System.Text.Json;
using OpenRouterGateway.Transforms.Json;
using OpenRouterGateway.Transforms.RequestBody;
using OpenRouterGateway.Transforms.RequestBody.Tools;

namespace OpenRouterGateway.Transforms.ProviderMapping;

/// <summary>
/// Finds whether <c>tool_choice</c> needs a tool. It is read only when tools are removed, and then once, like each element of <c>tools</c>:
/// no limit applies yet.
/// </summary>
internal static class ToolChoice
{
    // A longer value is not read: a body could fill it with names. Clients send fewer than a hundred bytes.
    private const int LongestValue = 64 * 1024;

    // A longer text is no name of a tool.
    private const int LongestText = 4096;

    // A tool has a type, a name and a label.
    private const int MostNames = 4 * RoutingMemberCollector.MaxEntries;

    /// <summary>
    /// Finds the first tool to remove that <c>tool_choice</c> needs: an occurrence names it by its type, in any of the spellings that
    /// OpenRouter takes for one tool, or by its name. It is the first of all tools
    /// if an occurrence names only a tool that is removed with them, demands a call although no tool is left, or has more than 64 KiB, or if
    /// the removed tools have more than 4,096 names.
    /// </summary>
    /// <param name="facts">The facts about the body.</param>
    /// <param name="body">The body.</param>
    /// <param name="tools">The tools to remove, one or more; all are elements of <c>tools</c>.</param>
    /// <param name="removed">The tools that are removed with their elements, those to remove included.</param>
    /// <param name="isEmptied">Whether no tool is left.</param>
    /// <returns>The tool; <see langword="null"/> if none is needed.</returns>
    public static ServerToolUse? FindNeeded(
        BodyFacts facts, in ReadOnlySequence<byte> body, IReadOnlyList<ServerToolUse> tools, List<ServerToolUse> removed, bool isEmptied)
    {
        Dictionary<string, int>? names = null;
        Dictionary<string, int>? families = null;
        HashSet<string>? left = null;
        int? needed = null;
        foreach (var member in facts.Members)
        {
            if (member.Name != BodyMemberName.ToolChoice)
            {
                continue;
            }

            if (member.Value.Length > LongestValue)
            {
                return tools[0];
            }

            names ??= NamesOf(facts, body, tools, removed);
            if (names.Count > MostNames)
            {
                return tools[0];
            }

            families ??= FamiliesOf(tools);
            if (member.Kind != JsonValueKind.String)
            {
                // A string has no type. Clients send "auto" with every request.
                left ??= TypesLeft(facts, body, tools);
            }

            FindFirst(body.Slice(member.Value.Start, member.Value.Length), names, families, left ?? [], isEmptied, ref needed);
        }

        return needed is not { } index ? null : tools[index < tools.Count ? index : 0];
    }

    /// <summary>The names of the removed tools, each with the index of the first tool to remove that has it; their number if none has.</summary>
    private static Dictionary<string, int> NamesOf(
        BodyFacts facts, in ReadOnlySequence<byte> body, IReadOnlyList<ServerToolUse> tools, List<ServerToolUse> removed)
    {
        var names = new Dictionary<string, int>(StringComparer.Ordinal);
        var read = new HashSet<int>();
        for (var i = 0; i < tools.Count; i++)
        {
            names.TryAdd(tools[i].Name, i);
            if (read.Add(tools[i].Element))
            {
                var value = facts.ServerTools.Elements[tools[i].Element].Value;
                AddNames(body.Slice(value.Start, value.Length), i, names);
            }
        }

        foreach (var tool in removed)
        {
            names.TryAdd(tool.Name, tools.Count);
        }

        return names;
    }

    private static Dictionary<string, int> FamiliesOf(IReadOnlyList<ServerToolUse> tools)
    {
        var families = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var i = 0; i < tools.Count; i++)
        {
            families.TryAdd(FamilyOf(tools[i].Name).ToString(), i);
        }

        return families;
    }

    /// <summary>The types of the tools that stay: a choice that has one of them needs no other of its family.</summary>
    private static HashSet<string> TypesLeft(BodyFacts facts, in ReadOnlySequence<byte> body, IReadOnlyList<ServerToolUse> tools)
    {
        var types = new HashSet<string>(StringComparer.Ordinal);
        var removed = tools.Select(tool => facts.ServerTools.Elements[tool.Element].Value.Start).ToHashSet();
        var list = facts.Members[facts.LastIndexOf(BodyMemberName.Tools)].Value;
        var reader = new Utf8JsonReader(body.Slice(list.Start, list.Length), JsonText.AnyDepth);
        var (isRemoved, isType) = (false, false);
        while (reader.Read())
        {
            if (reader.TokenType == JsonTokenType.StartObject && reader.CurrentDepth == 1)
            {
                isRemoved = removed.Contains(list.Start + (int)reader.TokenStartIndex);
            }
            else if (reader.TokenType == JsonTokenType.String && isType && !isRemoved && JsonReaderText.Length(reader) <= LongestText)
            {
                types.Add(JsonReaderText.Read(reader));
            }

            isType = reader.TokenType == JsonTokenType.PropertyName && reader.CurrentDepth == 2 && JsonReaderText.Is(reader, "type");
        }

        return types;
    }

    /// <summary>
    /// The type of a tool without what tells its version: <c>openrouter:web_search</c> and <c>web_search_preview_2025_03_11</c> are
    /// <c>web_search</c>.
    /// </summary>
    private static ReadOnlySpan<char> FamilyOf(ReadOnlySpan<char> type)
    {
        const string Own = "openrouter:";
        const string Preview = "_preview";
        type = type.StartsWith(Own, StringComparison.Ordinal) ? type[Own.Length..] : type;
        type = type.TrimEnd("_0123456789");
        return type.EndsWith(Preview, StringComparison.Ordinal) ? type[..^Preview.Length] : type;
    }

    private static void AddNames(in ReadOnlySequence<byte> element, int tool, Dictionary<string, int> names)
    {
        var reader = new Utf8JsonReader(element, JsonText.AnyDepth);
        var isName = false;
        while (names.Count <= MostNames && reader.Read())
        {
            if (reader.TokenType == JsonTokenType.String && isName)
            {
                names.TryAdd(JsonReaderText.Length(reader) > LongestText ? "" : JsonReaderText.Read(reader), tool);
            }

            // At any depth: a removed element may contain other tools.
            isName = reader.TokenType == JsonTokenType.PropertyName
                && (JsonReaderText.Is(reader, "name") || JsonReaderText.Is(reader, "server_label"));
        }
    }

    /// <summary>Reads a <c>tool_choice</c>, and lowers an index to the smallest of the tools that it names.</summary>
    private static void FindFirst(
        in ReadOnlySequence<byte> choice,
        Dictionary<string, int> names,
        Dictionary<string, int> families,
        HashSet<string> left,
        bool isEmptied,
        ref int? first)
    {
        var known = names.GetAlternateLookup<ReadOnlySpan<char>>();
        var knownFamilies = families.GetAlternateLookup<ReadOnlySpan<char>>();
        var kept = left.GetAlternateLookup<ReadOnlySpan<char>>();
        var isType = false;
        Span<char> buffer = stackalloc char[LongestText];
        var reader = new Utf8JsonReader(choice, JsonText.AnyDepth);
        while (reader.Read())
        {
            if (reader.TokenType != JsonTokenType.String)
            {
                isType = reader.TokenType == JsonTokenType.PropertyName && JsonReaderText.Is(reader, "type");
                continue;
            }

            var text = JsonReaderText.Length(reader) > LongestText ? [] : buffer[..JsonReaderText.Read(reader, buffer)];
            if (known.TryGetValue(text, out var tool) || (isType && !kept.Contains(text) && knownFamilies.TryGetValue(FamilyOf(text), out tool)))
            {
                first = Math.Min(first ?? tool, tool);
            }
            else if (isEmptied && text is "required" or "any")
            {
                first ??= int.MaxValue;
            }
        }
    }
}
