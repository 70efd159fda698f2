using System.Buffers;
using System.Globalization;
using System.Text;

namespace OpenRouterGateway.Transforms.Json;

/// <summary>
/// Resolves the escapes of a valid JSON string. Unlike <see cref="System.Text.Json.JsonElement.GetString"/> it accepts lone surrogates,
/// which RFC 8259 allows and clients send, and decodes each to one UTF-16 unit.
/// </summary>
internal static class JsonStringDecoder
{
    /// <summary>Decodes the bytes between the quotes.</summary>
    public static string Decode(in ReadOnlySequence<byte> raw) => Decode(raw.IsSingleSegment ? raw.FirstSpan : raw.ToArray());

    /// <summary>Decodes the bytes between the quotes.</summary>
    public static string Decode(ReadOnlySpan<byte> raw)
    {
        if (!raw.Contains((byte)'\\'))
        {
            return Encoding.UTF8.GetString(raw);
        }

        var buffer = ArrayPool<char>.Shared.Rent(raw.Length);
        try
        {
            return new string(buffer, 0, Decode(raw, buffer));
        }
        finally
        {
            ArrayPool<char>.Shared.Return(buffer);
        }
    }

    /// <summary>Decodes into a buffer that is at least as long as the input. Returns the number of characters.</summary>
    public static int Decode(ReadOnlySpan<byte> raw, Span<char> destination)
    {
        var written = 0;
        while (!raw.IsEmpty)
        {
            var run = raw.IndexOf((byte)'\\');
            var plain = run < 0 ? raw : raw[..run];
            written += Encoding.UTF8.GetChars(plain, destination[written..]);
            if (run < 0)
            {
                break;
            }

            var escape = raw[run + 1];
            if (escape == 'u')
            {
                var digits = raw.Slice(run + 2, 4);
                destination[written++] = (char)ushort.Parse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
                raw = raw[(run + 6)..];
                continue;
            }

            destination[written++] = escape switch
            {
                (byte)'b' => '\b',
                (byte)'f' => '\f',
                (byte)'n' => '\n',
                (byte)'r' => '\r',
                (byte)'t' => '\t',
                _ => (char)escape,
            };
            raw = raw[(run + 2)..];
        }

        return written;
    }
}
