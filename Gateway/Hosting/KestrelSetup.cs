using System.Net;
using System.Text;
using Gateway.Configuration.Model;
using Gateway.Upstream;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Net.Http.Headers;

namespace Gateway.Hosting;

/// <summary>Makes the listener and its limits from the settings. All of it takes a restart to change.</summary>
internal static class KestrelSetup
{
    /// <summary>
    /// What a connection takes of a body that nobody reads yet, in bytes: of those that wait for memory there may be many. Kestrel's own
    /// 1 MB gains no throughput (docs/decisions/0005).
    /// </summary>
    public const int UnreadSize = 256 * 1024;

    public static void Apply(KestrelServerOptions kestrel, ServerSettings server, TlsCertificateStore? certificates)
    {
        kestrel.AddServerHeader = false;

        // Byte for byte, both ways; see UpstreamClientFactory for the other side.
        kestrel.RequestHeaderEncodingSelector = EncodingOf;
        kestrel.ResponseHeaderEncodingSelector = static _ => Encoding.Latin1;
        kestrel.Limits.MaxConcurrentConnections = server.Limits.MaxConnections == 0 ? null : server.Limits.MaxConnections;
        kestrel.Limits.RequestHeadersTimeout = server.Limits.RequestHeadersTimeout;
        kestrel.Limits.KeepAliveTimeout = server.Limits.KeepAliveTimeout;
        kestrel.Limits.MaxRequestHeadersTotalSize = server.Limits.MaxRequestHeadersTotalSize;
        kestrel.Limits.MaxRequestLineSize = server.Limits.MaxRequestLineSize;
        kestrel.Limits.MaxRequestHeaderCount = server.Limits.MaxRequestHeaderCount;
        kestrel.Limits.Http2.MaxStreamsPerConnection = server.Limits.MaxStreamsPerConnection;
        kestrel.Limits.MinRequestBodyDataRate = server.Limits.MinRequestBodyDataRate is { BytesPerSecond: > 0 } rate
            ? new MinDataRate(rate.BytesPerSecond, rate.GracePeriod)
            : null;

        // Kestrel wants room for a whole head in it.
        kestrel.Limits.MaxRequestBufferSize = Math.Max(
            UnreadSize, server.Limits.MaxRequestHeadersTotalSize + server.Limits.MaxRequestLineSize);

        // What is held in memory is limited where it is read; what streams through is upstream's to limit.
        kestrel.Limits.MaxRequestBodySize = null;

        kestrel.Listen(IPAddress.Parse(server.Address), server.Port, listener =>
        {
            if (certificates is null)
            {
                // HTTP/2 without TLS cannot be negotiated, and a listener that offers both says so in a warning.
                listener.Protocols = HttpProtocols.Http1;
                return;
            }

            listener.Protocols = HttpProtocols.Http1AndHttp2;
            listener.UseHttps(new TlsHandshakeCallbackOptions { OnConnection = _ => certificates.OptionsAsync() });
        });
    }

    // Content-Length is a number: where an encoding is named for it, Kestrel cannot refuse one of more than twenty characters, and fails.
    private static Encoding? EncodingOf(string name) =>
        name.Equals(HeaderNames.ContentLength, StringComparison.OrdinalIgnoreCase) ? null
        : name.Equals(HeaderNames.Connection, StringComparison.OrdinalIgnoreCase) ? ConnectionHeaderEncoding.Instance
        : Encoding.Latin1;
}
