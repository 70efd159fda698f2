using System.Globalization;

namespace FakeOpenRouter;

/// <summary>
/// Money in whole pico-dollars, parsed from and written as decimal text. The arithmetic is deliberately independent of the gateway: a check
/// must not share the gateway's faults.
/// </summary>
internal static class Pico
{
    private const int Decimals = 12;

    /// <summary>Reads plain decimal text such as <c>0.0000025</c>.</summary>
    /// <exception cref="FormatException">The text is not a decimal number, or is finer than a pico-dollar.</exception>
    public static Int128 Parse(string dollars)
    {
        var parts = dollars.Split('.');
        var isPlain = parts.Length <= 2 && parts[0].Length > 0 && parts.All(part => part.All(char.IsAsciiDigit));
        return isPlain && (parts.Length == 1 || parts[1].Length is > 0 and <= Decimals)
            ? Int128.Parse(parts[0] + (parts.Length == 2 ? parts[1] : "").PadRight(Decimals, '0'), CultureInfo.InvariantCulture)
            : throw new FormatException($"\"{dollars}\": expected dollars such as 0.0000025, with {Decimals} decimals at most");
    }

    /// <summary>The exact amount without trailing zeros: <c>0.000041</c>.</summary>
    public static string Plain(Int128 amount)
    {
        var digits = Digits(amount).PadLeft(Decimals + 1, '0');
        var fraction = digits[^Decimals..].TrimEnd('0');
        return digits[..^Decimals] + (fraction.Length > 0 ? "." + fraction : "");
    }

    /// <summary>The exact amount with an exponent: <c>4.1e-05</c>, as Python writes small numbers.</summary>
    public static string Exponential(Int128 amount)
    {
        if (amount == 0)
        {
            return "0e+00";
        }

        var digits = Digits(amount);
        var exponent = digits.Length - 1 - Decimals;
        var significant = digits.TrimEnd('0');
        var mantissa = significant.Length > 1 ? $"{significant[0]}.{significant[1..]}" : significant;
        return $"{mantissa}e{(exponent < 0 ? '-' : '+')}{Math.Abs(exponent).ToString("00", CultureInfo.InvariantCulture)}";
    }

    private static string Digits(Int128 amount) => amount.ToString(CultureInfo.InvariantCulture);
}
