using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Gateway.Teams;

/// <summary>
/// The format of gateway keys: <c>ogw-</c> and 43 characters of base64url, 256 random bits. The settings hold only hashes, so a key may
/// have any other format.
/// </summary>
internal static class GatewayKeys
{
    /// <summary>The prefix of generated keys. A credential with this prefix is never sent upstream.</summary>
    public const string Prefix = "ogw-";

    private const int RandomBytes = 32;
    private const int EncodedLength = 43;

    public static string New() => Prefix + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(RandomBytes));

    /// <summary>The hash of a key, as stored in the settings.</summary>
    public static byte[] Hash(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));

    /// <summary>Whether a text has the format of a generated key.</summary>
    public static bool IsGenerated(ReadOnlySpan<char> text) =>
        text.Length == Prefix.Length + EncodedLength
        && text.StartsWith(Prefix, StringComparison.OrdinalIgnoreCase)
        && Base64Url.IsValid(text[Prefix.Length..]);

    /// <summary>Whether a hash is that of an empty key.</summary>
    public static bool IsHashOfNoKey(ReadOnlySpan<byte> hash) => hash.SequenceEqual(Hash(""));

    /// <summary>
    /// Whether a header's value contains a gateway key at a position where a credential can start: at the beginning, or after a scheme, a
    /// space or a comma. The prefix inside a longer word does not count.
    /// </summary>
    public static bool IsIn(ReadOnlySpan<char> value)
    {
        var start = 0;
        while (value[start..].IndexOf(Prefix, StringComparison.OrdinalIgnoreCase) is >= 0 and var at)
        {
            start += at;
            if (start == 0 || !(char.IsAsciiLetterOrDigit(value[start - 1]) || value[start - 1] is '-' or '_'))
            {
                return true;
            }

            start += Prefix.Length;
        }

        return false;
    }

    /// <summary>A query string without the parameters that contain a gateway key; unchanged if there is none.</summary>
    /// <param name="query">The query string, as written, with its question mark.</param>
    public static string RemoveFrom(string query)
    {
        if (!HasKey(query))
        {
            return query;
        }

        var left = string.Join('&', query[1..].Split('&').Where(static parameter => !HasKey(parameter)));
        return left.Length == 0 ? "" : "?" + left;

        // Without an escape, the decoded text is the text itself.
        static bool HasKey(string text) => IsIn(Uri.UnescapeDataString(text));
    }
}
