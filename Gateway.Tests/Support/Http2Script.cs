using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Gateway.Tests.Support;

/// <summary>The server's side of HTTP/2 on a <see cref="ScriptedConnection"/>: frames that no well-behaved server sends.</summary>
internal sealed class Http2Script(ScriptedConnection connection)
{
    private const byte Data = 0;
    private const byte Headers = 1;
    private const byte ResetStream = 3;
    private const byte Settings = 4;
    private const byte GoAway = 7;
    private const byte EndStream = 1;
    private const byte EndHeaders = 4;
    private const byte Acknowledged = 1;
    private const int PrefaceLength = 24;

    /// <summary>Whether the last request had a body: it is a call, and not a question of the gateway's own.</summary>
    public bool HasBody { get; private set; }

    /// <summary>Exchanges the settings.</summary>
    public async Task BeginAsync()
    {
        await connection.ReadExactlyAsync(PrefaceLength);
        await SendAsync(Settings, 0, 0, []);
    }

    /// <summary>Reads frames up to the end of the next request.</summary>
    /// <returns>The request's stream.</returns>
    public async Task<int> ReadRequestAsync()
    {
        while (true)
        {
            var (type, flags, stream) = await ReadFrameAsync();
            if (type is Data or Headers && (flags & EndStream) != 0)
            {
                HasBody = type == Data;
                return stream;
            }
        }
    }

    /// <summary>Reads frames up to the headers of a request whose body follows.</summary>
    /// <returns>The request's stream.</returns>
    public async Task<int> ReadHeadAsync()
    {
        while (true)
        {
            var (type, flags, stream) = await ReadFrameAsync();
            if (type == Headers && (flags & EndStream) == 0)
            {
                return stream;
            }
        }
    }

    /// <summary>Refuses a stream without having processed it: REFUSED_STREAM.</summary>
    public Task RefuseAsync(int stream) => SendAsync(ResetStream, 0, stream, [0, 0, 0, 7]);

    /// <summary>Ends the connection with a GOAWAY and excludes all streams above the last one; by default all of them.</summary>
    public Task GoAwayAsync(int last = 0)
    {
        var payload = new byte[8];
        BinaryPrimitives.WriteInt32BigEndian(payload, last);
        return SendAsync(GoAway, 0, 0, payload);
    }

    /// <summary>Answers with a status that HPACK's static table knows, and a JSON body.</summary>
    public async Task AnswerAsync(int stream, string body)
    {
        // :status 200, and content-type as a literal.
        byte[] type = [.. "application/json"u8];
        await SendAsync(Headers, EndHeaders, stream, [0x88, 0x0F, 0x10, (byte)type.Length, .. type]);
        await SendAsync(Data, EndStream, stream, Encoding.UTF8.GetBytes(body));
    }

    /// <summary>Begins an answer with status 200: an event stream, unless another type is given.</summary>
    /// <param name="stream">The request's stream.</param>
    /// <param name="type">The type of its content.</param>
    /// <param name="id">The generation's id, for the header <c>X-Generation-Id</c>; <see langword="null"/> for none.</param>
    public Task BeginAnswerAsync(int stream, string type = "text/event-stream", string? id = null)
    {
        byte[] content = Encoding.ASCII.GetBytes(type);
        byte[] name = [.. "x-generation-id"u8];
        byte[] named = id is null ? [] : [0, (byte)name.Length, .. name, (byte)id.Length, .. Encoding.ASCII.GetBytes(id)];
        return SendAsync(Headers, EndHeaders, stream, [0x88, 0x0F, 0x10, (byte)content.Length, .. content, .. named]);
    }

    /// <summary>Answers with an error's status, <c>Retry-After: 7</c> and a JSON body, or none.</summary>
    public async Task AnswerErrorAsync(int stream, int status, string body = "")
    {
        byte[] head =
        [
            0x08, 3, .. Encoding.ASCII.GetBytes(status.ToString(CultureInfo.InvariantCulture)),
            0, 11, .. "retry-after"u8, 1, (byte)'7',
            0, 12, .. "content-type"u8, 16, .. "application/json"u8,
        ];
        await SendAsync(Headers, (byte)(EndHeaders | (body.Length == 0 ? EndStream : 0)), stream, head);
        if (body.Length > 0)
        {
            await SendAsync(Data, EndStream, stream, Encoding.UTF8.GetBytes(body));
        }
    }

    /// <summary>Sends a part of an answer's body.</summary>
    public Task SendDataAsync(int stream, string body) => SendAsync(Data, 0, stream, Encoding.UTF8.GetBytes(body));

    /// <summary>Ends an answer in the middle: INTERNAL_ERROR, unless another code is given.</summary>
    public Task ResetAsync(int stream, byte code = 2) => SendAsync(ResetStream, 0, stream, [0, 0, 0, code]);

    /// <summary>Reads a frame, and acknowledges the client's settings.</summary>
    private async Task<(byte Type, byte Flags, int Stream)> ReadFrameAsync()
    {
        var head = await connection.ReadExactlyAsync(9);
        var (type, flags) = (head[3], head[4]);
        await connection.ReadExactlyAsync((head[0] << 16) | (head[1] << 8) | head[2]);
        if (type == Settings && (flags & Acknowledged) == 0)
        {
            await SendAsync(Settings, Acknowledged, 0, []);
        }

        return (type, flags, BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(5)));
    }

    private Task SendAsync(byte type, byte flags, int stream, byte[] payload)
    {
        byte[] frame = [(byte)(payload.Length >> 16), (byte)(payload.Length >> 8), (byte)payload.Length, type, flags, 0, 0, 0, 0, .. payload];
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(5), stream);
        return connection.SendAsync(frame);
    }
}
