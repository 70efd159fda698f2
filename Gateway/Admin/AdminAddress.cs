using System.Net;

namespace Gateway.Admin;

/// <summary>Where the admin listener listens: plain HTTP on one address and port.</summary>
/// <param name="Address">The address; <see langword="null"/> for <c>localhost</c>, both of its addresses.</param>
/// <param name="Port">The port; 0 lets the system choose.</param>
internal sealed record AdminAddress(IPAddress? Address, int Port)
{
    /// <summary>What to say of a text that is none.</summary>
    public const string Expected = "expected http://ADDRESS:PORT with an IP address or localhost, such as http://127.0.0.1:9464";

    /// <summary>What to say of an address that others can reach, without a token.</summary>
    public const string TokenExpected = "this address is not loopback; expected a token that requests must carry, or http://127.0.0.1:PORT";

    /// <summary>Whether only this machine can reach it.</summary>
    public bool IsLoopback => Address is null || IPAddress.IsLoopback(Address);

    /// <summary>Reads the setting <c>Admin:Url</c>.</summary>
    /// <returns>The address, or <see langword="null"/> when the text is none.</returns>
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
