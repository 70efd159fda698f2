using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;

namespace Gateway.Tests.Support;

/// <summary>Terminates TLS, with an untrusted certificate, in front of a plain server.</summary>
internal sealed class TlsFront(string rootUrl) : LoopbackServer
{
    private readonly Uri _server = new(rootUrl);
    private readonly X509Certificate2 _certificate = Certificate();

    public string Url => $"https://127.0.0.1:{Port}";

    protected override async Task ServeAsync(NetworkStream client, CancellationToken cancellationToken)
    {
        await using var secure = new SslStream(client);
        try
        {
            await secure.AuthenticateAsServerAsync(
                new SslServerAuthenticationOptions { ServerCertificate = _certificate }, cancellationToken);
        }
        catch (System.Security.Authentication.AuthenticationException)
        {
            // The client refused the certificate.
            return;
        }

        using var server = new TcpClient();
        await server.ConnectAsync(_server.Host, _server.Port, cancellationToken);
        await DuplexPump.RunAsync(secure, server.GetStream(), cancellationToken);
    }

    private static X509Certificate2 Certificate()
    {
        var pair = TestCertificate.Create();
        return X509Certificate2.CreateFromPem(pair.CertificatePem, pair.KeyPem);
    }
}
