using System.Buffers;
using System.Text.Json;
using OpenRouterGateway.Transforms.Json;
using OpenRouterGateway.Transforms.RequestBody;
using OpenRouterGateway.Transforms.RequestBody.Tools;

namespace OpenRouterGateway.Transforms.ProviderMapping;

/// <summary>Finds whether <c>tool_choice</c> needs a tool. It is read only when tools are removed.</summary>
internal static class ToolChoice
{
    // A longer value is not read: a body could fill it with names. Clients send fewer than a hundred bytes.
    private const int LongestValue = 64 * 1024;

    // A longer text is no name of a tool.
    private const int LongestText = 4096;

    // A tool has a type, a name and a label.
    private const int MostNames = 4 * RoutingMemberCollector.MaxEntries;

    /// <summary>
    /// Whether an occurrence of <c>tool_choice</c> names a removed tool by its type or name, or demands a call although no tool is left.
    /// A value of more than 64 KiB counts as needing the tool, and so does any value if the removed tools have more than 4,096 names.
    /// </summary>
    /// <param name="facts">The facts about the body.</param>
    /// <param name="body">The body.</param>
    /// <param name="elements">The indexes of the removed elements.</param>
    /// <param name="removed">The removed tools.</param>
    /// <param name="isEmptied">Whether no tool is left.</param>
    public static bool Needs(
        BodyFacts facts, in ReadOnlySequence<byte> body, HashSet<int> elements, List<ServerToolUse> removed, bool isEmptied)
    {
        HashSet<string>? names = null;
        foreach (var member in facts.Members)
        {
            if (member.Name != BodyMemberName.ToolChoice)
            {
                continue;
            }

            if (member.Value.Length > LongestValue)
            {
                return true;
            }

            names ??= NamesOf(facts, body, elements, removed);
            if (names.Count > MostNames || Needs(body.Slice(member.Value.Start, member.Value.Length), names, isEmptied))
            {
                return true;
            }
        }

        return false;
    }

    private static HashSet<string> NamesOf(
        BodyFacts facts, in ReadOnlySequence<byte> body, HashSet<int> elements, List<ServerToolUse> removed)
    {
        var names = removed.Select(static tool => tool.Name).ToHashSet(StringComparer.Ordinal);
        foreach (var element in elements)
        {
            var value = facts.ServerTools.Elements[element].Value;
            var json = body.Slice(value.Start, value.Length);
            var reader = new Utf8JsonReader(json, JsonText.AnyDepth);
            var isName = false;
            while (names.Count <= MostNames && reader.Read())
            {
                if (reader.TokenType == JsonTokenType.String && isName)
                {
                    names.Add(Text(reader, json));
                }

                // At any depth: a removed element may contain other tools.
                isName = reader.TokenType == JsonTokenType.PropertyName && Text(reader, json) is "name" or "server_label";
            }
        }

        return names;
    }

    private static bool Needs(in ReadOnlySequence<byte> choice, HashSet<string> names, bool isEmptied)
    {
        var reader = new Utf8JsonReader(choice, JsonText.AnyDepth);
        while (reader.Read())
        {
            if (reader.TokenType == JsonTokenType.String && Text(reader, choice) is var text
                && (names.Contains(text) || (isEmptied && text is "required" or "any")))
            {
                return true;
            }
        }

        return false;
    }

    private static string Text(in Utf8JsonReader reader, in ReadOnlySequence<byte> json)
    {
        var length = reader.HasValueSequence ? reader.ValueSequence.Length : reader.ValueSpan.Length;
        return length > LongestText ? "" : JsonStringDecoder.Decode(json.Slice(reader.TokenStartIndex + 1, length));
    }
}
