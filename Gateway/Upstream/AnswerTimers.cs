using Gateway.Billing;
using Gateway.Requests;

namespace Gateway.Upstream;

/// <summary>
/// The time limits of one response: for its first data, between two data, and in all. Cancels <see cref="Token"/> when one is over, and aborts
/// the request if that does not end it. A write to a slow client does not count as a time without data.
/// </summary>
/// <remarks>One timer for the whole response: it looks for the time left when it fires. Data only leaves a timestamp.</remarks>
internal sealed class AnswerTimers : IDisposable
{
    // The longest time of a timer is a little under 50 days.
    private static readonly TimeSpan Longest = TimeSpan.FromDays(40);

    /// <summary>The time that a response has to end with an error after a limit is over.</summary>
    private static readonly TimeSpan TimeToEnd = TimeSpan.FromSeconds(1);

    private readonly TimeProvider _time;
    private readonly TimeSpan _eventTimeout;
    private readonly TimeSpan? _totalTimeout;
    private readonly long _beganAt;
    private readonly CancellationTokenSource _source = new();
    private readonly ITimer _timer;
    private CancellationTokenRegistration _link;

    // The current limit without data, and since when there is none. While the reader does not read, no time passes.
    private TimeSpan _limit;
    private long _since;
    private volatile bool _isReading = true;
    private bool _hasData;

    // Used by the timer. The context serves another request once this one has ended, so it is not touched after Dispose.
    private readonly Lock _gate = new();
    private HttpContext? _context;
    private bool _isOver;

    /// <summary>Starts the time of a response.</summary>
    /// <param name="firstTimeout">The limit for the first data; <see langword="null"/> for none yet.</param>
    /// <param name="eventTimeout">The limit between two data.</param>
    /// <param name="totalTimeout">The limit for the whole response; <see langword="null"/> for none.</param>
    /// <param name="time">The host's clock.</param>
    public AnswerTimers(TimeSpan? firstTimeout, TimeSpan eventTimeout, TimeSpan? totalTimeout, TimeProvider time)
    {
        _time = time;
        _eventTimeout = eventTimeout;
        _totalTimeout = totalTimeout;
        _limit = firstTimeout ?? Longest;
        _beganAt = _since = time.GetTimestamp();
        _timer = time.CreateTimer(static timers => ((AnswerTimers)timers!).OnTimer(), this, Left(), Timeout.InfiniteTimeSpan);
    }

    /// <summary>Cancelled when a limit is over, or with a linked token.</summary>
    public CancellationToken Token => _source.Token;

    /// <summary>Cancels <see cref="Token"/> with another token. Replaces an earlier link.</summary>
    public void Link(CancellationToken other)
    {
        _link.Dispose();
        _link = other.UnsafeRegister(static source => ((CancellationTokenSource)source!).Cancel(), _source);
    }

    /// <summary>
    /// Aborts a request whose response has started and does not end after a limit: the token ends reads only, and a write waits for as long as
    /// the client does not read.
    /// </summary>
    public void AbortAfterLimit(HttpContext context)
    {
        lock (_gate)
        {
            _context = context;
        }
    }

    /// <summary>
    /// Begins the time for the first data of an event stream, unless it has begun with the sending. A response that is not an event stream has
    /// no such time.
    /// </summary>
    /// <param name="firstTimeout">The limit; <see langword="null"/> if it is not an event stream.</param>
    public void Begin(TimeSpan? firstTimeout)
    {
        if (firstTimeout is null || _limit == Longest)
        {
            _limit = firstTimeout ?? Longest;
            Volatile.Write(ref _since, _time.GetTimestamp());
            _timer.Change(Left(), Timeout.InfiniteTimeSpan);
        }
    }

    /// <summary>Notes that the reader waits for the next bytes. If the last ones were data, the time without data begins.</summary>
    public void BeginRead()
    {
        if (!_isReading)
        {
            Volatile.Write(ref _since, _time.GetTimestamp());
            _isReading = true;
        }
    }

    /// <summary>Notes that data has arrived.</summary>
    public void NoteData()
    {
        _isReading = false;
        if (!_hasData)
        {
            // The limit between two data may be shorter than the one that the timer waits for.
            _hasData = true;
            _limit = _eventTimeout;
            _timer.Change(Left(), Timeout.InfiniteTimeSpan);
        }
    }

    /// <inheritdoc />
    public void Dispose()
    {
        _timer.Dispose();
        _link.Dispose();

        // The timer may be running.
        lock (_gate)
        {
            _context = null;
        }
    }

    private void OnTimer()
    {
        if (_isOver)
        {
            lock (_gate)
            {
                if (_context is { Response.HasStarted: true } context)
                {
                    GatewayContext.Of(context).EndAs(RequestEnd.UpstreamTimedOut);
                    context.Abort();
                }
            }

            return;
        }

        var left = Left();
        if (left <= TimeSpan.Zero)
        {
            _isOver = true;
            _source.Cancel();
            _timer.Change(TimeToEnd, Timeout.InfiniteTimeSpan);
        }
        else
        {
            _timer.Change(left, Timeout.InfiniteTimeSpan);
        }
    }

    private TimeSpan Left()
    {
        var left = _isReading ? _limit - _time.GetElapsedTime(Volatile.Read(ref _since)) : _limit;
        if (_totalTimeout is { } total)
        {
            var totalLeft = total - _time.GetElapsedTime(_beganAt);
            left = totalLeft < left ? totalLeft : left;
        }

        // A timer does not take a negative time.
        return left < TimeSpan.Zero ? TimeSpan.Zero : left < Longest ? left : Longest;
    }
}
