using System.Security.Cryptography;
using System.Threading.Channels;

namespace FakeOpenRouter;

/// <summary>A received request and the progress of its response. Updated while the request runs.</summary>
internal sealed class ReceivedRequest
{
    private readonly TimeProvider _time;
    private readonly Action _changed;
    private readonly long _startedAt;
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Channel<bool> _released = Channel.CreateUnbounded<bool>();
    private long _endedAt;
    private int _end;
    private int _eventsWritten;
    private long _bytesWritten;

    public ReceivedRequest(TimeProvider time, Action changed)
    {
        _time = time;
        _changed = changed;
        _startedAt = time.GetTimestamp();
        ReceivedAt = time.GetUtcNow();
    }

    /// <summary>The number of the request, from 1 in the order of arrival.</summary>
    public required int Number { get; init; }

    /// <summary>The <c>x-fake-id</c> of the request; <see langword="null"/> if it has none.</summary>
    public required string? Id { get; init; }

    public required string Method { get; init; }

    /// <summary>The exact request target, query included.</summary>
    public required string Target { get; init; }

    public required string Protocol { get; init; }

    /// <summary>The id of its connection.</summary>
    public required string Connection { get; init; }

    /// <summary>The headers in their original order and spelling, duplicates included.</summary>
    public required IReadOnlyList<KeyValuePair<string, string>> Headers { get; init; }

    /// <summary>The id in the response header <c>X-Generation-Id</c>; <see langword="null"/> if the endpoint has none.</summary>
    public string? GenerationId { get; set; }

    public string Path => Target.Split('?', 2)[0];

    /// <summary>The query with its question mark; empty if there is none.</summary>
    public string Query => Target.IndexOf('?', StringComparison.Ordinal) is >= 0 and var at ? Target[at..] : "";

    /// <summary>The body without its transfer coding; <see langword="null"/> until it is complete, and after it was dropped.</summary>
    public byte[]? Body { get; private set; }

    /// <summary>The number of bytes of the body that arrived.</summary>
    public long BodyLength { get; private set; }

    /// <summary>SHA-256 of the complete body in lower-case hexadecimal digits.</summary>
    public string? BodySha256 { get; private set; }

    /// <summary>Whether the whole body arrived.</summary>
    public bool BodyComplete { get; private set; }

    public DateTimeOffset ReceivedAt { get; }

    /// <summary>The time from its arrival to its end or abort.</summary>
    public TimeSpan Duration => _time.GetElapsedTime(_startedAt, End == ReceivedEnd.Open ? _time.GetTimestamp() : _endedAt);

    /// <summary>The end of the request, as a timestamp of <see cref="TimeProvider.GetTimestamp"/>.</summary>
    public long EndedAt => Volatile.Read(ref _endedAt);

    public ReceivedEnd End => (ReceivedEnd)Volatile.Read(ref _end);

    /// <summary>Waits until <see cref="End"/> is no longer <see cref="ReceivedEnd.Open"/>.</summary>
    public Task WaitForEndAsync() => _ended.Task.WaitAsync(RequestLog.Patience);

    /// <summary>The number of flushed events of a stream; comments do not count.</summary>
    public int EventsWritten => Volatile.Read(ref _eventsWritten);

    /// <summary>The number of flushed bytes of the response body.</summary>
    public long BytesWritten => Interlocked.Read(ref _bytesWritten);

    /// <summary>The body as UTF-8 text.</summary>
    public string BodyText => System.Text.Encoding.UTF8.GetString(
        Body ?? throw new InvalidOperationException("The body has not arrived, or was dropped."));

    /// <summary>All values of a header in order; empty if there are none.</summary>
    public IReadOnlyList<string> HeaderValues(string name)
    {
        return [.. Headers.Where(header => header.Key.Equals(name, StringComparison.OrdinalIgnoreCase)).Select(header => header.Value)];
    }

    /// <summary>The value of a header that must not be repeated; <see langword="null"/> if there is none.</summary>
    public string? Header(string name) => HeaderValues(name).SingleOrDefault();

    /// <summary>Releases a number of pieces of a response with <c>x-fake-step</c>.</summary>
    public void Release(int pieces = 1)
    {
        for (var i = 0; i < pieces; i++)
        {
            _released.Writer.TryWrite(true);
        }
    }

    /// <summary>Releases all remaining pieces.</summary>
    public void ReleaseAll() => _released.Writer.TryComplete();

    /// <summary>Waits until the next piece is released.</summary>
    public async ValueTask WaitForReleaseAsync(CancellationToken cancellationToken)
    {
        if (await _released.Reader.WaitToReadAsync(cancellationToken))
        {
            _released.Reader.TryRead(out _);
        }
    }

    public void SetBody(byte[] body)
    {
        Body = body;
        BodyLength = body.Length;
        BodySha256 = Convert.ToHexStringLower(SHA256.HashData(body));
        BodyComplete = true;
        _changed();
    }

    /// <summary>Records a body that broke off or is not read.</summary>
    public void SetPartialBody(long length) => BodyLength = length;

    public void DropBody() => Body = null;

    public void CountBytes(int bytes) => Interlocked.Add(ref _bytesWritten, bytes);

    public void CountEvent()
    {
        Interlocked.Increment(ref _eventsWritten);
        _changed();
    }

    /// <summary>Records the end. The first end counts.</summary>
    public void SetEnd(ReceivedEnd end)
    {
        var now = _time.GetTimestamp();
        if (Interlocked.CompareExchange(ref _endedAt, now, 0) != 0)
        {
            return;
        }

        Volatile.Write(ref _end, (int)end);
        _ended.TrySetResult();
        _changed();
    }
}
