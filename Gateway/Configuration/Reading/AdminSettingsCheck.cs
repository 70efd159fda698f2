using System.Net;
using Gateway.Configuration.Model;
using Gateway.Secrets;

namespace Gateway.Configuration.Reading;

/// <summary>Checks the values of section <c>Admin</c>.</summary>
internal static class AdminSettingsCheck
{
    private const string Expected = "expected http://, an IP address or localhost, and a port, such as http://127.0.0.1:9464";

    private const int MaxKeptRequests = 1_000_000;

    /// <summary>Checks the section.</summary>
    /// <returns>The settings with secrets masked, and the token if there is one.</returns>
    public static (AdminSettings Settings, SecretText? Token) Check(
        AdminSettings given, SettingsFaultCollector faults, SecretReader secrets)
    {
        var url = given.Url.Trim();
        var settings = given with { Url = url, Token = SettingFormats.Shown(given.Token) };
        if (given.KeepRequests is < 0 or > MaxKeptRequests)
        {
            faults.Fault("KeepRequests", $"got {given.KeepRequests}; expected a number from 0 to 1000000");
        }

        if (url.Length == 0)
        {
            return (settings, null);
        }

        var isLoopback = CheckUrl(url, faults);
        if (!string.IsNullOrWhiteSpace(given.Token))
        {
            return (settings, secrets.ReadHeaderValue(given.Token, allowsLiteral: true, "Token", faults) is { } token ? new(token) : null);
        }

        if (!isLoopback)
        {
            faults.Fault("Token", "is missing; expected a token, env:NAME or file:PATH, since Url is not loopback");
        }

        return (settings, null);
    }

    /// <summary>Whether the address is loopback. An invalid address counts as loopback: it must cause one fault only.</summary>
    private static bool CheckUrl(string text, SettingsFaultCollector faults)
    {
        if (!Uri.TryCreate(text, UriKind.Absolute, out var url)
            || url.Scheme != Uri.UriSchemeHttp
            || url.UserInfo.Length > 0
            || url.PathAndQuery != "/"
            || url.Fragment.Length > 0)
        {
            // An address with a user name is not quoted: it may contain a password.
            faults.Fault("Url", $"{(text.Contains('@', StringComparison.Ordinal) ? "is not a valid address" : $"got \"{text}\"")}; {Expected}");
            return true;
        }

        if (url.Host.Equals("localhost", StringComparison.OrdinalIgnoreCase))
        {
            return true;
        }

        if (!IPAddress.TryParse(url.DnsSafeHost, out var address))
        {
            faults.Fault("Url", $"got \"{text}\"; {Expected}");
            return true;
        }

        return IPAddress.IsLoopback(address);
    }
}
