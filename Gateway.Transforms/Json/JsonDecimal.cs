using System.Buffers.Text;

namespace OpenRouterGateway.Transforms.Json;

/// <summary>A decimal number in a JSON text, for exact comparison: a price limit must not be rounded.</summary>
internal readonly struct JsonDecimal
{
    // Larger exponents are clamped. A clamped number compares correctly with every other number, except with a clamped number of the same
    // sign.
    private const long MaxExponent = 1_000_000_000_000_000;

    private readonly int _sign;
    private readonly long _magnitude;
    private readonly byte[] _digits;

    private JsonDecimal(int sign, long magnitude, byte[] digits)
    {
        _sign = sign;
        _magnitude = magnitude;
        _digits = digits;
    }

    /// <summary>Whether the number is below zero.</summary>
    public bool IsNegative => _sign < 0;

    /// <summary>Whether the exponent is small enough for an exact comparison.</summary>
    public bool IsMeasurable => _magnitude is > -MaxExponent and < MaxExponent;

    /// <summary>Parses digits with an optional minus sign, fraction and exponent.</summary>
    public static bool TryParse(ReadOnlySpan<byte> text, out JsonDecimal value)
    {
        value = default;
        var isNegative = text is [(byte)'-', ..];
        if (isNegative)
        {
            text = text[1..];
        }

        var whole = TakeDigits(ref text);
        ReadOnlySpan<byte> fraction = default;
        if (text is [(byte)'.', ..])
        {
            text = text[1..];
            fraction = TakeDigits(ref text);
            if (fraction.IsEmpty)
            {
                return false;
            }
        }

        long exponent = 0;
        if (text is [(byte)'e' or (byte)'E', ..])
        {
            text = text[1..];
            var isNegativeExponent = text is [(byte)'-', ..];
            if (text is [(byte)'-' or (byte)'+', ..])
            {
                text = text[1..];
            }

            var digits = TakeDigits(ref text);
            if (digits.IsEmpty)
            {
                return false;
            }

            digits = digits.TrimStart((byte)'0');
            exponent = digits.IsEmpty ? 0
                : digits.Length < 16 && Utf8Parser.TryParse(digits, out long parsed, out _) ? parsed
                : 2 * MaxExponent; // Still beyond the limit after the position of the first digit is added.
            exponent = isNegativeExponent ? -exponent : exponent;
        }

        if (whole.IsEmpty || !text.IsEmpty)
        {
            return false;
        }

        byte[] all = [.. whole, .. fraction];
        var leadingZeros = all.AsSpan().IndexOfAnyExcept((byte)'0');
        if (leadingZeros < 0)
        {
            value = new JsonDecimal(0, 0, []);
            return true;
        }

        // Normalised to 0.d1d2d3… × 10^magnitude, where d1 and the last digit are not zero.
        var magnitude = Math.Clamp(exponent + whole.Length - leadingZeros, -MaxExponent, MaxExponent);
        value = new JsonDecimal(isNegative ? -1 : 1, magnitude, all.AsSpan(leadingZeros).TrimEnd((byte)'0').ToArray());
        return true;
    }

    /// <summary>Whether this number is at most <paramref name="other"/>.</summary>
    public bool IsAtMost(in JsonDecimal other)
    {
        if (_sign != other._sign)
        {
            return _sign < other._sign;
        }

        var order = _magnitude != other._magnitude
            ? _magnitude.CompareTo(other._magnitude)
            : _digits.AsSpan().SequenceCompareTo(other._digits);
        return order * _sign <= 0;
    }

    private static ReadOnlySpan<byte> TakeDigits(scoped ref ReadOnlySpan<byte> text)
    {
        var end = text.IndexOfAnyExceptInRange((byte)'0', (byte)'9');
        var digits = end < 0 ? text : text[..end];
        text = text[digits.Length..];
        return digits;
    }
}
