using System.Net.Http.Headers;

namespace Gateway.Metering;

/// <summary>
/// Reads the answer of a metered call on its way to the client and reports to the call: the generation's id before the first byte of the
/// answer goes out, the end before the last one does.
/// </summary>
internal sealed class MeteredResponse : IResponseObserver, IDisposable
{
    /// <summary>Prefix of OpenRouter's generation ids: an <c>id</c> in an answer that starts with it names the generation.</summary>
    private const string IdPrefix = "gen-";

    private readonly MeteredCall _call;
    private readonly TimeProvider _time;
    private readonly bool _namesJob;
    private readonly IResponseReader _reader;
    private bool _isNamed;

    // Reaches zero with the last announced byte. Without an announced length the client sees the end after EndAsync only.
    private long _bytesToCome;

    /// <summary>Creates the observer of one answer; see <see cref="MeteredCall.Answered"/>.</summary>
    public MeteredResponse(MeteredCall call, bool isEventStream, bool namesJob, HttpContentHeaders headers, TimeProvider time)
    {
        _call = call;
        _time = time;
        _namesJob = namesJob;
        IsEventStream = isEventStream;
        _reader = ResponseReaders.Create(isEventStream, headers.ContentEncoding);
        _bytesToCome = headers.ContentLength ?? long.MaxValue;
    }

    /// <summary>Whether the answer is an event stream.</summary>
    public bool IsEventStream { get; }

    /// <summary>Timestamp of the first data; blanks and comments are not data.</summary>
    public long? FirstDataAt { get; private set; }

    private bool IsWhole => _reader.IsComplete || _bytesToCome <= 0;

    /// <inheritdoc />
    public ValueTask ObserveAsync(ReadOnlyMemory<byte> bytes)
    {
        _reader.Read(bytes.Span);
        _bytesToCome -= bytes.Length;
        if (FirstDataAt is null && _reader.HasData)
        {
            FirstDataAt = _time.GetTimestamp();
        }

        if (_bytesToCome <= 0)
        {
            _reader.End();
        }

        // Blanks and comments count as bytes of the answer: the id from the headers is durable before them, too.
        return _isNamed && !IsWhole ? default : ReportAsync();
    }

    /// <inheritdoc />
    public ValueTask EndAsync() => _call.CompletedAsync(End());

    /// <summary>Ends the reading and returns the facts read until now.</summary>
    public ResponseFacts End()
    {
        _reader.End();
        return _reader.Facts;
    }

    /// <inheritdoc />
    public void Dispose() => _reader.Dispose();

    private ValueTask ReportAsync()
    {
        if (_call.GenerationId is null
            && _reader.Facts.Id is { } id
            && (_namesJob || id.StartsWith(IdPrefix, StringComparison.Ordinal)))
        {
            _call.Named(id);
        }

        if (IsWhole)
        {
            return _call.CompletedAsync(_reader.Facts);
        }

        if (_call.GenerationId is null)
        {
            return default;
        }

        _isNamed = true;
        return _call.KeepNameAsync();
    }
}
