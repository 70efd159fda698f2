using System.Net;
using System.Security.Cryptography;
using System.Text;
using Gateway.Errors;
using Microsoft.Net.Http.Headers;

namespace Gateway.Admin;

/// <summary>
/// Authorizes requests to the admin address: by the token if there is one, as a bearer or as Basic's password. Without a token the address is
/// loopback, and only <c>Host</c> values of this machine are accepted. This prevents DNS rebinding from a browser on the same machine.
/// Browsers attach a Basic password to the requests of any page; so a request that is not a read is refused if another origin sends it.
/// </summary>
internal sealed class AdminGuard
{
    private const string Bearer = "Bearer ";
    private const string Basic = "Basic ";

    private static readonly GatewayError WrongToken = new(401, ErrorOrigin.Client, "authentication_error", "invalid_admin_token",
        "The admin address requires its token. Send it as 'Authorization: Bearer TOKEN', or as the password of Basic.")
    {
        // A browser asks its user for a password only for Basic.
        Headers = [new(HeaderNames.WWWAuthenticate, "Basic realm=\"OpenRouterGateway\", charset=\"UTF-8\"")],
    };

    private static readonly GatewayError ForeignHost = new(403, ErrorOrigin.Client, "permission_error", "host_not_allowed",
        "Without a token, the admin address accepts only the hosts 127.0.0.1, [::1] and localhost.");

    private static readonly GatewayError ForeignOrigin = new(403, ErrorOrigin.Client, "permission_error", "origin_not_allowed",
        "The admin address takes no request from a page of another origin.");

    // Hashes have equal length, so the comparison takes constant time.
    private readonly byte[]? _tokenHash;

    /// <summary>Creates a guard.</summary>
    /// <param name="token">The token; empty or <see langword="null"/> for none.</param>
    public AdminGuard(string? token) => _tokenHash = string.IsNullOrEmpty(token) ? null : Hash(token);

    /// <summary>Checks the headers of a request.</summary>
    /// <returns>The refusal; <see langword="null"/> if the request is authorized.</returns>
    public GatewayError? FindFault(HttpRequest request) =>
        _tokenHash is null
            ? IsOfThisMachine(request.Host) ? FindForeignOrigin(request) : ForeignHost
            : request.Headers.Authorization is [{ } given] && TokenOf(given) is { } token
                && CryptographicOperations.FixedTimeEquals(Hash(token), _tokenHash)
                    ? FindForeignOrigin(request)
                    : WrongToken;

    /// <summary>
    /// Compares <c>Origin</c> with <c>Host</c>, without the scheme: TLS may end in front of the admin address. <c>Origin: null</c> is foreign.
    /// </summary>
    private static GatewayError? FindForeignOrigin(HttpRequest request)
    {
        var origins = request.Headers.Origin;
        if (HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method) || origins.Count == 0)
        {
            return null;
        }

        return origins is [{ } origin]
            && origin.IndexOf("://", StringComparison.Ordinal) is > 0 and var scheme
            && origin[(scheme + 3)..].Equals(request.Host.Value, StringComparison.OrdinalIgnoreCase)
                ? null
                : ForeignOrigin;
    }

    /// <returns>The token in a value of <c>Authorization</c>; <see langword="null"/> if it has none.</returns>
    private static string? TokenOf(string authorization)
    {
        if (authorization.StartsWith(Bearer, StringComparison.OrdinalIgnoreCase))
        {
            return authorization[Bearer.Length..].Trim();
        }

        if (!authorization.StartsWith(Basic, StringComparison.OrdinalIgnoreCase))
        {
            return null;
        }

        // The user's name is free; it ends at the first colon.
        var text = authorization[Basic.Length..].Trim();
        var bytes = new byte[text.Length];
        return Convert.TryFromBase64String(text, bytes, out var length)
            && Encoding.UTF8.GetString(bytes, 0, length) is var pair
            && pair.IndexOf(':', StringComparison.Ordinal) is >= 0 and var colon
                ? pair[(colon + 1)..]
                : null;
    }

    private static bool IsOfThisMachine(HostString host) =>
        host.Host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
        || (IPAddress.TryParse(host.Host, out var address) && IPAddress.IsLoopback(address));

    private static byte[] Hash(string token) => SHA256.HashData(Encoding.UTF8.GetBytes(token));
}
