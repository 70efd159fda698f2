using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.RegularExpressions;

namespace Gateway.Tests.Support;

/// <summary>
/// An upstream with TLS and HTTP/2 that renews each connection after a number of requests, as nginx does (<c>keepalive_requests</c>): it
/// excludes the next stream by a GOAWAY, ignores requests that cross it on the wire, and answers the streams before. Its book has every call
/// that it has processed, by the <c>user</c> of the body. It may also limit its streams, open its windows slowly, hold its answers or fall
/// silent.
/// </summary>
internal sealed partial class RenewingUpstream : LoopbackServer
{
    private const byte Data = 0;
    private const byte Headers = 1;
    private const byte ResetStream = 3;
    private const byte Settings = 4;
    private const byte Ping = 6;
    private const byte GoAway = 7;
    private const byte WindowUpdate = 8;
    private const byte EndStream = 1;
    private const byte EndHeaders = 4;
    private const byte Acknowledged = 1;
    private const int PrefaceLength = 24;
    private const int HeadLength = 9;
    private const int SlowWindow = 16 * 1024;

    private readonly int _requestsPerConnection;
    private readonly X509Certificate2 _certificate = Certificate();
    private readonly ConcurrentDictionary<string, int> _book = new();
    private int _generations;
    private int _renewals;
    private int _excluded;
    private int _connections;
    private int _calls;
    private int _pings;
    private readonly TaskCompletionSource _hasCalls = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public RenewingUpstream(int requestsPerConnection = int.MaxValue) => _requestsPerConnection = requestsPerConnection;

    /// <summary>The maximum number of streams of a connection at once; by default that of nginx. The server refuses the streams above it.</summary>
    public byte MaxStreams { get; init; } = 128;

    /// <summary>The number of calls that must have arrived before one is answered.</summary>
    public int CallsBeforeAnswers { get; init; }

    /// <summary>Whether a call is answered only once its connection has received a PING.</summary>
    public bool AnswersAfterPing { get; init; }

    /// <summary>
    /// Called before a window of 16 KB is opened again, of which all was used. Without it the windows are open for everything.
    /// </summary>
    public Action? BeforeWindow { get; init; }

    /// <summary>Whether a connection that receives a request is read and written no more.</summary>
    public bool FallsSilent { get; set; }

    public string BaseUrl => $"https://127.0.0.1:{Port}/api/v1";

    /// <summary>How often each call was processed.</summary>
    public IReadOnlyDictionary<string, int> Book => _book;

    /// <summary>The number of connections.</summary>
    public int Connections => Volatile.Read(ref _connections);

    /// <summary>The number of PINGs that were answered.</summary>
    public int Pings => Volatile.Read(ref _pings);

    /// <summary>The number of GOAWAYs.</summary>
    public int Renewals => Volatile.Read(ref _renewals);

    /// <summary>The number of streams that were excluded.</summary>
    public int Excluded => Volatile.Read(ref _excluded);

    protected override async Task ServeAsync(NetworkStream client, CancellationToken cancellationToken)
    {
        await using var secure = new SslStream(client);
        await secure.AuthenticateAsServerAsync(
            new SslServerAuthenticationOptions { ServerCertificate = _certificate, ApplicationProtocols = [SslApplicationProtocol.Http2] },
            cancellationToken);
        await using var stream = new BufferedStream(secure, 64 * 1024);
        await stream.ReadExactlyAsync(new byte[PrefaceLength], cancellationToken);
        Interlocked.Increment(ref _connections);
        var connection = new Connection(this);
        connection.Begin();
        Task<(byte[] Head, byte[] Payload)?>? reading = null;
        while (true)
        {
            await secure.WriteAsync(connection.TakeOutput(), cancellationToken);
            reading ??= ReadFrameAsync(stream, cancellationToken);
            if (connection.HoldsCalls)
            {
                await Task.WhenAny(reading, _hasCalls.Task);
                if (_hasCalls.Task.IsCompleted)
                {
                    connection.AnswerHeld();
                    continue;
                }
            }

            if (await reading is not var (head, payload))
            {
                return;
            }

            reading = null;
            connection.Receive(head[3], head[4], BinaryPrimitives.ReadInt32BigEndian(head.AsSpan(5)), payload);
            if (FallsSilent && connection.HasRequest)
            {
                await new TaskCompletionSource().Task.WaitAsync(cancellationToken);
            }
        }
    }

    private static async Task<(byte[] Head, byte[] Payload)?> ReadFrameAsync(Stream stream, CancellationToken cancellationToken)
    {
        var head = new byte[HeadLength];
        if (await stream.ReadAtLeastAsync(head, HeadLength, throwOnEndOfStream: false, cancellationToken) < HeadLength)
        {
            return null;
        }

        var payload = new byte[(head[0] << 16) | (head[1] << 8) | head[2]];
        await stream.ReadExactlyAsync(payload, cancellationToken);
        return (head, payload);
    }

    private bool HasCalls()
    {
        if (Interlocked.Increment(ref _calls) >= CallsBeforeAnswers)
        {
            _hasCalls.TrySetResult();
        }

        return _hasCalls.Task.IsCompleted;
    }

