using System.Buffers;
using System.Text.Json;
using OpenRouterGateway.Transforms.Json;
using OpenRouterGateway.Transforms.RequestBody;
using OpenRouterGateway.Transforms.RequestBody.Tools;

namespace OpenRouterGateway.Transforms.ProviderMapping;

/// <summary>Finds whether <c>tool_choice</c> needs a tool. It is read only when tools are removed.</summary>
internal static class ToolChoice
{
    // A longer text is no name of a tool.
    private const int LongestText = 4096;

    /// <summary>
    /// Whether an occurrence of <c>tool_choice</c> names a removed tool by its type or name, or demands a call although no tool is left.
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

            names ??= NamesOf(facts, body, elements, removed);
            foreach (var text in Strings(body.Slice(member.Value.Start, member.Value.Length)))
            {
                if (names.Contains(text) || (isEmptied && text is "required" or "any"))
                {
                    return true;
                }
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
            while (reader.Read())
            {
                if (reader.TokenType == JsonTokenType.String && isName)
                {
                    names.Add(Text(reader, json));
                }

                isName = reader is { TokenType: JsonTokenType.PropertyName, CurrentDepth: 1 } && Text(reader, json) is "name" or "server_label";
            }
        }

        return names;
    }

    private static List<string> Strings(ReadOnlySequence<byte> json)
    {
        var texts = new List<string>();
        var reader = new Utf8JsonReader(json, JsonText.AnyDepth);
        while (reader.Read())
        {
            if (reader.TokenType == JsonTokenType.String)
            {
                texts.Add(Text(reader, json));
            }
        }

        return texts;
    }

    private static string Text(in Utf8JsonReader reader, in ReadOnlySequence<byte> json)
    {
        var length = reader.HasValueSequence ? reader.ValueSequence.Length : reader.ValueSpan.Length;
        return length > LongestText ? "" : JsonStringDecoder.Decode(json.Slice(reader.TokenStartIndex + 1, length));
    }
}
