using System.Buffers.Binary;
using System.Globalization;
using System.Net.Security;
using System.Net.Sockets;
using System.Text;

namespace Gateway.Tests.Support;

/// <summary>An HTTP/2 client over TLS: its request has exactly the bytes that it is given as its target, and it sees the frames of the server.</summary>
internal static class RawHttp2Client
{
    private const byte Data = 0;
    private const byte Headers = 1;
    private const byte Settings = 4;
    private const byte ResetStream = 3;
    private const byte GoAway = 7;
    private const byte WindowUpdate = 8;
    private const byte EndStream = 1;
    private const byte EndHeaders = 4;
    private const byte Acknowledged = 1;

    // RFC 9113, 6.9.2.
    private const int DefaultWindow = 65_535;

    // The statuses of HPACK's static table begin at its entry 8.
    private static readonly int[] KnownStatuses = [200, 204, 206, 304, 400, 404, 500];

    /// <summary>Sends a GET with a bearer on a connection of its own.</summary>
    /// <param name="address">The address of the server.</param>
    /// <param name="target">The bytes of the target, as Latin-1.</param>
    /// <returns>The status and the body.</returns>
    public static async Task<(int Status, string Body)> GetAsync(Uri address, string target)
    {
        using var tcp = new TcpClient();
        await using var stream = await ConnectAsync(tcp, address);

        // Entries of the static table: GET, https, :path, :authority and authorization.
        byte[] fields =
        [
            0x82, 0x87, .. Field([0x04], target), .. Field([0x01], address.Authority), .. Field([0x0F, 0x08], "Bearer sk-or-v1-test"),
        ];
        await stream.WriteAsync(Frame(Headers, EndStream | EndHeaders, 1, fields));
        return await ReadAsync(stream).GuardAsync();
    }

    /// <summary>Reads what a server announces for the requests of a connection.</summary>
    /// <returns>Its settings, and the window of the connection.</returns>
    public static async Task<(IReadOnlyDictionary<int, long> Settings, long Window)> ReadWindowsAsync(Uri address)
    {
        using var tcp = new TcpClient();
        await using var stream = await ConnectAsync(tcp, address);
        return await ReadWindowsAsync(stream).GuardAsync();
    }

    /// <summary>Connects, and sends the preface.</summary>
    private static async Task<SslStream> ConnectAsync(TcpClient tcp, Uri address)
    {
        await tcp.ConnectAsync(address.Host, address.Port);
        var stream = new SslStream(tcp.GetStream(), leaveInnerStreamOpen: false, TestCertificate.Accept);
        await stream.AuthenticateAsClientAsync(new SslClientAuthenticationOptions
        {
            TargetHost = "localhost",
            ApplicationProtocols = [SslApplicationProtocol.Http2],
        });
        await stream.WriteAsync((byte[])[.. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8, .. Frame(Settings, 0, 0, [])]);
        return stream;
    }

    private static async Task<(IReadOnlyDictionary<int, long> Settings, long Window)> ReadWindowsAsync(SslStream stream)
    {
        var settings = new Dictionary<int, long>();
        long? window = null;
        while (window is null || settings.Count == 0)
        {
            var (type, _, payload) = await ReadFrameAsync(stream);
            if (type == Settings)
            {
                foreach (var setting in payload.Chunk(6))
                {
                    settings[BinaryPrimitives.ReadUInt16BigEndian(setting)] = BinaryPrimitives.ReadUInt32BigEndian(setting.AsSpan(2));
                }
            }
            else if (type == WindowUpdate)
            {
                window = DefaultWindow + BinaryPrimitives.ReadUInt32BigEndian(payload);
            }
        }

        return (settings, window.Value);
    }

    private static async Task<(byte Type, byte Flags, byte[] Payload)> ReadFrameAsync(SslStream stream)
    {
        var head = new byte[9];
        await stream.ReadExactlyAsync(head);
        var payload = new byte[(head[0] << 16) | (head[1] << 8) | head[2]];
        await stream.ReadExactlyAsync(payload);
        return (head[3], head[4], payload);
    }

    private static async Task<(int Status, string Body)> ReadAsync(SslStream stream)
    {
        var status = 0;
        var body = new StringBuilder();
        while (true)
        {
            var (type, flags, payload) = await ReadFrameAsync(stream);
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