    private static X509Certificate2 Certificate()
    {
        var pair = TestCertificate.Create();
        return X509Certificate2.CreateFromPem(pair.CertificatePem, pair.KeyPem);
    }

    private byte[] Answer(string body)
    {
        // A GET is a question of the gateway's own.
        if (body.Length > 0)
        {
            _book.AddOrUpdate(User().Match(body).Groups["user"].Value, 1, static (_, count) => count + 1);
        }

        return Encoding.UTF8.GetBytes(body.Length == 0
            ? "{}"
            : $$$"""{"id":"gen-{{{Interlocked.Increment(ref _generations)}}}","choices":[],"usage":{"cost":0.000001}}""");
    }

    [GeneratedRegex("\"user\":\"(?<user>[^\"]+)\"", RegexOptions.ExplicitCapture)]
    private static partial Regex User();

    /// <summary>The state of one connection. Frames are handled one after another.</summary>
    private sealed class Connection(RenewingUpstream upstream)
    {
        private readonly Dictionary<int, StringBuilder> _open = [];
        private readonly ArrayBufferWriter<byte> _output = new();
        private int _accepted;
        private readonly List<int> _held = [];
        private int _last;
        private int _received;
        private bool _isLeaving;
        private bool _hasPing;

        public bool HasRequest => _accepted > 0;

        public bool HoldsCalls => _held.Count > 0 && !upstream.AnswersAfterPing;

        public void Begin()
        {
            if (upstream.BeforeWindow is null)
            {
                Send(Settings, 0, 0, [0, 3, 0, 0, 0, upstream.MaxStreams]);
                Send(WindowUpdate, 0, 0, [0x3F, 0, 0, 0]);
            }
            else
            {
                Send(Settings, 0, 0, [0, 3, 0, 0, 0, upstream.MaxStreams, 0, 4, 0, 0, SlowWindow >> 8, 0]);
            }
        }

        public void AnswerHeld()
        {
            foreach (var stream in _held)
            {
                Answer(stream);
            }

            _held.Clear();
        }

        public byte[] TakeOutput()
        {
            var bytes = _output.WrittenSpan.ToArray();
            _output.ResetWrittenCount();
            return bytes;
        }

        public void Receive(byte type, byte flags, int stream, byte[] payload)
        {
            switch (type)
            {
                case Settings when (flags & Acknowledged) == 0:
                    Send(Settings, Acknowledged, 0, []);
                    break;
                case Ping when (flags & Acknowledged) == 0:
                    Interlocked.Increment(ref upstream._pings);
                    Send(Ping, Acknowledged, 0, payload);
                    _hasPing = true;
                    if (upstream.AnswersAfterPing)
                    {
                        AnswerHeld();
                    }

                    break;
                case Headers:
                    if (!TryAccept(stream))
                    {
                        return;
                    }

                    if ((flags & EndStream) != 0)
                    {
                        Complete(stream);
                    }

                    break;
                case Data when _open.TryGetValue(stream, out var body):
                    body.Append(Encoding.UTF8.GetString(payload));
                    if ((flags & EndStream) != 0)
                    {
                        Complete(stream);
                    }
                    else if (upstream.BeforeWindow is { } before && (_received += payload.Length) >= SlowWindow)
                    {
                        _received -= SlowWindow;
                        before();
                        byte[] size = [0, 0, SlowWindow >> 8, 0];
                        Send(WindowUpdate, 0, stream, size);
                        Send(WindowUpdate, 0, 0, size);
                    }

                    break;
            }
        }

        public void Send(byte type, byte flags, int stream, byte[] payload)
        {
            byte[] head = [(byte)(payload.Length >> 16), (byte)(payload.Length >> 8), (byte)payload.Length, type, flags, 0, 0, 0, 0];
            BinaryPrimitives.WriteInt32BigEndian(head.AsSpan(5), stream);
            _output.Write(head);
            _output.Write(payload);
        }

        private bool TryAccept(int stream)
        {
            if (_open.Count >= upstream.MaxStreams)
            {
                // The client may not have seen the limit yet.
                Send(ResetStream, 0, stream, [0, 0, 0, 7]);
                return false;
            }

            if (_accepted < upstream._requestsPerConnection)
            {
                _accepted++;
                _last = stream;
                _open.Add(stream, new StringBuilder());
                return true;
            }

            Interlocked.Increment(ref upstream._excluded);
            if (!_isLeaving)
            {
                _isLeaving = true;
                Interlocked.Increment(ref upstream._renewals);
                var payload = new byte[8];
                BinaryPrimitives.WriteInt32BigEndian(payload, _last);
                Send(GoAway, 0, 0, payload);
            }

            return false;
        }

        private void Complete(int stream)
        {
            if (_open[stream].Length > 0 && (upstream.AnswersAfterPing ? !_hasPing : !upstream.HasCalls()))
            {
                _held.Add(stream);
                return;
            }

            Answer(stream);
        }

        private void Answer(int stream)
        {
            _open.Remove(stream, out var body);

            // :status 200, and content-type as a literal.
            byte[] type = [.. "application/json"u8];
            Send(Headers, EndHeaders, stream, [0x88, 0x0F, 0x10, (byte)type.Length, .. type]);
            Send(Data, EndStream, stream, upstream.Answer(body!.ToString()));
        }
    }
}
