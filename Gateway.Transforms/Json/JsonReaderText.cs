using System.Buffers;
using System.Text.Json;

namespace OpenRouterGateway.Transforms.Json;

/// <summary>
/// Reads the texts of a <see cref="Utf8JsonReader"/> as <see cref="JsonStringDecoder"/> does: the reader itself throws on a lone surrogate.
/// </summary>
internal static class JsonReaderText
{
    private const int EscapeLength = 6; // \uXXXX

    /// <summary>Whether the name or string at the reader is a short ASCII text.</summary>
    public static bool Is(in Utf8JsonReader reader, string text)
    {
        if (!reader.ValueIsEscaped)
        {
            return reader.ValueTextEquals(text);
        }

        var length = EscapeLength * text.Length;
        if (Length(reader) > length)
        {
            return false;
        }

        Span<char> decoded = stackalloc char[length];
        return decoded[..Read(reader, decoded)].SequenceEqual(text);
    }

    /// <summary>The length of the name or string at the reader, in bytes of the body.</summary>
    public static long Length(in Utf8JsonReader reader) => reader.HasValueSequence ? reader.ValueSequence.Length : reader.ValueSpan.Length;

    /// <summary>Decodes the name or string at the reader into a buffer of at least its <see cref="Length"/>.</summary>
    /// <returns>The number of characters.</returns>
    public static int Read(in Utf8JsonReader reader, Span<char> destination)
    {
        if (!reader.HasValueSequence)
        {
            return JsonStringDecoder.Decode(reader.ValueSpan, destination);
        }

        var raw = ArrayPool<byte>.Shared.Rent((int)reader.ValueSequence.Length);
        try
        {
            reader.ValueSequence.CopyTo(raw);
            return JsonStringDecoder.Decode(raw.AsSpan(0, (int)reader.ValueSequence.Length), destination);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(raw);
        }
    }

    /// <summary>The name or string at the reader.</summary>
    public static string Read(in Utf8JsonReader reader) =>
        reader.HasValueSequence ? JsonStringDecoder.Decode(reader.ValueSequence) : JsonStringDecoder.Decode(reader.ValueSpan);
}
