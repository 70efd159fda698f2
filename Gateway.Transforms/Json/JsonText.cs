using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace OpenRouterGateway.Transforms.Json;

/// <summary>
/// JSON text without a document model, for writing and for messages; strings are read by <see cref="JsonStringDecoder"/>.
/// </summary>
internal static class JsonText
{
    private const int QuotedLength = 60;

    /// <summary>For text that has been checked already, however deep: the limit belongs to whoever checked it.</summary>
    public static readonly JsonReaderOptions AnyDepth = new() { MaxDepth = int.MaxValue };

    /// <summary>Like <see cref="AnyDepth"/>, with what a settings file may hold besides.</summary>
    private static readonly JsonReaderOptions Settings = new()
    {
        MaxDepth = int.MaxValue,
        CommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
    };

    /// <summary>Text as a JSON string, quotes included; nothing is escaped without need.</summary>
    public static byte[] Quote(string text)
    {
        var encoded = JsonEncodedText.Encode(text, JavaScriptEncoder.UnsafeRelaxedJsonEscaping);
        return [(byte)'"', .. encoded.EncodedUtf8Bytes, (byte)'"'];
    }

    /// <summary>Texts as a JSON array of strings.</summary>
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

    /// <summary>Whether text can be written as UTF-8 at all: no half of a surrogate pair stands alone.</summary>
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

    /// <summary>Drops white space, comments and trailing commas; every string and number keeps its spelling.</summary>
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

    /// <summary>What was given, for a message: in quotes and shortened.</summary>
    public static string Quoted(string? given)
    {
        given = Printable(given ?? "");
        return given.Length <= QuotedLength ? $"\"{given}\"" : $"\"{given[..QuotedLength]}…\"";
    }

    /// <summary>Text that stays on its line: a fault is one line, whatever was written into the setting.</summary>
    public static string Printable(string text) => string.Concat(text.Select(c => char.IsControl(c) ? '\uFFFD' : c));

    /// <summary>JSON that was given, for a message: shortened.</summary>
    public static string Shortened(ReadOnlySpan<byte> json)
    {
        var text = Encoding.UTF8.GetString(json);
        return text.Length <= QuotedLength ? text : $"{text[..QuotedLength]}…";
    }

    // A property name's token ends at its quote; BytesConsumed stands behind its colon.
    private static int TokenEnd(ref readonly Utf8JsonReader reader) =>
        reader.TokenType == JsonTokenType.PropertyName
            ? (int)reader.TokenStartIndex + reader.ValueSpan.Length + 2
            : (int)reader.BytesConsumed;
}
