using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Gateway.Primitives;

/// <summary>
/// An amount of money in pico-dollars (10^-12 US dollars). OpenRouter's prices per token, and their sums, are exact in this unit. 128 bits
/// prevent overflow of sums. A stored amount must fit into 64 bits, about nine million dollars.
/// </summary>
/// <param name="Value">The number of pico-dollars.</param>
internal readonly record struct PicoDollars(Int128 Value) : IComparable<PicoDollars>
{
    private const int Decimals = 12;

    /// <summary>The largest amount that a store can hold.</summary>
    public static PicoDollars MaxStored { get; } = new(long.MaxValue);

    public static PicoDollars Zero => default;

    /// <summary>The amount in US dollars as a binary fraction, for graphs and gauges. Never stored or summed.</summary>
    public double ApproximateUsd => (double)Value / 1e12;

    public static PicoDollars operator +(PicoDollars left, PicoDollars right) => new(left.Value + right.Value);

    public static PicoDollars operator -(PicoDollars left, PicoDollars right) => new(left.Value - right.Value);

    public static PicoDollars operator *(PicoDollars amount, long times) => new(amount.Value * times);

    public static bool operator <(PicoDollars left, PicoDollars right) => left.Value < right.Value;

    public static bool operator >(PicoDollars left, PicoDollars right) => left.Value > right.Value;

    public static bool operator <=(PicoDollars left, PicoDollars right) => left.Value <= right.Value;

    public static bool operator >=(PicoDollars left, PicoDollars right) => left.Value >= right.Value;

    public static PicoDollars Max(PicoDollars left, PicoDollars right) => left > right ? left : right;

    /// <summary>
    /// Parses a JSON number (sign, digits, fraction, exponent) without binary floating point. The amount is rounded to twelve decimals,
    /// halves away from zero. A number that does not fit into 64 bits is rejected.
    /// </summary>
    public static bool TryParse(ReadOnlySpan<byte> utf8, out PicoDollars amount)
    {
        amount = default;
        var text = utf8;
        var isNegative = text is [(byte)'-', ..];
        if (isNegative)
        {
            text = text[1..];
        }

        var exponent = 0;
        var mark = text.IndexOfAny((byte)'e', (byte)'E');
        if (mark >= 0)
        {
            // An exponent of more than four digits cannot give a valid amount.
            if (!int.TryParse(text[(mark + 1)..], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out exponent)
                || exponent is < -9999 or > 9999)
            {
                return false;
            }

            text = text[..mark];
        }

        var point = text.IndexOf((byte)'.');
        var whole = point < 0 ? text : text[..point];
        var fraction = point < 0 ? default : text[(point + 1)..];
        if (whole.IsEmpty || (point >= 0 && fraction.IsEmpty))
        {
            return false;
        }

        // Digits up to the last pico-dollar are kept; the next one rounds.
        var kept = whole.Length + exponent + Decimals;
        Int128 value = 0;
        for (var i = 0; i < whole.Length + fraction.Length; i++)
        {
            var digit = (i < whole.Length ? whole[i] : fraction[i - whole.Length]) - '0';
            if (digit is < 0 or > 9)
            {
                return false;
            }

            if (i < kept)
            {
                value = (value * 10) + digit;
                if (value > long.MaxValue)
                {
                    return false;
                }
            }
            else if (i == kept && digit >= 5)
            {
                value++;
            }
        }

        for (var i = whole.Length + fraction.Length; i < kept && value != 0; i++)
        {
            value *= 10;
            if (value > long.MaxValue)
            {
                return false;
            }
        }

        amount = new PicoDollars(isNegative ? -value : value);
        return value <= long.MaxValue;
    }

    /// <summary>The amount in a store's column.</summary>
    public static PicoDollars FromStored(long value) => new(value);

    /// <summary>The amount for a store's column, clamped to 64 bits.</summary>
    public long ToStored() => Value > long.MaxValue ? long.MaxValue : Value < long.MinValue ? long.MinValue : (long)Value;

    /// <inheritdoc />
    public int CompareTo(PicoDollars other) => Value.CompareTo(other.Value);

    /// <summary>The exact amount in dollars, without an exponent and without trailing zeros: <c>0.00012</c>.</summary>
    [SuppressMessage("Globalization", "CA1305", Justification = "Int128 has no culture here: digits only.")]
    public override string ToString()
    {
        var digits = Int128.Abs(Value).ToString(CultureInfo.InvariantCulture).PadLeft(Decimals + 1, '0');
        var fraction = digits[^Decimals..].TrimEnd('0');
        return (Value < 0 ? "-" : "") + digits[..^Decimals] + (fraction.Length > 0 ? "." + fraction : "");
    }
}
