using System.Buffers.Binary;
using System.Net.Security;
using System.Net.Sockets;
using Gateway.Tests.Support;
using Xunit;

namespace Gateway.Tests.EndToEnd;

/// <summary>Promise: uploads that wait on an HTTP/2 connection do not stop the others on it.</summary>
public sealed class HttpWindowTests
{
    private const byte Settings = 4;
    private const byte WindowUpdate = 8;
    private const int MaxConcurrentStreams = 3;
    private const int InitialWindowSize = 4;

    // RFC 9113, 6.9.2.
    private const int DefaultWindow = 65_535;

    /// <summary>An upload that is not read fills the window of its stream, and as much of that of its connection.</summary>
    [Fact]
    public async Task WindowOfTheConnection_HoldsThoseOfAllItsStreams()
    {
        await using var gateway = await GatewayHost.StartAsync(static options => options.Certificate = TestCertificate.Create());
        using var tcp = new TcpClient();
        await tcp.ConnectAsync("127.0.0.1", gateway.Address.Port, TestContext.Current.CancellationToken);
        await using var tls = new SslStream(tcp.GetStream(), leaveInnerStreamOpen: false, TestCertificate.Accept);
        using var limit = HangGuard.Start();
        await tls.AuthenticateAsClientAsync(
            new SslClientAuthenticationOptions { TargetHost = "localhost", ApplicationProtocols = [SslApplicationProtocol.Http2] }, limit.Token);
        await tls.WriteAsync((byte[])[.. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8, 0, 0, 0, Settings, 0, 0, 0, 0, 0], limit.Token);

        var settings = new Dictionary<int, long>();
        long? window = null;
        while (window is null || settings.Count == 0)
        {
            var head = new byte[9];
            await tls.ReadExactlyAsync(head, limit.Token);
            var payload = new byte[(head[0] << 16) | (head[1] << 8) | head[2]];
            await tls.ReadExactlyAsync(payload, limit.Token);
            if (head[3] == Settings)
            {
                foreach (var setting in payload.Chunk(6))
                {
                    settings[BinaryPrimitives.ReadUInt16BigEndian(setting)] = BinaryPrimitives.ReadUInt32BigEndian(setting.AsSpan(2));
                }
            }
            else if (head[3] == WindowUpdate)
            {
                window = DefaultWindow + BinaryPrimitives.ReadUInt32BigEndian(payload);
            }
        }

        Assert.Equal(settings[MaxConcurrentStreams] * settings[InitialWindowSize], window);
    }
}
