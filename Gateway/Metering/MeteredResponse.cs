using System.Net.Http.Headers;

namespace Gateway.Metering;

/// <summary>
/// Reads the response of a metered call while it passes to the client. Reports the generation's id to the call before the first byte is
/// sent to the client, and the end of the response before the last byte is sent.
/// </summary>
internal sealed class MeteredResponse : IResponseObserver, IDisposable
{
    private readonly MeteredCall _call;
    private readonly TimeProvider _time;
    private readonly bool _namesJob;
    private readonly IResponseReader _reader;
    private bool _isNamed;

    // Zero after the last announced byte. Without an announced length the client sees the end of the response only after EndAsync.
    private long _remainingBytes;

    /// <summary>Creates the observer of one response; see <see cref="MeteredCall.Answered"/>.</summary>
    public MeteredResponse(MeteredCall call, bool isEventStream, bool namesJob, HttpContentHeaders headers, TimeProvider time)
    {
        _call = call;
        _time = time;
        _namesJob = namesJob;
        _reader = ResponseReaders.Create(isEventStream, headers.ContentEncoding);
        _remainingBytes = headers.ContentLength ?? long.MaxValue;
    }

    /// <inheritdoc cref="IResponseReader.IsEventStream" />
    public bool IsEventStream => _reader.IsEventStream;

    /// <summary>The timestamp of the first data. Blanks and comments are not data.</summary>
    public long? FirstDataAt { get; private set; }

    /// <summary>Whether the only data that has arrived is upstream's error: the events of a stream, or a complete body.</summary>
    public bool IsErrorOnly => ResponseReaders.IsErrorOnly(_reader);

    /// <inheritdoc cref="IResponseReader.IsCostInterim" />
    public bool IsCostInterim => _reader.IsCostInterim;

    /// <inheritdoc cref="IResponseReader.HasTextBehindUsage" />
    public bool HasTextBehindUsage => _reader.HasTextBehindUsage;

    /// <inheritdoc cref="IResponseReader.PassedTokens" />
    public long PassedTokens => _reader.PassedTokens;

    private bool IsComplete => _reader.IsComplete || _remainingBytes <= 0;

    /// <inheritdoc />
    public ValueTask ObserveAsync(ReadOnlyMemory<byte> bytes)
    {
        _reader.Read(bytes.Span);
        _remainingBytes -= bytes.Length;
        if (FirstDataAt is null && _reader.HasData)
        {
            FirstDataAt = _time.GetTimestamp();
        }

        if (_remainingBytes <= 0)
        {
            _reader.End();
        }

        // Blanks and comments are bytes of the response, too: the id from the headers is durable before they are sent.
        return _isNamed && !IsComplete ? default : ReportAsync();
    }

    /// <inheritdoc />
    public ValueTask EndAsync() => _call.CompletedAsync(End());

    /// <summary>Ends the input of the reader and returns the facts.</summary>
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
            && (_namesJob || GenerationIdHeader.IsGeneration(id)))
        {
            _call.Named(id);
        }

        if (IsComplete)
        {
            return _call.CompletedAsync(_reader.Facts);
        }

        if (_call.GenerationId is null)
        {
            return default;
        }

        _isNamed = true;
        _reader.NoteNamed();
        return _call.KeepNameAsync();
    }
}
