using System.Text;

namespace Gateway.Ledger;

/// <summary>
/// Brings what callers and upstream wrote into a form that every store takes: one row that a store refuses would hold up all those
/// behind it.
/// </summary>
internal static class LedgerValues
{
    /// <summary>The longest text kept, in characters: names are far shorter, and PostgreSQL's indexes take no more than 2.7 kB.</summary>
    public const int MaxTextLength = 256;

    // A trillion: so many millions of rows can be summed up in 64 bits, whatever upstream says.
    private const long MaxTokens = 1_000_000_000_000;

    /// <summary>A text without zero characters and broken surrogates, which PostgreSQL refuses, and not too long.</summary>
    public static string? Text(string? text)
    {
        if (text is null
            || (text.Length <= MaxTextLength && !text.Contains('\0') && text.AsSpan().IndexOfAnyInRange('\uD800', '\uDFFF') < 0))
        {
            return text;
        }

        var clean = new StringBuilder(Math.Min(text.Length, MaxTextLength));
        foreach (var rune in text.EnumerateRunes())
        {
            if (clean.Length + rune.Utf16SequenceLength > MaxTextLength)
            {
                break;
            }

            clean.Append(rune.Value == 0 ? Rune.ReplacementChar : rune);
        }

        return clean.ToString();
    }

    /// <summary>A number of tokens that can be summed up.</summary>
    public static long? Tokens(long? tokens) => tokens is { } count ? Math.Clamp(count, 0, MaxTokens) : null;

    /// <summary>A duration in microseconds.</summary>
    public static long? Microseconds(TimeSpan? duration) => duration is { } time ? time.Ticks / TimeSpan.TicksPerMicrosecond : null;
}
