using System.Net;
using System.Text;
using Gateway.Configuration.Model;
using Gateway.Requests;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Net.Http.Headers;
using OpenRouterGateway.Transforms.RequestBody;

namespace Gateway.Hosting;

/// <summary>Configures the listener and its limits from the settings. Changed settings take effect after a restart.</summary>
internal static class KestrelSetup
{
    /// <summary>
    /// The number of unread bytes that a connection, or an HTTP/2 stream, buffers. Many connections may wait for body memory at once. Kestrel's default of 1 MB
    /// gives no more throughput (docs/decisions/0005).
    /// </summary>
    public const int UnreadSize = RequestBodyMemory.BufferedWhileWaiting;

    public static void Apply(KestrelServerOptions kestrel, ServerSettings server, ConnectionGate connections, TlsCertificateStore? certificates)
    {
        kestrel.AddServerHeader = false;

        // Keeps header values byte for byte; UpstreamClientFactory does the same upstream.
        kestrel.RequestHeaderEncodingSelector = EncodingOf;
        kestrel.ResponseHeaderEncodingSelector = static _ => Encoding.Latin1;

        // LimitedTransport counts the connections.
        kestrel.Limits.MaxConcurrentConnections = null;
        kestrel.Limits.RequestHeadersTimeout = server.Limits.RequestHeadersTimeout;
        kestrel.Limits.KeepAliveTimeout = server.Limits.KeepAliveTimeout;
        kestrel.Limits.MaxRequestHeadersTotalSize = server.Limits.MaxRequestHeadersTotalSize;
        kestrel.Limits.MaxRequestLineSize = server.Limits.MaxRequestLineSize;
        kestrel.Limits.MaxRequestHeaderCount = server.Limits.MaxRequestHeaderCount;
        kestrel.Limits.Http2.MaxStreamsPerConnection = server.Limits.MaxStreamsPerConnection;
        kestrel.Limits.Http2.InitialStreamWindowSize = UnreadSize;

        // Bodies that wait for memory fill their windows. With Kestrel's default of 1 MB for all of a connection, four of them would stop the
        // uploads of its other streams.
        kestrel.Limits.Http2.InitialConnectionWindowSize =
            (int)Math.Min((long)UnreadSize * server.Limits.MaxStreamsPerConnection, int.MaxValue);
        kestrel.Limits.MinRequestBodyDataRate = server.Limits.MinRequestBodyDataRate is { BytesPerSecond: > 0 } rate
            ? new MinDataRate(rate.BytesPerSecond, rate.GracePeriod)
            : null;

        // Kestrel requires the buffer to hold a complete request head.
        kestrel.Limits.MaxRequestBufferSize = Math.Max(
            UnreadSize, server.Limits.MaxRequestHeadersTotalSize + server.Limits.MaxRequestLineSize);

        // Buffered bodies are limited where they are read. Streamed bodies are limited by upstream.
        kestrel.Limits.MaxRequestBodySize = null;

        // The socket of a systemd .socket unit replaces the address of the settings.
        var hasPassedSocket = false;
        kestrel.UseSystemd(listener =>
        {
            hasPassedSocket = true;
            Apply(listener, connections, certificates);
        });
        if (!hasPassedSocket)
        {
            kestrel.Listen(IPAddress.Parse(server.Address), server.Port, listener => Apply(listener, connections, certificates));
        }
    }

    private static void Apply(ListenOptions listener, ConnectionGate connections, TlsCertificateStore? certificates)
    {
        listener.Use(next => async connection =>
        {
            try
            {
                await next(connection);
            }
            finally
            {
                connections.Exit();
            }
        });
        if (certificates is null)
        {
            // HTTP/2 without TLS cannot be negotiated. Kestrel logs a warning if both versions are enabled.
            listener.Protocols = HttpProtocols.Http1;
            return;
        }

        listener.Protocols = HttpProtocols.Http1AndHttp2;
        listener.UseHttps(new TlsHandshakeCallbackOptions { OnConnection = _ => certificates.OptionsAsync() });
    }

    // Content-Length has no encoding: with one, Kestrel fails on values of more than twenty characters instead of rejecting them.
    private static Encoding? EncodingOf(string name) =>
        name.Equals(HeaderNames.ContentLength, StringComparison.OrdinalIgnoreCase) ? null
        : name.Equals(HeaderNames.Connection, StringComparison.OrdinalIgnoreCase) ? ConnectionHeaderEncoding.Instance
        : Encoding.Latin1;
}
