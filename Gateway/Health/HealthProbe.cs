using System.Net;
using System.Net.Security;
using Gateway.Configuration.Model;

namespace Gateway.Health;

/// <summary>Checks that a gateway on this machine is alive: the health check of a container image without an HTTP client.</summary>
internal static class HealthProbe
{
    // Container engines bound a health check themselves, usually to less. This bound ends a probe that nothing else bounds; a busy machine
    // must not fail it.
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(10);

    /// <summary>Sends the health check.</summary>
    /// <returns>The fault, including the address; <see langword="null"/> if the gateway is alive.</returns>
    public static async Task<string?> FindFaultAsync(ServerSettings server)
    {
        var address = IPAddress.Parse(server.Address);
        var host = address.Equals(IPAddress.Any) ? IPAddress.Loopback
            : address.Equals(IPAddress.IPv6Any) ? IPAddress.IPv6Loopback : address;
        using var handler = new SocketsHttpHandler
        {
            UseProxy = false,
            SslOptions = new SslClientAuthenticationOptions
            {
                // The probe connects to an IP address, but the certificate names the public host. The request holds no secret.
#pragma warning disable CA5359 // The probe sends no secret: see above.
                RemoteCertificateValidationCallback = static (_, _, _, _) => true,
#pragma warning restore CA5359
            },
        };
        using var client = new HttpClient(handler) { Timeout = Timeout };
        var url = new UriBuilder(server.Https ? Uri.UriSchemeHttps : Uri.UriSchemeHttp, host.ToString(), server.Port, "/health/live").Uri;
        try
        {
            using var answer = await client.GetAsync(url);
            return answer.IsSuccessStatusCode ? null : $"{url} returned {(int)answer.StatusCode}";
        }
        catch (HttpRequestException fault)
        {
            return $"{url}: {fault.Message}";
        }
        catch (OperationCanceledException)
        {
            return $"{url}: no response within {Timeout.TotalSeconds} s";
        }
    }
}
