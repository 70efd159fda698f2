namespace Gateway.Metering;

/// <summary>
/// Decides by a few vectorised searches whether an event has to be parsed. Nearly all events contain only a piece of text. A match inside
/// that text costs one unnecessary parse.
/// </summary>
internal static class EventFilter
{
    // The type is among the first bytes of an event: it is the first member, or follows a number.
    private const int HeadLength = 64;

    /// <summary>Whether the data of an event may contain a bill, an error, a finish reason or the end of the response.</summary>
    public static bool MayMatter(ReadOnlySpan<byte> data) =>
        HasValue(data, "_reason\""u8) || HasValue(data, "\"usage\""u8) || HasValue(data, "error\""u8) || EndsResponse(data);

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

    private static bool EndsResponse(ReadOnlySpan<byte> data)
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
