using System.Text;

namespace Gateway.Ledger;

/// <summary>
/// Sanitizes values from clients and upstream so that every store accepts them: one rejected row would block all rows behind it.
/// </summary>
internal static class LedgerSanitizer
{
    /// <summary>
    /// The maximum length of stored text, in characters. Names are far shorter, and PostgreSQL's indexes accept at most 2.7 kB.
    /// </summary>
    public const int MaxTextLength = 256;

    // A trillion: sums over millions of rows stay within 64 bits, regardless of upstream's values.
    private const long MaxTokens = 1_000_000_000_000;

    /// <summary>Text of limited length, without NUL characters and unpaired surrogates, which PostgreSQL rejects.</summary>
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

    /// <summary>A token count in the range that can be summed.</summary>
    public static long? Tokens(long? tokens) => tokens is { } count ? Math.Clamp(count, 0, MaxTokens) : null;

    /// <summary>A duration in microseconds.</summary>
    public static long? Microseconds(TimeSpan? duration) => duration is { } time ? time.Ticks / TimeSpan.TicksPerMicrosecond : null;
}
