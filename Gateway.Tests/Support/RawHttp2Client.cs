using System.Buffers.Binary;
using System.Globalization;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;

namespace Gateway.Tests.Support;

/// <summary>An HTTP/2 client over TLS whose request has exactly the bytes that it is given as its target.</summary>
internal static class RawHttp2Client
{
    private const byte Data = 0;
    private const byte Headers = 1;
    private const byte Settings = 4;
    private const byte ResetStream = 3;
    private const byte GoAway = 7;
    private const byte EndStream = 1;
    private const byte EndHeaders = 4;
    private const byte Acknowledged = 1;

    // The statuses of HPACK's static table begin at its entry 8.
    private static readonly int[] KnownStatuses = [200, 204, 206, 304, 400, 404, 500];

    /// <summary>Sends a GET with a bearer on a connection of its own.</summary>
    /// <param name="address">The address of the server.</param>
    /// <param name="target">The bytes of the target, as Latin-1.</param>
    /// <returns>The status and the body.</returns>
    public static async Task<(int Status, string Body)> GetAsync(Uri address, string target)
    {
        using var tcp = new TcpClient();
        await tcp.ConnectAsync(address.Host, address.Port);
        await using var stream = new SslStream(tcp.GetStream(), leaveInnerStreamOpen: false, TestCertificate.Accept);
        await stream.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
        {
            TargetHost = "localhost",
            ApplicationProtocols = [SslApplicationProtocol.Http2],
        });

        // Entries of the static table: GET, https, :path, :authority and authorization.
        byte[] fields =
        [
            0x82, 0x87, .. Field([0x04], target), .. Field([0x01], address.Authority), .. Field([0x0F, 0x08], "Bearer sk-or-v1-test"),
        ];
        await stream.WriteAsync((byte[])
        [
            .. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8, .. Frame(Settings, 0, 0, []), .. Frame(Headers, EndStream | EndHeaders, 1, fields),
        ]);
        return await ReadAsync(stream).GuardAsync();
    }

    private static async Task<(int Status, string Body)> ReadAsync(SslStream stream)
    {
        var status = 0;
        var body = new StringBuilder();
        var head = new byte[9];
        while (true)
        {
            await stream.ReadExactlyAsync(head);
            var payload = new byte[(head[0] << 16) | (head[1] << 8) | head[2]];
            await stream.ReadExactlyAsync(payload);
            var (type, flags) = (head[3], head[4]);
            switch (type)
            {
                case Settings when (flags & Acknowledged) == 0:
                    await stream.WriteAsync(Frame(Settings, Acknowledged, 0, []));
                    break;
                case Headers when status == 0:
                    status = StatusOf(payload);
                    break;
                case Data:
                    body.Append(Encoding.UTF8.GetString(payload));
                    break;
                case ResetStream or GoAway:
                    throw new IOException($"The server ended the stream: frame {type}, {Convert.ToHexString(payload)}.");
            }

            if (type is Headers or Data && (flags & EndStream) != 0)
            {
                return (status, body.ToString());
            }
        }
    }

    // The status is the first field; the size of the dynamic table may come before it.
    private static int StatusOf(ReadOnlySpan<byte> fields)
    {
        while ((fields[0] & 0xE0) == 0x20)
        {
            fields = fields[1..];
        }

        return fields[0] >= 0x80 ? KnownStatuses[(fields[0] & 0x7F) - 8] : int.Parse(fields.Slice(2, 3), CultureInfo.InvariantCulture);
    }

    private static byte[] Field(byte[] name, string value) => [.. name, (byte)value.Length, .. Encoding.Latin1.GetBytes(value)];

    private static byte[] Frame(byte type, byte flags, int stream, byte[] payload)
    {
        byte[] frame = [(byte)(payload.Length >> 16), (byte)(payload.Length >> 8), (byte)payload.Length, type, flags, 0, 0, 0, 0, .. payload];
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), stream);
        return frame;
    }
}
