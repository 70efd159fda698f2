using System.Buffers.Text;
using System.Text;

namespace Gateway.Metering;

/// <summary>Resolves the escapes of an unvalidated JSON string.</summary>
internal static class JsonEscapes
{
    /// <summary>
    /// Writes the unescaped text, which is never longer than the escaped text. A lone surrogate becomes U+FFFD. Fails on an invalid escape.
    /// </summary>
    public static bool TryResolve(ReadOnlySpan<byte> raw, Span<byte> destination, out int length)
    {
        length = 0;
        while (!raw.IsEmpty)
        {
            var run = raw.IndexOf((byte)'\\');
            var plain = run < 0 ? raw : raw[..run];
            plain.CopyTo(destination[length..]);
            length += plain.Length;
            if (run < 0)
            {
                break;
            }

            raw = raw[run..];
            if (raw.Length < 2)
            {
                return false;
            }

            if (raw[1] == (byte)'u')
            {
                if (!TryReadUnit(raw, out var unit))
                {
                    return false;
                }

                raw = raw[6..];
                var isPair = char.IsHighSurrogate(unit) && TryReadUnit(raw, out var low) && char.IsLowSurrogate(low);
                var rune = Rune.ReplacementChar;
                if (isPair)
                {
                    TryReadUnit(raw, out low);
                    rune = new Rune(unit, low);
                    raw = raw[6..];
                }
                else if (Rune.TryCreate(unit, out var single))
                {
                    rune = single;
                }

                length += rune.EncodeToUtf8(destination[length..]);
                continue;
            }

            var resolved = raw[1] switch
            {
                (byte)'b' => '\b',
                (byte)'f' => '\f',
                (byte)'n' => '\n',
                (byte)'r' => '\r',
                (byte)'t' => '\t',
                (byte)'"' or (byte)'\\' or (byte)'/' => (char)raw[1],
                _ => '\0',
            };
            if (resolved == '\0')
            {
                return false;
            }

            destination[length++] = (byte)resolved;
            raw = raw[2..];
        }

        return true;
    }

    private static bool TryReadUnit(ReadOnlySpan<byte> raw, out char unit)
    {
        unit = default;
        if (raw.Length < 6 || raw[0] != (byte)'\\' || raw[1] != (byte)'u'
            || !Utf8Parser.TryParse(raw.Slice(2, 4), out ushort value, out var length, 'x') || length != 4)
        {
            return false;
        }

        unit = (char)value;
        return true;
    }
}
