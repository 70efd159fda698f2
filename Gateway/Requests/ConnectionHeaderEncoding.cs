using System.Text;
using Microsoft.Extensions.Primitives;

namespace Gateway.Requests;

/// <summary>
/// Preserves the names in a <c>Connection</c> header. Kestrel replaces a header that contains an option it recognises by that option alone:
/// from <c>keep-alive, X-Hop</c> the gateway would not learn that <c>X-Hop</c> is hop-by-hop. Only the decoding of the header happens
/// earlier, so this encoding removes options that accompany names. <c>keep-alive</c> is the default of HTTP/1.1. <c>close</c> is replaced
/// by <see cref="Close"/>: <see cref="Closes"/> tells whether the connection ends with the response.
/// </summary>
internal sealed class ConnectionHeaderEncoding : Encoding
{
    /// <summary>The replacement of a <c>close</c> that accompanies names.</summary>
    public const string Close = "gateway-close";

    private const string KeepAliveOption = "keep-alive";
    private const string CloseOption = "close";
    private const string UpgradeOption = "upgrade";

    /// <summary>Whether a header contains <see cref="Close"/>.</summary>
    public static bool Closes(StringValues connection)
    {
        foreach (var value in connection)
        {
            if (value?.Contains(Close, StringComparison.Ordinal) == true)
            {
                return true;
            }
        }

        return false;
    }

    private ConnectionHeaderEncoding()
    {
    }

    public static ConnectionHeaderEncoding Instance { get; } = new();

    public override int GetCharCount(byte[] bytes, int index, int count) => Decode(bytes.AsSpan(index, count)).Length;

    public override int GetChars(byte[] bytes, int byteIndex, int byteCount, char[] chars, int charIndex)
    {
        var text = Decode(bytes.AsSpan(byteIndex, byteCount));
        text.CopyTo(chars.AsSpan(charIndex));
        return text.Length;
    }

    public override int GetMaxCharCount(int byteCount) => byteCount + Close.Length;

    public override int GetByteCount(char[] chars, int index, int count) => Latin1.GetByteCount(chars, index, count);

    public override int GetBytes(char[] chars, int charIndex, int charCount, byte[] bytes, int byteIndex) =>
        Latin1.GetBytes(chars, charIndex, charCount, bytes, byteIndex);

    public override int GetMaxByteCount(int charCount) => Latin1.GetMaxByteCount(charCount);

    internal static string Decode(ReadOnlySpan<byte> bytes)
    {
        var text = Latin1.GetString(bytes);
        if (!text.Contains(','))
        {
            return text;
        }

        var options = text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        if (options.All(IsOption) || options.Contains(UpgradeOption, StringComparer.OrdinalIgnoreCase))
        {
            return text;
        }

        return string.Join(", ", options
            .Where(option => !option.Equals(KeepAliveOption, StringComparison.OrdinalIgnoreCase))
            .Select(option => option.Equals(CloseOption, StringComparison.OrdinalIgnoreCase) ? Close : option));
    }

    private static bool IsOption(string option) =>
        option.Equals(KeepAliveOption, StringComparison.OrdinalIgnoreCase)
        || option.Equals(CloseOption, StringComparison.OrdinalIgnoreCase);
}
