using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace OpenRouterGateway.Transforms.Json;

/// <summary>
/// Writes JSON text, and shortens it for messages. <see cref="JsonStringDecoder"/> reads strings.
/// </summary>
internal static class JsonText
{
    private const int QuotedLength = 60;

    /// <summary>Reader options for text that was validated before: no depth limit.</summary>
    public static readonly JsonReaderOptions AnyDepth = new() { MaxDepth = int.MaxValue };

    /// <summary>Reader options for settings files: comments and trailing commas are allowed, no depth limit.</summary>
    private static readonly JsonReaderOptions Settings = new()
    {
        MaxDepth = int.MaxValue,
        CommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
    };

    /// <summary>Writes text as a JSON string with quotes. Only characters that JSON requires are escaped.</summary>
    public static byte[] Quote(string text)
    {
        var encoded = JsonEncodedText.Encode(text, JavaScriptEncoder.UnsafeRelaxedJsonEscaping);
        return [(byte)'"', .. encoded.EncodedUtf8Bytes, (byte)'"'];
    }

    /// <summary>Writes texts as a JSON array of strings.</summary>
    public static byte[] QuoteAll(IEnumerable<string> texts)
    {
        var json = new List<byte> { (byte)'[' };
        foreach (var text in texts)
        {
            if (json.Count > 1)
            {
                json.Add((byte)',');
            }

            json.AddRange(Quote(text));
        }

        json.Add((byte)']');
        return [.. json];
    }

    /// <summary>Whether text is well-formed UTF-16, without lone surrogates.</summary>
    public static bool IsWellFormed(ReadOnlySpan<char> text)
    {
        while (!text.IsEmpty)
        {
            if (Rune.DecodeFromUtf16(text, out _, out var consumed) != OperationStatus.Done)
            {
                return false;
            }

            text = text[consumed..];
        }

        return true;
    }

    /// <summary>Removes white space, comments and trailing commas. Strings and numbers keep their spelling.</summary>
    public static byte[] Compact(ReadOnlySpan<byte> json)
    {
        var output = new ArrayBufferWriter<byte>(json.Length + 1);
        var reader = new Utf8JsonReader(json, Settings);
        var needsComma = false;
        while (reader.Read())
        {
            if (needsComma && reader.TokenType is not (JsonTokenType.EndObject or JsonTokenType.EndArray))
            {
                output.Write(","u8);
            }

            output.Write(json[(int)reader.TokenStartIndex..TokenEnd(in reader)]);
            if (reader.TokenType == JsonTokenType.PropertyName)
            {
                output.Write(":"u8);
            }

            needsComma = reader.TokenType is not (JsonTokenType.PropertyName or JsonTokenType.StartObject or JsonTokenType.StartArray);
        }

        return output.WrittenSpan.ToArray();
    }

    /// <summary>Formats a given value for a message: quoted and shortened.</summary>
    public static string Quoted(string? given)
    {
        given = Printable(given ?? "");
        return given.Length <= QuotedLength ? $"\"{given}\"" : $"\"{given[..QuotedLength]}…\"";
    }

    /// <summary>Replaces control characters, so that a message stays on one line.</summary>
    public static string Printable(string text) => string.Concat(text.Select(c => char.IsControl(c) ? '\uFFFD' : c));

    /// <summary>Formats given JSON for a message: shortened.</summary>
    public static string Shortened(ReadOnlySpan<byte> json)
    {
        var text = Encoding.UTF8.GetString(json);
        return text.Length <= QuotedLength ? text : $"{text[..QuotedLength]}…";
    }

    // BytesConsumed of a property name includes its colon.
    private static int TokenEnd(ref readonly Utf8JsonReader reader) =>
        reader.TokenType == JsonTokenType.PropertyName
            ? (int)reader.TokenStartIndex + reader.ValueSpan.Length + 2
            : (int)reader.BytesConsumed;
}
