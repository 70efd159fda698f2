using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Gateway.Configuration;

/// <summary>What makes a good value, said once for flags, variables and files.</summary>
internal static class SettingValues
{
    public const string PortExpected = "a port from 0 to 65535";
    public const string AddressExpected = "an IPv4 or IPv6 address such as 0.0.0.0 or ::1";
    public const string EnvironmentNameExpected = "a name such as Production, of letters, digits, '.', '_' and '-'";
    public const string UpstreamUrlExpected = "an absolute http or https URL such as https://openrouter.ai/api/v1";

    public static bool TryPort(string text, out int port) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out port) && port <= IPEndPoint.MaxPort;

    public static bool IsAddress(string text) =>
        IPAddress.TryParse(text, out var address)
        && !text.StartsWith('[')
        // "1" and "127.1" are addresses to the parser and slips to everybody else.
        && (address.AddressFamily != AddressFamily.InterNetwork || text.Count(c => c == '.') == 3);

    public static bool IsEnvironmentName(string text) =>
        text.Length > 0 && text[0] != '.' && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '_' or '-');

    /// <summary>
    /// What is wrong with an upstream's address, or <see langword="null"/>. An address with a password in it is not quoted.
    /// </summary>
    public static string? UpstreamUrlFault(string text)
    {
        if (!Uri.TryCreate(text.Trim(), UriKind.Absolute, out var url)
            || (url.Scheme != Uri.UriSchemeHttp && url.Scheme != Uri.UriSchemeHttps))
        {
            return $"{(text.Contains('@') ? "what was given" : $"\"{text}\"")} is no such URL; expected {UpstreamUrlExpected}";
        }

        if (url.UserInfo.Length > 0)
        {
            return $"the URL holds a user name or password; expected {UpstreamUrlExpected}";
        }

        // YARP appends the request's path to the text, so a query or fragment would end up in its middle.
        return url.Query.Length > 0 || url.Fragment.Length > 0 || text.Contains('?') || text.Contains('#')
            ? $"\"{text}\" has a query or a fragment; expected {UpstreamUrlExpected}"
            : null;
    }
}
