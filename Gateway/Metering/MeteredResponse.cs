using System.Net.Http.Headers;
using Gateway.Admission;
using Gateway.Billing;
using Gateway.Requests;

namespace Gateway.Metering;

/// <summary>
/// Watches the answer of a call with a reservation go by. It names the generation before the client sees the answer's first byte, and
/// settles before it can see the last one.
/// </summary>
internal sealed class MeteredResponse : IResponseObserver, IDisposable
{
    /// <summary>How OpenRouter's ids of generations begin: an answer's own <c>id</c> that does is one.</summary>
    private const string IdPrefix = "gen-";

    private readonly GatewayContext _request;
    private readonly Reservation _reservation;
    private readonly TimeProvider _time;
    private readonly int _status;
    private readonly IResponseReader _reader;
    private bool _isNamed;

    // With them the client has read the answer to its end. Where no length is announced it sees the end only after this side has.
    private long _bytesToCome;

    public MeteredResponse(GatewayContext request, int status, bool isEventStream, HttpContentHeaders headers, TimeProvider time)
    {
        _request = request;
        _reservation = request.Reservation!;
        _status = status;
        _time = time;
        IsEventStream = isEventStream;
        _reader = ResponseReaders.Create(isEventStream, headers.ContentEncoding);
        _bytesToCome = headers.ContentLength ?? long.MaxValue;
    }

    /// <summary>Whether the answer is an event stream.</summary>
    public bool IsEventStream { get; }

    /// <summary>When the first data came, comments and blanks aside.</summary>
    public long? FirstDataAt { get; private set; }

    /// <summary>From the request to the first data, once any came.</summary>
    public TimeSpan? TimeToFirstToken => FirstDataAt is { } first ? _time.GetElapsedTime(_request.StartedAt, first) : null;

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

        // Blanks and comments are bytes, too: whoever got them was told the generation's id by the headers before them.
        return _isNamed && !IsWhole ? default : ReactAsync();
    }

    /// <inheritdoc />
    public ValueTask EndAsync()
    {
        _reader.End();
        return SettleAsync(RequestEnd.Completed);
    }

    /// <summary>Is told that the answer broke off, before the client is.</summary>
    public ValueTask BreakAsync(RequestEnd end)
    {
        _reader.End();
        return SettleAsync(end);
    }

    /// <summary>What was read, when nothing more will come.</summary>
    public ResponseFacts End()
    {
        _reader.End();
        return _reader.Facts;
    }

    /// <inheritdoc />
    public void Dispose() => _reader.Dispose();

    private async ValueTask ReactAsync()
    {
        if (_reservation.GenerationId is null
            && _reader.Facts.Id is { } id
            && (id.StartsWith(IdPrefix, StringComparison.Ordinal) || _request.Endpoint is { OrdersAJob: true }))
        {
            _reservation.Name(id);
        }

        if (IsWhole)
        {
            await SettleAsync(RequestEnd.Completed);
        }
        else if (_reservation.GenerationId is not null)
        {
            _isNamed = true;
            await _reservation.KeepNameAsync();
        }
    }

    private ValueTask SettleAsync(RequestEnd end) => _reservation.SettleAsync(
        end,
        wasSent: true,
        _status,
        IsEventStream,
        _reader.Facts,
        TimeToFirstToken);
}
