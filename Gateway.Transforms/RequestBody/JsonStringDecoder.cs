using System.Buffers;
using System.Globalization;
using System.Text;

namespace Gateway.Transforms.RequestBody;

/// <summary>
/// Resolves the escapes of a JSON string that a scan has found valid. Unlike <see cref="System.Text.Json.JsonElement.GetString"/> it
/// takes lone surrogates, which RFC 8259 allows and clients send: they become what they are, one UTF-16 unit.
/// </summary>
internal static class JsonStringDecoder
{
    /// <summary>Decodes the bytes between the quotes.</summary>
    public static string Decode(in ReadOnlySequence<byte> raw)
    {
        var bytes = raw.IsSingleSegment ? raw.FirstSpan : raw.ToArray();
        if (!bytes.Contains((byte)'\\'))
        {
            return Encoding.UTF8.GetString(bytes);
        }

        var buffer = ArrayPool<char>.Shared.Rent(bytes.Length);
        try
        {
            return new string(buffer, 0, Decode(bytes, buffer));
        }
        finally
        {
            ArrayPool<char>.Shared.Return(buffer);
        }
    }

    /// <summary>Decodes into <paramref name="destination"/>, which must be as long as the bytes; returns the number of characters.</summary>
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
                destination[written++] = (char)ushort.Parse(raw.Slice(run + 2, 4), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture);
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
