namespace OpenRouterGateway.Transforms.ProviderMapping.Patterns;

/// <summary>
/// The alphabet in which names are searched for the literals of patterns: ASCII without case, one symbol for everything else, and two
/// marks for the ends of a name.
/// </summary>
/// <remarks>
/// It is coarser than <see cref="StringComparison.OrdinalIgnoreCase"/>, never finer: what that takes for equal has the same symbols, place
/// by place, since it equates no character of ASCII with one outside of it. So a search by symbols finds too much at worst, and needs no
/// table of Unicode's cases, which differs from one version of it to the next.
/// </remarks>
internal static class CharacterClasses
{
    /// <summary>Any character outside of ASCII, halves of surrogate pairs among them.</summary>
    public const byte Other = 0x80;

    /// <summary>Stands before a name's first character.</summary>
    public const byte Start = 0x81;

    /// <summary>Stands behind a name's last character.</summary>
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

    /// <summary>A text between its two marks, one character a symbol.</summary>
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
