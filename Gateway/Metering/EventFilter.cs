namespace Gateway.Metering;

/// <summary>
/// Tells by a few vectorised searches whether an event can matter. Nearly all events carry a piece of text and nothing to learn; a
/// look-alike inside such a text costs a walk, no more.
/// </summary>
internal static class EventFilter
{
    // Where the type of an event stands, when it has one: it comes first, or behind a number.
    private const int HeadLength = 64;

    /// <summary>Whether the data of an event may hold a bill, an error, a reason to stop or the end of the answer.</summary>
    public static bool MayMatter(ReadOnlySpan<byte> data) =>
        HasValue(data, "_reason\""u8) || HasValue(data, "\"usage\""u8) || HasValue(data, "error\""u8) || EndsAnswer(data);

    /// <summary>Whether the end of a member's name is followed by anything but null, or is no name at all.</summary>
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

    private static bool EndsAnswer(ReadOnlySpan<byte> data)
    {
        var head = data[..Math.Min(HeadLength, data.Length)];
        var at = head.IndexOf("\"type\""u8);
        if (at < 0)
        {
            return false;
        }

        var value = AfterColon(data[(at + 6)..]);
        return value.StartsWith("\"message_stop"u8) || value.StartsWith("\"response.completed"u8)
            || value.StartsWith("\"response.incomplete"u8) || value.StartsWith("\"response.failed"u8);
    }

    private static ReadOnlySpan<byte> AfterColon(ReadOnlySpan<byte> data)
    {
        data = data.TrimStart(" \t"u8);
        return data.IsEmpty || data[0] != (byte)':' ? data : data[1..].TrimStart(" \t"u8);
    }
}
