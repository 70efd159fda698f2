namespace OpenRouterGateway.Transforms.ProviderMapping.Patterns;

/// <summary>
/// The symbols for searching names for literals of patterns: one class for each ASCII character ignoring case, one for all other
/// characters, and two marks for the ends of a name.
/// </summary>
/// <remarks>
/// The classes are coarser than <see cref="StringComparison.OrdinalIgnoreCase"/>, which equates no ASCII character with one outside of
/// ASCII: equal texts have equal symbols. A search by symbols may find too many literals but never too few, and it needs no table of
/// Unicode's case mappings, which differs between versions.
/// </remarks>
internal static class CharacterClasses
{
    /// <summary>Any character outside of ASCII, surrogates included.</summary>
    public const byte Other = 0x80;

    /// <summary>The mark before a name's first character.</summary>
    public const byte Start = 0x81;

    /// <summary>The mark after a name's last character.</summary>
    public const byte End = 0x82;

    /// <summary>The mark of the start as a text of symbols.</summary>
    public const string StartText = "\x81";

    /// <summary>The mark of the end as a text of symbols.</summary>
    public const string EndText = "\x82";

    /// <summary>The symbol of a character.</summary>
    public static byte Of(char c) => c switch
    {
        >= 'A' and <= 'Z' => (byte)(c | 0x20),
        <= '\x7F' => (byte)c,
        _ => Other,
    };

    /// <summary>The symbols of a text between the two marks, one character per symbol.</summary>
    public static string Between(string text) => string.Create(text.Length + 2, text, static (symbols, text) =>
    {
        symbols[0] = (char)Start;
        for (var i = 0; i < text.Length; i++)
        {
            symbols[i + 1] = (char)Of(text[i]);
        }

        symbols[^1] = (char)End;
    });
}
