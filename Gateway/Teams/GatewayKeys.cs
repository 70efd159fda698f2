using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace Gateway.Teams;

/// <summary>
/// Keys that clients of teams call with: <c>ogw-</c> and 43 characters of base64url, 256 random bits. The settings know their hashes
/// alone, so that any other text serves as a key too.
/// </summary>
internal static class GatewayKeys
{
    /// <summary>What marks a key of the gateway; whatever begins so never goes upstream.</summary>
    public const string Prefix = "ogw-";

    private const int RandomBytes = 32;

    /// <summary>Makes a key that nobody else has.</summary>
    public static string New() => Prefix + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(RandomBytes));

    /// <summary>The hash that stands in the settings.</summary>
    public static byte[] Hash(string key) => SHA256.HashData(Encoding.UTF8.GetBytes(key));

    /// <summary>
    /// Whether a header's value holds a key of the gateway anywhere a credential could begin: behind a scheme, a blank, a comma or none
    /// of these. Inside a longer word it is somebody else's.
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
}
