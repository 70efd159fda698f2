namespace Gateway.Metering;

/// <summary>
/// Estimates the tokens of the events that have passed, without parsing them: a token per four bytes by which an event is longer than the
/// shortest one, which is nearly all frame, and at least a token per event.
/// </summary>
internal struct PassedText
{
    private const int BytesPerToken = 4;

    // Chunks of OpenRouter have about 250 bytes besides their text. A stream of a single long event has no shorter one to compare with.
    private const int LongestFrame = 300;

    private long _events;
    private long _bytes;
    private int _frame;

    /// <summary>The estimate.</summary>
    public readonly long Tokens => Math.Max(_events, (_bytes - (_events * _frame)) / BytesPerToken);

    /// <summary>Adds an event with this number of bytes.</summary>
    public void Add(int bytes)
    {
        _frame = _events == 0 ? Math.Min(bytes, LongestFrame) : Math.Min(bytes, _frame);
        _events++;
        _bytes += bytes;
    }
}
