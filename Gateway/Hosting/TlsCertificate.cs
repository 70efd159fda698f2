using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Gateway.Primitives;

namespace Gateway.Hosting;

/// <summary>A usable certificate with its key and chain, loaded from a PEM pair. Immutable.</summary>
internal sealed class TlsCertificate
{
    private TlsCertificate(SslServerAuthenticationOptions options, DateTimeOffset expires)
    {
        Options = options;
        Expires = expires;
    }

    /// <summary>The handshake options: the certificate and the protocols, HTTP/2 first.</summary>
    public SslServerAuthenticationOptions Options { get; }

    public DateTimeOffset Expires { get; }

    /// <summary>Loads a pair. The certificate file may hold the chain after the certificate.</summary>
    /// <exception cref="CryptographicException">A file is not PEM, or certificate and key do not match.</exception>
    /// <exception cref="IOException">A file cannot be read.</exception>
    /// <exception cref="UnauthorizedAccessException">A file may not be read.</exception>
    public static TlsCertificate Load(string certPath, string keyPath)
    {
        var certificatePem = Read(certPath);
        var certificate = X509Certificate2.CreateFromPem(certificatePem, Read(keyPath));
        var chain = new X509Certificate2Collection();
        chain.ImportFromPem(certificatePem);
        chain.RemoveAt(0);
        var options = new SslServerAuthenticationOptions
        {
            // Offline: the chain comes from the file, and nothing is downloaded.
            ServerCertificateContext = SslStreamCertificateContext.Create(certificate, chain, offline: true),
            ApplicationProtocols = [SslApplicationProtocol.Http2, SslApplicationProtocol.Http11],
        };
        return new TlsCertificate(options, new DateTimeOffset(certificate.NotAfter.ToUniversalTime(), TimeSpan.Zero));
    }

    // The files are read again to find a renewed pair, and the open of a pipe may not return.
    private static string Read(string path) =>
        FileStamp.IsSpecial(path) ? throw new IOException($"{path} {FileContent.SpecialFault}") : File.ReadAllText(path);

    /// <summary>Whether an exception means an unusable pair and not a bug.</summary>
    public static bool IsUnusable(Exception exception) =>
        exception is CryptographicException or IOException or UnauthorizedAccessException or ArgumentException;
}
