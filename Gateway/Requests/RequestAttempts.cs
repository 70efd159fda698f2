using Gateway.Secrets;
using OpenRouterGateway.Transforms.ProviderMapping.Hosting;
using Yarp.ReverseProxy.Model;

namespace Gateway.Requests;

/// <summary>
/// The Attempts phase's record: how often the request was sent, and the state that another attempt needs. Each sending counts, whether the
/// phase makes it or the HTTP client does so by itself.
/// </summary>
internal sealed class RequestAttempts
{
    /// <summary>The time after which the request is sent again only to a destination that it was not sent to before.</summary>
    internal static readonly TimeSpan Period = TimeSpan.FromSeconds(10);

    /// <summary>
    /// How often the HTTP client may read the body within one attempt of the phase. By itself it gives up after a fourth sending, with an
    /// error that does not say whether upstream has processed it. The fourth reading is refused instead: that the client asks for it proves
    /// that upstream has not processed the third.
    /// </summary>
    internal const int MaxReadings = 3;

    private readonly int _max;
    private readonly TimeProvider _time;
    private readonly CancellationToken _clientLeft;
    private readonly long _startedAt;
    private int _count;
    private int _readings;
    private bool _hasContent;
    private List<DestinationState>? _tried;

    /// <summary>Creates the record of a request that was not sent yet.</summary>
    /// <param name="max">How often the request may be sent.</param>
    /// <param name="body">The body, if it was read; <see langword="null"/> if it is still to be read from the client.</param>
    /// <param name="time">The host's clock.</param>
    /// <param name="clientLeft">See <see cref="GatewayContext.ClientLeft"/>.</param>
    public RequestAttempts(int max, ProviderMappingFeature? body, TimeProvider time, CancellationToken clientLeft)
    {
        _max = max;
        _clientLeft = clientLeft;
        _time = time;
        _startedAt = time.GetTimestamp();
        Body = body;
    }

    /// <summary>The body, if it was read; <see langword="null"/> if it is still to be read from the client.</summary>
    public ProviderMappingFeature? Body { get; }

    /// <summary>How often the request was sent.</summary>
    public int Count => Volatile.Read(ref _count);

    /// <summary>
    /// The destinations of the next attempt, if the response of the current one is dropped for it; otherwise <see langword="null"/>.
    /// </summary>
    public IReadOnlyList<DestinationState>? DroppedFor { get; set; }

    /// <summary>
    /// The status of the current attempt's response as upstream sent it, even if an error in the response has replaced it;
    /// <see langword="null"/> until its headers have arrived.
    /// </summary>
    public int? UpstreamStatus { get; set; }

    /// <summary>The OpenRouter key that the current attempt carries; <see langword="null"/> without teams.</summary>
    public UpstreamKey? UpstreamKey { get; set; }

    /// <summary>
    /// Whether the HTTP client has not read the body of the current attempt: it never had a connection, or a stream, to send the request on,
    /// so upstream cannot have processed it. False for a request without a body.
    /// </summary>
    public bool IsUnread => Volatile.Read(ref _hasContent) && Volatile.Read(ref _readings) == 0;

    /// <summary>Whether the request may be sent once more, by number.</summary>
    public bool HasMore => Count < _max;

    /// <summary>Whether the request may be sent to the same destinations again, by time.</summary>
    public bool IsInTime => _time.GetElapsedTime(_startedAt) < Period;

    /// <summary>
    /// Whether the body is released at the end of a reading that has begun. While the reading may be in progress, the body cannot be sent again.
    /// </summary>
    public bool IsBodyBeingUsedUp => Body is not { IsKept: true } && Volatile.Read(ref _readings) > 0;

    /// <summary>Whether the body can be sent again: it is in memory, or nothing of it was read.</summary>
    public bool TryTakeBodyBack() => Body?.TryTakeBack() ?? Volatile.Read(ref _readings) == 0;

    /// <summary>Notes that an attempt begins.</summary>
    public void Begin()
    {
        DroppedFor = null;
        UpstreamStatus = null;
        _hasContent = false;

        // A body that comes from the client is gone after one reading, so its readings are never reset.
        if (Body is not null)
        {
            _readings = 0;
        }

        Interlocked.Increment(ref _count);
    }

    /// <summary>Notes that the HTTP client has received the request with its body.</summary>
    public void NoteContent() => Volatile.Write(ref _hasContent, true);

    /// <summary>Notes that the HTTP client reads the body. A second reading within an attempt is another sending.</summary>
    /// <returns>Whether it may.</returns>
    public bool TryBeginReading()
    {
        var readings = Interlocked.Increment(ref _readings);
        if (readings == 1)
        {
            return true;
        }

        if (Body is not { IsKept: true } || readings > MaxReadings || !HasMore || !IsInTime || _clientLeft.IsCancellationRequested)
        {
            return false;
        }

        Interlocked.Increment(ref _count);
        return true;
    }

    /// <summary>Notes the destination of the current attempt, which has failed.</summary>
    public void NoteTried(DestinationState destination) => (_tried ??= []).Add(destination);

    /// <summary>Whether an earlier attempt has failed at a destination.</summary>
    public bool HasTried(DestinationState destination) => _tried?.Contains(destination) == true;
}
