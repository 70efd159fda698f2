using System.Net;
using System.Net.Security;
using Gateway.Configuration.Model;

namespace Gateway.Health;

/// <summary>
/// Asks a gateway on this machine whether it is alive: the health check of a container that holds nothing else to ask with.
/// </summary>
internal static class HealthProbe
{
    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(2);

    /// <summary>Asks.</summary>
    /// <returns>Why it is not alive, with the address that was asked; <see langword="null"/> when it is.</returns>
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
                // It asks itself, by address, while the certificate is for the name that clients use; nothing secret is sent.
#pragma warning disable CA5359 // There is nobody to be deceived by: see above.
                RemoteCertificateValidationCallback = static (_, _, _, _) => true,
#pragma warning restore CA5359
            },
        };
        using var client = new HttpClient(handler) { Timeout = Timeout };
        var url = new UriBuilder(server.Https ? Uri.UriSchemeHttps : Uri.UriSchemeHttp, host.ToString(), server.Port, "/health/live").Uri;
        try
        {
            using var answer = await client.GetAsync(url);
            return answer.IsSuccessStatusCode ? null : $"{url} answered {(int)answer.StatusCode}";
        }
        catch (HttpRequestException fault)
        {
            return $"{url}: {fault.Message}";
        }
        catch (OperationCanceledException)
        {
            return $"{url}: no answer within {Timeout.TotalSeconds} s";
        }
    }
}
