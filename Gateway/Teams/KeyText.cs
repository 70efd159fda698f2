using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Gateway.Teams;

/// <summary>
/// Hides keys in texts that clients and upstream choose, such as paths and names of models: a client may have put its key there by mistake.
/// The rest of the text, <c>/v1/ogw-…</c>, shows an operator the mistake.
/// </summary>
internal static class KeyText
{
    // Without regard to case and wherever they stand: a key whose case was changed or that follows a letter is still nearly told.
    private static readonly SearchValues<string> Prefixes =
        SearchValues.Create([GatewayKeys.Prefix, OpenRouterPrefix], StringComparison.OrdinalIgnoreCase);

    // The characters of a bearer token (RFC 6750), without the slash, which separates the parts of a path and of a model's name, and with the
    // percent sign of encoded ones.
    private static readonly SearchValues<char> KeyCharacters =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+=%");

    private const string OpenRouterPrefix = "sk-or-";

    /// <summary>Whether a key may stand in the text.</summary>
    public static bool IsIn(ReadOnlySpan<char> text) => text.IndexOfAny(Prefixes) >= 0;

    /// <summary>The text with every key cut after its prefix. A text without a key, which is nearly every one, is returned itself.</summary>
    [return: NotNullIfNotNull(nameof(text))]
    public static string? Hide(string? text) => IsIn(text) ? Cut(text) : text;

    private static string Cut(ReadOnlySpan<char> rest)
    {
        var text = new StringBuilder(rest.Length);
        while (rest.IndexOfAny(Prefixes) is >= 0 and var at)
        {
            var prefix = rest[at..].StartsWith(GatewayKeys.Prefix, StringComparison.OrdinalIgnoreCase) ? GatewayKeys.Prefix : OpenRouterPrefix;
            text.Append(rest[..(at + prefix.Length)]);
            rest = rest[(at + prefix.Length)..];
            var length = rest.IndexOfAnyExcept(KeyCharacters);
            length = length < 0 ? rest.Length : length;
            if (length > 0)
            {
                text.Append('…');
                rest = rest[length..];
            }
        }

        return text.Append(rest).ToString();
    }
}
