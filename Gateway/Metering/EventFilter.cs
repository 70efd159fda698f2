namespace Gateway.Metering;

/// <summary>
/// Decides by a few vectorised searches whether an event has to be parsed. Nearly all events contain only a piece of text. A match inside
/// that text costs one unnecessary parse.
/// </summary>
internal static class EventFilter
{
    // The type is among the first bytes of an event: it is the first member, or follows a number.
    private const int HeadLength = 64;

    /// <summary>The number of last bytes in which the type of an event is looked for.</summary>
    public const int TailLength = 64;

    /// <summary>Whether the data of an event may contain a bill, an error, a finish reason or the end of the response.</summary>
    public static bool MayMatter(ReadOnlySpan<byte> data) =>
        HasValue(data, "_reason\""u8) || HasValue(data, "\"usage\""u8) || HasValue(data, "error\""u8) || EndsResponse(data);

    /// <summary>
    /// Whether the data of an event contains a piece of a completion. A repetition of the whole text does not count, nor does the request
    /// that the events around the completion repeat.
    /// </summary>
    public static bool CarriesText(ReadOnlySpan<byte> data) =>
        data.IndexOf("\"delta\""u8) >= 0
        || (data.IndexOf("\"text\""u8) >= 0
            && data[..Math.Min(HeadLength, data.Length)].IndexOf(".done\""u8) < 0
            && !IsOpening(data)
            && !EndsResponse(data));

    /// <summary>Whether the type of an event is one of those that open a stream, before its content.</summary>
    public static bool IsOpening(ReadOnlySpan<byte> data)
    {
        var value = TypeOf(data);
        return value.StartsWith("\"ping\""u8) || value.StartsWith("\"message_start\""u8)
            || value.StartsWith("\"response.created\""u8) || value.StartsWith("\"response.in_progress\""u8);
    }

    /// <summary>Whether the type of an event says that no further one is needed: the response is complete, or has failed.</summary>
    public static bool EndsResponse(ReadOnlySpan<byte> data) =>
        IsEnd(TypeOf(data)) || (data.Length > HeadLength && EndsResponseAtEnd(data));

    /// <summary>Whether such a type is among the last bytes of an event, behind the response itself.</summary>
    /// <param name="data">At least the last <see cref="TailLength"/> bytes of the event.</param>
    public static bool EndsResponseAtEnd(ReadOnlySpan<byte> data) => IsEnd(TypeOf(data[^Math.Min(TailLength, data.Length)..]));

    /// <summary>Whether the type of an event is <c>ping</c>.</summary>
    public static bool IsPing(ReadOnlySpan<byte> data) => TypeOf(data).StartsWith("\"ping\""u8);

    private static bool IsEnd(ReadOnlySpan<byte> type) =>
        type.StartsWith("\"message_stop"u8) || type.StartsWith("\"response.completed"u8)
        || type.StartsWith("\"response.incomplete"u8) || type.StartsWith("\"response.failed"u8);

    /// <summary>Whether the data contains the name other than as a member with the value null.</summary>
    private static bool HasValue(ReadOnlySpan<byte> data, ReadOnlySpan<byte> name)
    {
        while (true)
        {
            var at = data.IndexOf(name);
            if (at < 0)
            {
                return false;
            }

            data = data[(at + name.Length)..];
            var value = data.StartsWith(":n"u8) ? data[1..] : AfterColon(data);
            if (value.IsEmpty || value[0] != (byte)'n')
            {
                return true;
            }
        }
    }

    /// <summary>The data from the value of its <c>type</c> on; empty if no type is among the first bytes.</summary>
    private static ReadOnlySpan<byte> TypeOf(ReadOnlySpan<byte> data)
    {
        var at = data[..Math.Min(HeadLength, data.Length)].IndexOf("\"type\""u8);
        return at < 0 ? default : AfterColon(data[(at + 6)..]);
    }

    private static ReadOnlySpan<byte> AfterColon(ReadOnlySpan<byte> data)
    {
        data = data.TrimStart(" \t"u8);
        return data.IsEmpty || data[0] != (byte)':' ? data : data[1..].TrimStart(" \t"u8);
    }
}
