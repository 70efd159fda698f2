using System.Net;
using System.Security.Cryptography;
using System.Text;
using Gateway.Errors;

namespace Gateway.Admin;

/// <summary>
/// Authorizes requests to the admin address: by the token if there is one. Without a token the address is loopback, and only <c>Host</c>
/// values of this machine are accepted. This prevents DNS rebinding from a browser on the same machine.
/// </summary>
internal sealed class AdminGuard
{
    private const string Scheme = "Bearer ";

    private static readonly GatewayError WrongToken = new(401, ErrorOrigin.Client, "authentication_error", "invalid_admin_token",
        "The admin address requires its token. Send it as 'Authorization: Bearer TOKEN'.");

    private static readonly GatewayError ForeignHost = new(403, ErrorOrigin.Client, "permission_error", "host_not_allowed",
        "Without a token, the admin address accepts only the hosts 127.0.0.1, [::1] and localhost.");

    // Hashes have equal length, so the comparison takes constant time.
    private readonly byte[]? _tokenHash;

    /// <summary>Creates a guard.</summary>
    /// <param name="token">The token; empty or <see langword="null"/> for none.</param>
    public AdminGuard(string? token) => _tokenHash = string.IsNullOrEmpty(token) ? null : Hash(token);

    /// <summary>Checks the headers of a request.</summary>
    /// <returns>The refusal; <see langword="null"/> if the request is authorized.</returns>
    public GatewayError? FindFault(HttpRequest request)
    {
        if (_tokenHash is null)
        {
            return IsOfThisMachine(request.Host) ? null : ForeignHost;
        }

        return request.Headers.Authorization is [{ } given]
            && given.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
            && CryptographicOperations.FixedTimeEquals(Hash(given[Scheme.Length..].Trim()), _tokenHash)
                ? null
                : WrongToken;
    }

    private static bool IsOfThisMachine(HostString host) =>
        host.Host.Equals("localhost", StringComparison.OrdinalIgnoreCase)
        || (IPAddress.TryParse(host.Host, out var address) && IPAddress.IsLoopback(address));

    private static byte[] Hash(string token) => SHA256.HashData(Encoding.UTF8.GetBytes(token));
}
