using System.Globalization;
using System.Net;
using System.Net.Sockets;
using Gateway.Teams;

namespace Gateway.Configuration.Reading;

/// <summary>The formats of single values, shared by flags, variables and files.</summary>
internal static class SettingFormats
{
    public const string PortExpected = "a port from 0 to 65535";
    public const string AddressExpected = "an IPv4 or IPv6 address such as 0.0.0.0 or ::1";
    public const string EnvironmentNameExpected = "a name such as Production, of letters, digits, '.', '_' and '-'";
    public const string UpstreamUrlExpected = "an absolute http or https URL such as https://openrouter.ai/api/v1";

    public const string TeamIdExpected = "1 to 64 of the characters A-Z a-z 0-9 . _ -";
    public const string LabelExpected = "1 to 64 printable characters that do not begin with ogw-";
    public const string ExpiryExpected = "ISO 8601 with its offset, such as 2027-01-01T00:00:00Z";

    private const int LongestName = 64;

    private static readonly string[] ExpiryFormats = ["yyyy-MM-dd'T'HH:mmK", "yyyy-MM-dd'T'HH:mm:ssK", "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFK"];

    public static bool TryPort(string text, out int port) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out port) && port <= IPEndPoint.MaxPort;

    public static bool IsAddress(string text) =>
        IPAddress.TryParse(text, out var address)
        && !text.StartsWith('[')
        // The parser accepts "1" and "127.1", which are typing errors in a setting.
        && (address.AddressFamily != AddressFamily.InterNetwork || text.Count(c => c == '.') == 3);

    public static bool IsEnvironmentName(string text) =>
        text.Length > 0 && text[0] != '.' && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-');

    /// <summary>
    /// The fault of an upstream address; <see langword="null"/> if it is valid. An address with a password is not quoted.
    /// </summary>
    public static string? UpstreamUrlFault(string text)
    {
        if (!Uri.TryCreate(text.Trim(), UriKind.Absolute, out var url)
            || (url.Scheme != Uri.UriSchemeHttp && url.Scheme != Uri.UriSchemeHttps))
        {
            return $"{(text.Contains('@') ? "the value" : $"\"{text}\"")} is not a valid upstream address; expected {UpstreamUrlExpected}";
        }

        if (url.UserInfo.Length > 0)
        {
            return $"the URL holds a user name or password; expected {UpstreamUrlExpected}";
        }

        // YARP appends the request's path to the address: a query or fragment would end up in the middle of the URL.
        return url.Query.Length > 0 || url.Fragment.Length > 0 || text.Contains('?') || text.Contains('#')
            ? $"\"{text}\" has a query or a fragment; expected {UpstreamUrlExpected}"
            : null;
    }

    /// <summary>Whether text is a valid id of a team. A key itself is not a valid id: ids are shown everywhere.</summary>
    public static bool IsTeamId(string text) =>
        text.Length is > 0 and <= LongestName
        && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-')
        && !GatewayKeys.IsGenerated(text);

    /// <summary>Whether text is a valid label of a key. A key itself is not a valid label.</summary>
    public static bool IsLabel(string text) =>
        text.Length is > 0 and <= LongestName
        && !string.IsNullOrWhiteSpace(text)
        && !text.Any(c => char.IsControl(c) || char.IsSurrogate(c))
        && !GatewayKeys.IsIn(text);

    /// <summary>Reads a time. A time without an offset would differ between nodes.</summary>
    public static bool TryExpiry(string text, out DateTimeOffset moment)
    {
        moment = default;
        var hasOffset = text.EndsWith('Z') || (text.Length > 6 && (text[^6] is '+' or '-') && text[^3] == ':');
        return hasOffset
            && DateTimeOffset.TryParseExact(text, ExpiryFormats, CultureInfo.InvariantCulture, DateTimeStyles.None, out moment);
    }

    /// <summary>A secret setting as it may be shown: a reference is shown, a literal is masked.</summary>
    public static string Shown(string text) => text.Length == 0 || SecretReader.IsReference(text) ? text.Trim() : "(secret)";
}
