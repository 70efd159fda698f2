using System.Text.Json;

namespace OpenRouterGateway.Transforms.Json;

/// <summary>One member of a JSON object; offsets count from the object's opening brace.</summary>
/// <param name="Name">The key, escapes resolved.</param>
/// <param name="Start">Offset of the key's opening quote.</param>
/// <param name="KeyEnd">Offset after the key's closing quote.</param>
/// <param name="ValueStart">Offset of the value.</param>
/// <param name="ValueEnd">Offset after the value.</param>
/// <param name="Kind">The value's JSON type.</param>
/// <param name="CommaEnd">Offset after the comma that follows; -1 for the last member.</param>
internal readonly record struct JsonMember(
    string Name, int Start, int KeyEnd, int ValueStart, int ValueEnd, JsonValueKind Kind, int CommaEnd)
{
    /// <summary>Reads the members of a valid JSON object, duplicates included, in order.</summary>
    public static List<JsonMember> ReadAll(ReadOnlySpan<byte> json)
    {
        var members = new List<JsonMember>();
        var reader = new Utf8JsonReader(json, JsonText.AnyDepth);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var start = (int)reader.TokenStartIndex;
            var keyEnd = start + reader.ValueSpan.Length + 2;
            var name = JsonStringDecoder.Decode(reader.ValueSpan);
            reader.Read();
            var valueStart = (int)reader.TokenStartIndex;
            var kind = KindOf(reader.TokenType);
            reader.Skip();
            var valueEnd = (int)reader.BytesConsumed;
            var next = valueEnd + json[valueEnd..].IndexOfAnyExcept(" \t\r\n"u8);
            members.Add(new JsonMember(name, start, keyEnd, valueStart, valueEnd, kind, json[next] == (byte)',' ? next + 1 : -1));
        }

        return members;
    }

    private static JsonValueKind KindOf(JsonTokenType token) => token switch
    {
        JsonTokenType.StartObject => JsonValueKind.Object,
        JsonTokenType.StartArray => JsonValueKind.Array,
        JsonTokenType.String => JsonValueKind.String,
        JsonTokenType.Number => JsonValueKind.Number,
        JsonTokenType.True => JsonValueKind.True,
        JsonTokenType.False => JsonValueKind.False,
        JsonTokenType.Null => JsonValueKind.Null,
        _ => throw new InvalidOperationException($"A value cannot start with {token}."),
    };
}
