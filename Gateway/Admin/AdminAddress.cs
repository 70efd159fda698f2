using System.Net;

namespace Gateway.Admin;

/// <summary>The admin listener's address: plain HTTP on one address and port.</summary>
/// <param name="Address">The IP address; <see langword="null"/> for <c>localhost</c>, IPv4 and IPv6.</param>
/// <param name="Port">The port; 0 lets the system choose.</param>
internal sealed record AdminAddress(IPAddress? Address, int Port)
{
    /// <summary>The message for an invalid address.</summary>
    public const string Expected = "expected http://ADDRESS:PORT with an IP address or localhost, such as http://127.0.0.1:9464";

    /// <summary>The message for a non-loopback address without a token.</summary>
    public const string TokenExpected = "this address is not loopback; expected a token that requests must carry, or http://127.0.0.1:PORT";

    /// <summary>Whether the address is loopback.</summary>
    public bool IsLoopback => Address is null || IPAddress.IsLoopback(Address);

    /// <summary>Reads the setting <c>Admin:Url</c>.</summary>
    /// <returns>The address, or <see langword="null"/> if the text is invalid.</returns>
    public static AdminAddress? Parse(string url)
    {
        if (!Uri.TryCreate(url.Trim(), UriKind.Absolute, out var uri)
            || uri.Scheme != Uri.UriSchemeHttp
            || uri.PathAndQuery != "/"
            || uri.UserInfo.Length > 0
            || uri.Fragment.Length > 0)
        {
            return null;
        }

        return uri.IdnHost == "localhost" ? new AdminAddress(null, uri.Port)
            : IPAddress.TryParse(uri.IdnHost, out var address) ? new AdminAddress(address, uri.Port)
            : null;
    }

    /// <inheritdoc />
    public override string ToString() => Address is null ? $"localhost:{Port}" : new IPEndPoint(Address, Port).ToString();
}
