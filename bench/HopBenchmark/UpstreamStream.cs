using System.Diagnostics;
using System.Globalization;
using System.Net.Sockets;
using System.Text;

namespace HopBenchmark;

/// <summary>
/// A response as an event stream, in chunks like OpenRouter's. Its bytes are rendered once. Each text event contains the time of its
/// sending.
/// </summary>
internal sealed class UpstreamStream
{
    /// <summary>Marks the time of sending, 19 digits in the unit of <see cref="Stopwatch"/>, usually nanoseconds.</summary>
    public const byte Mark = (byte)'@';

    public const int MomentDigits = 19;

    private static readonly string NoMoment = new('0', MomentDigits);

    // The delay before the next attempt on a socket whose buffer is full.
    private static readonly long Retry = Stopwatch.Frequency / 1000;

    private static int _generations;

    private readonly TaskCompletionSource<bool> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Socket _socket;
    private readonly byte[] _text;
    private readonly byte[] _closing;
    private readonly int _moment;
    private readonly long _interval;
    private long _due;
    private int _texts;
    private bool _closes;
    private ReadOnlyMemory<byte> _unsent;

    public UpstreamStream(Socket socket, StreamSchedule schedule)
    {
        var id = "gen-1767225600-" + Interlocked.Increment(ref _generations).ToString("D8", CultureInfo.InvariantCulture);
        var chunk = "{\"id\":\"" + id + "\",\"provider\":\"Azure\",\"model\":\"openai/gpt-4o-mini\",\"object\":\"chat.completion.chunk\","
            + "\"created\":1767225600,";
        _socket = socket;
        _texts = schedule.Texts;
        _interval = (long)(schedule.Interval.TotalSeconds * Stopwatch.Frequency);
        _due = Stopwatch.GetTimestamp();
        _text = Chunk(
            "data: " + chunk + "\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"" + (char)Mark + NoMoment
            + " word\"},\"finish_reason\":null,\"native_finish_reason\":null,\"logprobs\":null}]}\n\n");
        _moment = _text.AsSpan().IndexOf(Mark) + 1;
        _closing =
        [
            .. Chunk(
                "data: " + chunk + "\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},"
                + "\"finish_reason\":\"stop\",\"native_finish_reason\":\"stop\",\"logprobs\":null}]}\n\n"),
            .. Chunk("data: " + chunk + "\"choices\":[]," + Usage(schedule.Texts) + "}\n\n"),
            .. Chunk("data: [DONE]\n\n"),
            .. "0\r\n\r\n"u8,
        ];
        _unsent = (byte[])
        [
            .. Encoding.ASCII.GetBytes(
                "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-cache\r\n"
                + $"X-Generation-Id: {id}\r\nTransfer-Encoding: chunked\r\n\r\n"),
            .. Chunk(": OPENROUTER PROCESSING\n\n"),
        ];
    }

    /// <summary>
    /// Completes at the end: <see langword="true"/> if everything was sent, <see langword="false"/> if the reader disconnected.
    /// </summary>
    public Task<bool> Ended => _ended.Task;

    /// <summary>The time of the next event.</summary>
    public long Due => _due;

    /// <summary>Sends the due events. Returns whether more are to come. Never blocks.</summary>
    public bool Send()
    {
        if (_unsent.IsEmpty)
        {
            Prepare();
        }

        var sent = _socket.Send(_unsent.Span, SocketFlags.None, out var error);
        if (error is not (SocketError.Success or SocketError.WouldBlock))
        {
            _ended.TrySetResult(false);
            return false;
        }

        _unsent = _unsent[Math.Max(0, sent)..];
        if (!_unsent.IsEmpty)
        {
            _due += Retry;
            return true;
        }

        if (_closes)
        {
            _ended.TrySetResult(true);
            return false;
        }

        _due += _interval;
        return true;
    }

    private void Prepare()
    {
        if (_texts == 0)
        {
            _closes = true;
            _unsent = _closing;
            return;
        }

        _texts--;
        Stopwatch.GetTimestamp().TryFormat(_text.AsSpan(_moment, MomentDigits), out _, "D19", CultureInfo.InvariantCulture);
        _unsent = _text;
    }

    private static byte[] Chunk(string text) =>
        Encoding.ASCII.GetBytes($"{Encoding.ASCII.GetByteCount(text).ToString("x", CultureInfo.InvariantCulture)}\r\n{text}\r\n");

    private static string Usage(int texts) =>
        $$$"""
        "usage":{"prompt_tokens":187,"completion_tokens":{{{texts}}},"total_tokens":{{{187 + texts}}},"cost":0.000041,"is_byok":false,
        "prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":0},
        "cost_details":{"upstream_inference_cost":null,"upstream_inference_prompt_cost":0,"upstream_inference_completions_cost":0}}
        """.ReplaceLineEndings("");
}
