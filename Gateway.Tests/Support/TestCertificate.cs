using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Gateway.Tests.Support;

/// <summary>A self-signed certificate for localhost and 127.0.0.1, as PEM text.</summary>
internal sealed class TestCertificate
{
    private TestCertificate(string certificatePem, string keyPem, string thumbprint)
    {
        CertificatePem = certificatePem;
        KeyPem = keyPem;
        Thumbprint = thumbprint;
    }

    public string CertificatePem { get; }

    public string KeyPem { get; }

    public string Thumbprint { get; }

    public static TestCertificate Create(string commonName = "localhost")
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={commonName}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        names.AddIpAddress(System.Net.IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());

        var now = TimeProvider.System.GetUtcNow();
        using var certificate = request.CreateSelfSigned(now.AddDays(-1), now.AddDays(30));
        return new TestCertificate(certificate.ExportCertificatePem(), key.ExportPkcs8PrivateKeyPem(), certificate.Thumbprint);
    }

    /// <summary>
    /// A test's client requires only that the server has a certificate. The certificate is self-signed, and the tests compare
    /// thumbprints.
    /// </summary>
    public static bool Accept(object sender, X509Certificate? certificate, X509Chain? chain, SslPolicyErrors errors) =>
        certificate is not null;

    /// <summary>Writes the pair, the key first, as a careful renewal does.</summary>
    public (string CertificatePath, string KeyPath) WriteTo(TempFolder folder)
    {
        var keyPath = folder.Write("key.pem", KeyPem);
        return (folder.Write("cert.pem", CertificatePem), keyPath);
    }
}
